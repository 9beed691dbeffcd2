using System.Text.Json.Nodes;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Id">Becomes the Message-ID, so that mail programs show a duplicate only once.</param>
/// <param name="CreatedAt">Time of the event. A duplicate has the same date.</param>
public sealed record OutgoingMail(Guid Id, string To, string Template, JsonObject Model, DateTimeOffset CreatedAt);

/// <summary>The result of an attempt to send a mail.</summary>
public abstract record MailOutcome
{
    private MailOutcome() { }

    /// <summary>The relay accepted the mail.</summary>
    public sealed record Sent : MailOutcome;

    /// <summary>A later attempt may succeed: the relay or the connection failed, or the template has an error.</summary>
    /// <param name="RelayDown">The relay can't be reached, so no other mail can be sent now.</param>
    public sealed record Later(string Reason, bool RelayDown) : MailOutcome;

    /// <summary>The relay rejected the mail permanently.</summary>
    public sealed record Never(string Reason) : MailOutcome;
}

/// <summary>Sends mails over one connection to the relay. The connection is opened at the first mail.</summary>
public sealed class Mailer(MailSettings settings, MailTemplates templates) : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly SmtpClient smtp = new() { Timeout = (int)Timeout.TotalMilliseconds };

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
        catch (Exception invalid) when (invalid is KeyNotFoundException or ParseException)
        {
            return new MailOutcome.Later($"can't be written: {invalid.GetType().Name}", RelayDown: false);
        }
        catch (SmtpCommandException refused)
            when (refused.ErrorCode is SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted
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
    /// <exception cref="ParseException">The address is not valid.</exception>
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
        // A password is sent to another machine only over TLS.
        var security = relay.Scheme == "smtps" ? SecureSocketOptions.SslOnConnect
            : login is [{ Length: > 0 }, ..] && !relay.IsLoopback ? SecureSocketOptions.StartTls
            : SecureSocketOptions.StartTlsWhenAvailable;
        var port = relay.Port > 0 ? relay.Port : relay.Scheme == "smtps" ? 465 : 587;
        await smtp.ConnectAsync(relay.Host, port, security, cancellationToken);
        if (login is [{ Length: > 0 } user, var password])
            await smtp.AuthenticateAsync(Uri.UnescapeDataString(user), Uri.UnescapeDataString(password), cancellationToken);
    }

    /// <summary>The state of the connection is unknown after a failure, so the next mail opens a new one.</summary>
    private async Task ResetAsync()
    {
        if (smtp.IsConnected)
            await smtp.DisconnectAsync(quit: false, CancellationToken.None);
    }

    // The text of a relay's reply may contain the address, so only the type and the code are stored.
    private static string Describe(Exception failure) => failure switch
    {
        SmtpCommandException refused => $"{(int)refused.StatusCode} {refused.ErrorCode}",
        _ => failure.GetType().Name,
    };
}
