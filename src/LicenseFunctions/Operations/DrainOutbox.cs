using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>What a tick did.</summary>
public sealed record OutboxCounts(int Sent, int Later, int Dead);

/// <summary>
/// Sends the mails that are due. At least once: a worker that dies between the relay's yes and our note sends that one again, under
/// the same Message-ID. A dead relay delays, never loses; only an address or a text that is refused for good is given up.
/// </summary>
public sealed class DrainOutbox(OutboxStore store, Func<Mailer> connect, TimeProvider clock, ILogger<DrainOutbox> log)
{
    private const int Batch = 20;

    /// <summary>Of a whole batch. Nothing is sent in its last minute, which the slowest single mail doesn't take.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    public async Task<OutboxCounts> RunAsync(CancellationToken cancellationToken)
    {
        var counts = new OutboxCounts(0, 0, 0);
        using var mailer = connect();
        if (!mailer.HasRelay)
            return counts;
        MailOutcome? relayDown = null;
        for (var claimed = Batch; claimed == Batch && relayDown is null;)
        {
            var began = clock.GetTimestamp();
            var mails = await store.ClaimAsync(Batch, Lease, cancellationToken);
            claimed = mails.Count;
            foreach (var mail in mails.TakeWhile(_ => clock.GetElapsedTime(began) < Lease - Margin))
            {
                // One mail finds out that the relay is away; the others wait with it instead of waiting for it.
                var outcome = relayDown ?? await SendAsync(mailer, mail, cancellationToken);
                if (outcome is MailOutcome.Later { RelayDown: true })
                    relayDown = outcome;
                counts = await SettleAsync(mail, outcome, counts, cancellationToken);
            }
        }

        if (counts is not { Sent: 0, Later: 0, Dead: 0 })
            log.LogInformation("Outbox drained: {Counts}", counts);
        return counts;
    }

    /// <summary>10 s, 20 s, 40 s … up to an hour, however long the relay is away.</summary>
    public static TimeSpan Wait(int attempts) =>
        TimeSpan.FromSeconds(Math.Min(10 * Math.Pow(2, Math.Min(attempts, 20) - 1), LongestWait.TotalSeconds));

    private static async Task<MailOutcome> SendAsync(Mailer mailer, OutboxMail mail, CancellationToken cancellationToken)
    {
        if (mail.Address is null)
            return new MailOutcome.Never("no address");
        var payload = JsonNode.Parse(mail.Payload)!.AsObject();
        return await mailer.SendAsync(
            new OutgoingMail(
                mail.OutboxId, mail.Address, payload["template"]?.GetValue<string>() ?? "", payload["model"] as JsonObject ?? [], new DateTimeOffset(mail.CreatedAt)),
            cancellationToken);
    }

    private async Task<OutboxCounts> SettleAsync(OutboxMail mail, MailOutcome outcome, OutboxCounts counts, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case MailOutcome.Sent:
                await store.SentAsync(mail, cancellationToken);
                return counts with { Sent = counts.Sent + 1 };
            case MailOutcome.Never { Why: var why }:
                log.LogWarning("Mail {OutboxId} is given up: {Why}", mail.OutboxId, why);
                await store.DeadAsync(mail, why, cancellationToken);
                return counts with { Dead = counts.Dead + 1 };
            case MailOutcome.Later { Why: var why }:
                log.LogWarning("Mail {OutboxId} is put off after attempt {Attempts}: {Why}", mail.OutboxId, mail.Attempts, why);
                await store.LaterAsync(mail, Wait(mail.Attempts), why, cancellationToken);
                return counts with { Later = counts.Later + 1 };
            default:
                throw new InvalidOperationException($"No outcome {outcome}");
        }
    }
}
