using LicenseFunctions.Infrastructure.Settings;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The relay and who writes. Without SMTP_URL mails wait in the outbox until there is one.</summary>
/// <param name="Relay">smtp:// or smtps://, with user and password where the relay wants them.</param>
/// <param name="PublicUrl">Where customers reach the pages that mails link to; null = mails carry no links.</param>
public sealed record NotificationSettings(Uri? Relay, MailboxAddress From, Uri? PublicUrl)
{
    private const string FromExample = "Licenses <licenses@example.com>";

    public static NotificationSettings Read(SettingReader reader)
    {
        var relay = reader.Address("SMTP_URL", "smtp://user:password@mail.example.com:587", "smtp", "smtps");
        var publicUrl = reader.Address("PUBLIC_URL", "https://licenses.example.com", "https", "http");
        if (reader.Optional("MAIL_FROM") is not { } from)
        {
            if (relay is not null)
                reader.Fault("MAIL_FROM", "is missing beside SMTP_URL", FromExample, 0);
            return new NotificationSettings(relay, new MailboxAddress("Licenses", "licenses@localhost"), publicUrl);
        }

        return MailboxAddress.TryParse(from, out var address) && address.Address.Contains('@', StringComparison.Ordinal)
            ? new NotificationSettings(relay, address, publicUrl)
            : reader.Fault("MAIL_FROM", "is not a mail address", FromExample, new NotificationSettings(relay, new MailboxAddress("", "licenses@localhost"), publicUrl));
    }

    /// <summary>Keeps the relay's password out of logs.</summary>
    public override string ToString() => $"mail from {From.Address} by {Relay?.Host ?? "no relay"}";
}
