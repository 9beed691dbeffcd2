using LicenseFunctions.Infrastructure.Settings;
using NetArchTest.Rules;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>The arrows of docs/architecture.md: which folders each folder may use.</summary>
public sealed class ArrowTests
{
    private const string Root = "LicenseFunctions";
    private const string Kernel = "Licenses";
    private const string Infrastructure = "Infrastructure";

    private static readonly string[] Features =
        ["Validation", "Leases", "Usage", "Suspicion", "Renewals", "PaymentMethods", "Invoices", "Health", "Home", "Operations", "Pages"];

    /// <summary>Allowed dependencies between features: from, to, and the reason.</summary>
    public static readonly (string From, string To, string Reason)[] Allowed =
    [
        ("Validation", "Suspicion", "a new device gets no slot while the detector sees sharing on its network"),
        ("Validation", "Leases", "the answer of a check that passes has a lease"),
        ("Home", "Validation", "the customer's tasks name devices that were refused"),
        ("Home", "Suspicion", "the customer's tasks name suspensions and questions"),
        ("Home", "Renewals", "the customer's tasks name renewals that need the customer"),
        ("Home", "Health", "lists show the score of the moment, as the license's page does"),
        ("PaymentMethods", "Renewals", "a changed card makes waiting renewals due in the same transaction; the webhook reports both"),
    ];

    private static readonly string[] Technical =
        ["Database", "Geolocation", "Http", "Mail", "Payments", "Settings", "Telemetry", "Timers", "Webhooks"];

    /// <summary>Dependencies between the folders of Infrastructure, in addition to Settings, which all of them use.</summary>
    private static readonly (string From, string To)[] AllowedTechnical =
    [
        ("Geolocation", "Telemetry"), // failures are counted
        ("Http", "Database"), // a lost connection is answered 503
        ("Http", "Telemetry"), // failed requests are counted
        ("Mail", "Database"), // the outbox is a table
        ("Payments", "Database"), // the inbox of payment events is a table
        ("Payments", "Http"), // errors of the gateway have problem details, like all others
    ];

    private static readonly Types App = Types.InAssembly(typeof(SettingReader).Assembly);

    public static TheoryData<string> FeatureFolders => [.. Features];

    public static TheoryData<string> TechnicalFolders => [.. Technical];

    public static TheoryData<string, string> AllowedPairs => [.. Allowed.Select(arrow => (arrow.From, arrow.To))];

    [Theory]
    [MemberData(nameof(FeatureFolders))]
    public void Feature_UsesOtherFeatures_AsListedOnly(string folder) =>
        UsesNone(folder, Features.Where(other => other != folder && !Allowed.Any(arrow => arrow.From == folder && arrow.To == other)));

    [Theory]
    [MemberData(nameof(AllowedPairs))]
    public void AllowedArrow_IsInUse(string from, string to) =>
        Assert.NotEmpty(App.That().ResideInNamespace($"{Root}.{from}").And().HaveDependencyOn($"{Root}.{to}").GetTypes());

    [Fact]
    public void Kernel_UsesNoFeature() => UsesNone(Kernel, Features);

    [Fact]
    public void Infrastructure_UsesNeitherKernelNorFeatures() => UsesNone(Infrastructure, [Kernel, .. Features]);

    [Theory]
    [MemberData(nameof(TechnicalFolders))]
    public void TechnicalFolder_UsesOthers_AsListedOnly(string folder) =>
        UsesNone($"{Infrastructure}.{folder}", Technical
            .Where(other => other != folder && other != "Settings" && !AllowedTechnical.Contains((folder, other)))
            .Select(other => $"{Infrastructure}.{other}"));

    [Fact]
    public void EveryType_ResidesInAKnownFolder()
    {
        string[] known = [Kernel, .. Features, .. Technical.Select(folder => $"{Infrastructure}.{folder}")];
        var astray = App.GetTypes()
            .Select(type => type.FullName)
            .Where(name => name!.StartsWith(Root + ".", StringComparison.Ordinal) && name.Count(letter => letter == '.') > 1
                && !known.Any(folder => name.StartsWith($"{Root}.{folder}.", StringComparison.Ordinal)));

        Assert.Empty(astray);
    }

    [Fact]
    public void Licensing_UsesNothingButTheRuntime() =>
        Assert.All(typeof(Licensing.Refusal).Assembly.GetReferencedAssemblies(), reference =>
            Assert.True(reference.Name!.StartsWith("System.", StringComparison.Ordinal), $"Licensing uses {reference.Name}"));

    [Fact]
    public void Stripe_IsNamedInItsOwnFolderOnly() =>
        Assert.Empty(App.That().DoNotResideInNamespace($"{Root}.{Infrastructure}.Payments.Stripe").And().DoNotHaveName("<Module>")
            .And().HaveDependencyOn("Stripe").GetTypes().Select(type => type.FullName));

    [Fact]
    public void LicenseTool_UsesNoHttpMailPaymentsOrTelemetry()
    {
        var used = Types.InAssembly(System.Reflection.Assembly.Load("licensectl")).That()
            .HaveDependencyOnAny(
                [.. new[] { "Http", "Mail", "Payments", "Telemetry" }.Select(folder => $"{Root}.{Infrastructure}.{folder}")])
            .GetTypes().Select(type => type.FullName);

        Assert.Empty(used);
    }

    private static void UsesNone(string folder, IEnumerable<string> forbidden)
    {
        string[] namespaces = [.. forbidden.Select(other => $"{Root}.{other}")];
        var offenders = App.That().ResideInNamespace($"{Root}.{folder}").And().HaveDependencyOnAny(namespaces).GetTypes();

        Assert.Empty(offenders.Select(type => $"{type.FullName} uses one of {string.Join(", ", namespaces)}"));
    }
}
