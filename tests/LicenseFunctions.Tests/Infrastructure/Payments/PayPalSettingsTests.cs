using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

public sealed class PayPalSettingsTests
{
    private static readonly Dictionary<string, string?> Complete = new()
    {
        ["PAYPAL_CLIENT_ID"] = "client",
        ["PAYPAL_CLIENT_SECRET"] = "secret",
        ["PAYPAL_WEBHOOK_ID"] = "WH1",
        ["PAYPAL_API_URL"] = "https://api-m.paypal.com",
        ["PUBLIC_URL"] = "https://licenses.example.com/base",
    };

    [Fact]
    public void Read_AllOrNone()
    {
        var settings = Read(Complete, out var faults)!;

        Assert.Empty(faults);
        Assert.Equal(
            ("https://api-m.paypal.com/", "https://licenses.example.com/base/app/payment-methods"),
            (settings.ApiUrl.ToString(), settings.ReturnUrl.ToString()));
        Assert.DoesNotContain("secret", settings.ToString(), StringComparison.Ordinal);
        Assert.Null(Read(new Dictionary<string, string?>(), out var none));
        Assert.Empty(none);
    }

    [Theory]
    [InlineData("PAYPAL_CLIENT_ID", null)]
    [InlineData("PAYPAL_CLIENT_SECRET", null)]
    [InlineData("PAYPAL_CLIENT_SECRET", "with a space")]
    [InlineData("PAYPAL_CLIENT_SECRET", "secret,")]
    [InlineData("PAYPAL_WEBHOOK_ID", null)]
    [InlineData("PAYPAL_API_URL", null)]
    [InlineData("PAYPAL_API_URL", "api-m.paypal.com")]
    [InlineData("PUBLIC_URL", null)]
    public void Read_AMissingOrWrongOne_IsNamedWithAnExample(string name, string? value)
    {
        Assert.Null(Read(new Dictionary<string, string?>(Complete) { [name] = value }, out var faults));

        var fault = Assert.Single(faults);
        Assert.StartsWith(name, fault, StringComparison.Ordinal);
        Assert.Contains($"Example: {name}=", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SeveralSecrets_UsesTheFirst_AndKeepsTheEarlierOnes()
    {
        var rotated = new Dictionary<string, string?>(Complete) { ["PAYPAL_CLIENT_SECRET"] = "new,old,older" };

        var settings = Read(rotated, out _)!;
        var tools = PayPalSettings.ReadForTools(new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(rotated).Build()))!;

        Assert.All((PayPalSettings[])[settings, tools], one => Assert.Equal(
            ("new", "old older"), (one.ClientSecret, string.Join(' ', one.EarlierSecrets))));
    }

    [Fact]
    public void ReadForTools_NeedsNoWebhookAndNoPages()
    {
        string[] unneeded = ["PAYPAL_WEBHOOK_ID", "PUBLIC_URL"];
        SettingReader Reader(string? without) => new(new ConfigurationBuilder().AddInMemoryCollection(
            Complete.Where(one => !unneeded.Contains(one.Key) && one.Key != without)).Build());

        Assert.Equal("client", PayPalSettings.ReadForTools(Reader(null))?.ClientId);
        var faulty = Reader("PAYPAL_API_URL");
        Assert.Null(PayPalSettings.ReadForTools(faulty));
        Assert.Contains("PAYPAL_API_URL", Assert.Throws<SettingsException>(faulty.ThrowIfFaulty).Message, StringComparison.Ordinal);
    }

    private static PayPalSettings? Read(IReadOnlyDictionary<string, string?> values, out IReadOnlyList<string> faults)
    {
        var reader = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        var settings = PayPalSettings.Read(reader);
        faults = Record.Exception(reader.ThrowIfFaulty) is SettingsException wrong ? wrong.Faults : [];
        return settings;
    }
}
