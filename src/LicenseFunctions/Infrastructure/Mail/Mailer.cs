using System.Text.Json.Nodes;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Id">Becomes the Message-ID, so that programs show a repeat once.</param>
/// <param name="CreatedAt">When the event was; a repeat carries the same date.</param>
public sealed record OutgoingMail(Guid Id, string To, string Template, JsonObject Model, DateTimeOffset CreatedAt);

/// <summary>What became of a mail.</summary>
public abstract record MailOutcome
{
    private MailOutcome() { }

    /// <summary>The relay took it.</summary>
    public sealed record Sent : MailOutcome;

    /// <summary>Not now: the relay, the line, or something of ours that a new version may mend.</summary>
    /// <param name="RelayDown">No mail would go now, whatever its address.</param>
    public sealed record Later(string Why, bool RelayDown) : MailOutcome;

    /// <summary>Refused for good: this mail to this address never arrives.</summary>
    public sealed record Never(string Why) : MailOutcome;
}

/// <summary>One connection to the relay, for several mails.</summary>
public sealed class Mailer(NotificationSettings settings, MailTemplates templates) : IDisposable
{
    private readonly SmtpClient smtp = new() { Timeout = 20_000 };

    public bool HasRelay => settings.Relay is not null;

    public async Task<MailOutcome> SendAsync(OutgoingMail mail, CancellationToken cancellationToken)
    {
        var connected = false;
        try
        {
            var message = Compose(mail);
            await ConnectAsync(cancellationToken);
            connected = true;
            await smtp.SendAsync(message, cancellationToken);
            return new MailOutcome.Sent();
        }
        catch (Exception broken) when (broken is KeyNotFoundException or ParseException)
        {
            return new MailOutcome.Later($"can't be written: {broken.GetType().Name}", RelayDown: false);
        }
        catch (SmtpCommandException refused) when (refused.ErrorCode is SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted
            && (int)refused.StatusCode is >= 550 and <= 559)
        {
            await ResetAsync();
            return new MailOutcome.Never($"{(int)refused.StatusCode} {refused.ErrorCode}");
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            await ResetAsync();
            return new MailOutcome.Later(Describe(failure), RelayDown: !connected);
        }
    }

    /// <exception cref="KeyNotFoundException">There is no such template.</exception>
    /// <exception cref="ParseException">The address is none.</exception>
    public MimeMessage Compose(OutgoingMail mail)
    {
        var rendered = templates.Render(mail.Template, mail.Model, settings.PublicUrl?.ToString().TrimEnd('/'));
        return new MimeMessage([settings.From], [MailboxAddress.Parse(mail.To)], rendered.Subject,
            new BodyBuilder { TextBody = rendered.Text, HtmlBody = rendered.Html }.ToMessageBody())
        {
            MessageId = $"{mail.Id:N}@{settings.From.Domain}",
            Date = mail.CreatedAt,
            Headers = { { "Auto-Submitted", "auto-generated" } },
        };
    }

    public void Dispose() => smtp.Dispose();

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        if (smtp.IsConnected)
            return;
        var relay = settings.Relay!;
        var login = relay.UserInfo.Split(':', 2);
        // A password never goes over the net in the clear; on this machine there is no net.
        var security = relay.Scheme == "smtps" ? SecureSocketOptions.SslOnConnect
            : login is [{ Length: > 0 }, ..] && !relay.IsLoopback ? SecureSocketOptions.StartTls
            : SecureSocketOptions.StartTlsWhenAvailable;
        var port = relay.Port > 0 ? relay.Port : relay.Scheme == "smtps" ? 465 : 587;
        await smtp.ConnectAsync(relay.Host, port, security, cancellationToken);
        if (login is [{ Length: > 0 } user, var password])
            await smtp.AuthenticateAsync(Uri.UnescapeDataString(user), Uri.UnescapeDataString(password), cancellationToken);
    }

    /// <summary>After a failure the connection's state isn't known: the next mail begins a new one.</summary>
    private async Task ResetAsync()
    {
        if (smtp.IsConnected)
            await smtp.DisconnectAsync(quit: false, CancellationToken.None);
    }

    // A relay's answer may repeat the address: the type and the code are enough.
    private static string Describe(Exception failure) => failure switch
    {
        SmtpCommandException refused => $"{(int)refused.StatusCode} {refused.ErrorCode}",
        _ => failure.GetType().Name,
    };
}
