using LicenseFunctions.Infrastructure.Settings;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The SMTP relay and the sender. Without SMTP_URL mails stay in the outbox.</summary>
/// <param name="Relay">smtp:// or smtps://, with user and password if the relay requires them.</param>
/// <param name="From">The sender; null only if there is no relay.</param>
/// <param name="PublicUrl">Public address of the web pages that mails link to; null: mails contain no links.</param>
/// <param name="CloseOnly">How long EAs may close their positions after the end of a license.</param>
public sealed record MailSettings(Uri? Relay, MailboxAddress? From, Uri? PublicUrl, TimeSpan CloseOnly = default)
{
    public Brand Brand { get; init; } = Brand.Default;

    /// <summary>Of mails to customers who have not chosen one on the pages.</summary>
    public string Language { get; init; } = MailTemplates.English;

    private const string RelayExample = "smtp://user:password@mail.example.com:587";
    private const string FromExample = "Licenses <licenses@example.com>";

    public static MailSettings Read(SettingReader reader)
    {
        var relay = reader.Address("SMTP_URL", RelayExample, "smtp", "smtps");
        if (relay is { PathAndQuery: not ("" or "/") })
            reader.Fault("SMTP_URL", "must end after the port: it has no path and no options", RelayExample, 0);
        if (relay is { UserInfo: { Length: > 0 } login } && login.Split(':') is not [{ Length: > 0 }, { Length: > 0 }])
            reader.Fault("SMTP_URL", "must have both a user and a password, or neither", RelayExample, 0);
        var publicUrl = reader.BaseAddress("PUBLIC_URL", "https://licenses.example.com", "https", "http");
        var closeOnly = reader.CloseOnly();
        var brand = Brand.Read(reader);
        var language = reader.Choice("MAIL_LANGUAGE", [MailTemplates.English, .. MailTemplates.Languages.Except([MailTemplates.English])]);
        if (reader.Optional("MAIL_FROM") is not { } from)
        {
            if (relay is not null)
                reader.Fault("MAIL_FROM", "is missing, and SMTP_URL is set", FromExample, 0);
            return new MailSettings(relay, null, publicUrl, closeOnly)
            {
                Brand = brand,
                Language = language,
            };
        }

        return MailAddresses.TryParse(from, out var address)
            ? new MailSettings(relay, address, publicUrl, closeOnly) { Brand = brand, Language = language }
            : reader.Fault(
                "MAIL_FROM", "is not a mail address", FromExample,
                new MailSettings(relay, null, publicUrl, closeOnly));
    }

    /// <summary>Without the password of the relay, so that logs can't contain it.</summary>
    public override string ToString() => $"mail from {From?.Address ?? "no sender"} via {Relay?.Host ?? "no relay"}";
}
