using System.Globalization;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>Every numeric setting of docs/configuration.md, in the whole composition of the app.</summary>
public sealed partial class NumericSettingsTests
{
    // Not a number, or one that another parser or another language reads as another number.
    public static TheoryData<string> Texts =>
    [
        "0,1", "1,000", "1.000,5", " 1", "1 ", "\t1", "\uff11", "\u0661", "1e3", "+1", "-1", "1_000", "0x1", "NaN", "Infinity",
        "\u221e", "one",
    ];

    private static string[] Names { get; } =
        [.. Row().Matches(Repository.Read("docs/configuration.md")).SelectMany(row => Name().Matches(row.Groups[1].Value).Zip(
            Range().Matches(row.Groups[2].Value), (name, _) => name.Groups[1].Value))];

    [Fact]
    public void Names_OfTheDocument_AreFound() =>
        Assert.Superset(
            new HashSet<string> { "PRICE_RISE_CONSENT_SHARE", "STRIPE_WRITES_PER_SECOND", "STRIPE_CONCURRENCY", "RATE_LIMIT_PER_MINUTE" },
            Names.ToHashSet());

    /// <summary>All settings at once: a start takes time, and it names each setting that is wrong.</summary>
    [Theory]
    [MemberData(nameof(Texts))]
    public void Start_TextThatIsNotAPlainNumber_IsRejectedForEverySettingInEveryLanguage(string text)
    {
        var withComma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (withComma.NumberFormat.NumberDecimalSeparator, withComma.NumberFormat.NumberGroupSeparator) = (",", ".");
        foreach (var culture in (CultureInfo[])[CultureInfo.InvariantCulture, withComma])
        {
            var before = CultureInfo.CurrentCulture;
            CultureInfo.CurrentCulture = culture;
            try
            {
                var wrong = Assert.Throws<SettingsException>(() => Start(text));
                Assert.Equal(Names.Order(), wrong.Faults.Select(fault => fault.Split(' ')[0]).Order());
            }
            finally
            {
                CultureInfo.CurrentCulture = before;
            }
        }
    }

    /// <summary>With this text as the value of every numeric setting.</summary>
    private static void Start(string text)
    {
        using var host = Program.BuildStandalone(
        [
            "--DATABASE_URL=Host=127.0.0.1;Port=1", $"--AUTH_SIGNING_KEY={RunningApp.SigningKeyText}",
            .. Names.Select(name => $"--{name}={text}"),
        ]);
    }

    [GeneratedRegex(@"^\| (`[A-Z_`, ]+`) \|([^|]*\[[^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([A-Z_]+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"\[[0-9]+\u2013[0-9]+\]")]
    private static partial Regex Range();
}
