using System.Text.Json.Nodes;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Id">Becomes the Message-ID, so that mail programs show a duplicate only once.</param>
/// <param name="CreatedAt">Time of the event. A duplicate has the same date.</param>
/// <param name="Language">The customer's; null: that of the settings.</param>
public sealed record OutgoingMail(
    Guid Id, string To, string Template, JsonObject Model, DateTimeOffset CreatedAt, string? Language = null);

/// <param name="Name">The name of the file.</param>
public sealed record MailAttachment(string Name, string MediaType, byte[] Content);

/// <summary>Writes the files of a mail when it is sent, because the outbox has no files. Most mails have none.</summary>
public delegate Task<IReadOnlyList<MailAttachment>> FindAttachments(OutgoingMail mail, CancellationToken cancellationToken);

/// <summary>The result of an attempt to send a mail.</summary>
public abstract record MailOutcome
{
    private MailOutcome() { }

    /// <summary>The relay accepted the mail.</summary>
    public sealed record Sent : MailOutcome;

    /// <summary>A later attempt may succeed: the connection broke, or the template has an error.</summary>
    public sealed record Later(string Reason) : MailOutcome;

    /// <summary>The relay can't be reached, or rejects the login or the sender, so no other mail can be sent now.</summary>
    public sealed record RelayDown(string Reason) : MailOutcome;

    /// <summary>The relay rejected this mail.</summary>
    public sealed record Refused(string Reason, RefusalCause Cause) : MailOutcome;

    /// <summary>The mail can't be sent at all.</summary>
    public sealed record Never(string Reason) : MailOutcome;
}

/// <summary>Sends mails over one connection to the relay. The connection is opened at the first mail.</summary>
public sealed class Mailer(MailSettings settings, MailTemplates templates, FindAttachments? attachments = null) : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    // Created with the first mail, so that MailKit is loaded only when mail is sent.
    private SmtpClient? smtp;

    public bool HasRelay => settings.Relay is not null;

    public async Task<MailOutcome> SendAsync(OutgoingMail mail, CancellationToken cancellationToken)
    {
        if (!MailAddresses.TryParse(mail.To, out var to))
            return new MailOutcome.Never("the address is not valid");
        MimeMessage message;
        try
        {
            message = Compose(mail, to, attachments is null ? [] : await attachments(mail, cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // An error of one template or model must not delay the other mails.
        catch (Exception invalid)
#pragma warning restore CA1031
        {
            return new MailOutcome.Later($"can't be written: {invalid.GetType().Name}");
        }

        var connected = false;
        try
        {
            await ConnectAsync(cancellationToken);
            connected = true;
            await smtp!.SendAsync(message, cancellationToken);
            return new MailOutcome.Sent();
        }
        catch (SmtpCommandException refused) when (connected)
        {
            await ResetAsync();
            var (stage, status) = (refused.ErrorCode, (int)refused.StatusCode);
            var reason = SmtpRefusals.Describe(stage, status, refused.Message);
            var cause = SmtpRefusals.Classify(stage, status, refused.Message);
            return cause is RefusalCause.Relay ? new MailOutcome.RelayDown(reason) : new MailOutcome.Refused(reason, cause);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            await ResetAsync();
            return !connected || failure is ServiceNotAuthenticatedException
                ? new MailOutcome.RelayDown(Describe(failure))
                : new MailOutcome.Later(Describe(failure));
        }
    }

    private MimeMessage Compose(OutgoingMail mail, MailboxAddress to, IReadOnlyList<MailAttachment> files)
    {
        var from = settings.From!;
        mail.Model["is_attached"] = files.Count > 0;
        var rendered = templates.Render(mail.Template, mail.Model, settings.PublicUrl?.ToString().TrimEnd('/'), mail.Language);
        var body = new BodyBuilder { TextBody = rendered.Text, HtmlBody = rendered.Html };
        foreach (var file in files)
            body.Attachments.Add(file.Name, file.Content, ContentType.Parse(file.MediaType));
        var message = new MimeMessage([from], [to], rendered.Subject, body.ToMessageBody())
        {
            MessageId = $"{mail.Id:N}@{from.Domain}",
            Date = mail.CreatedAt,
            Headers = { { "Auto-Submitted", "auto-generated" } },
        };
        // Replies to the mail go to support.
        if (settings.Brand.SupportEmail is { } support && support != from.Address
            && MailAddresses.TryParse(support, out var reply))
            message.ReplyTo.Add(reply);
        return message;
    }

    public void Dispose() => smtp?.Dispose();

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        smtp ??= new SmtpClient { Timeout = (int)Timeout.TotalMilliseconds };
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
        if (smtp is { IsConnected: true })
            await smtp.DisconnectAsync(quit: false, CancellationToken.None);
    }

    // The text of a relay's reply may contain the address, so only the type and the code are stored.
    private static string Describe(Exception failure) => failure switch
    {
        SmtpCommandException refused => SmtpRefusals.Describe(refused.ErrorCode, (int)refused.StatusCode, refused.Message),
        _ => failure.GetType().Name,
    };
}
