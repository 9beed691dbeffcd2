using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Suspicion;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Mail;

public sealed class MailAddressesTests
{
    public static TheoryData<string, string?> Addresses => new()
    {
        { "jo@example.com", "jo@example.com" },
        { "Jo Doe <jo@example.com>", "jo@example.com" },
        { "Jo <jo@example.com", "jo@example.com" },
        { "jo+tag@example.com", "jo+tag@example.com" },
        { "\"jo doe\"@example.com", "\"jo doe\"@example.com" },
        { "jo@xn--bcher-kva.example", "jo@b\u00fccher.example" },
        { "jo..e@docomo.ne.jp", "\"jo..e\"@docomo.ne.jp" },
        { "jo.@docomo.ne.jp", "\"jo.\"@docomo.ne.jp" },
        { "", null },
        { " ", null },
        { "jo", null },
        { "jo@", null },
        { "@example.com", null },
        { "jo@example.com,ann@example.com", null },
        { "jo@example.com; ann@example.com", null },
        { "jo@example.com ann@example.com", null },
        { "jo@example.com\r\nBcc: ann@example.com", null },
        { "jo\0@example.com", null },
        { "team: jo@example.com;", null },
        { new string('a', 2_000) + "@example.com", null },
    };

    [Theory]
    [MemberData(nameof(Addresses))]
    public void TryParse_Text_IsOneAddressOrNone(string text, string? address)
    {
        Assert.Equal(address is not null, MailAddresses.TryParse(text, out var parsed));
        Assert.Equal(address, parsed?.Address);
    }

    [Theory]
    [MemberData(nameof(Addresses))]
    public void Read_SettingsOfAddresses_AcceptWhatCanBeSent(string text, string? address)
    {
        var reader = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["SMTP_URL"] = "smtp://localhost",
            ["MAIL_FROM"] = text,
            ["ALERT_EMAIL"] = text,
        }).Build());
        MailSettings.Read(reader);
        SuspicionSettings.Read(reader);

        if (address is not null)
            reader.ThrowIfFaulty();
        else
            Assert.Equal(text.Length == 0 ? 1 : 2, Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults.Count);
    }
}
