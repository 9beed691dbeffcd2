using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <param name="Sent">Mails that the relay accepted.</param>
/// <param name="Later">Mails that will be sent again later.</param>
/// <param name="Dead">Mails that were given up.</param>
public sealed record OutboxCounts(int Sent, int Later, int Dead);

/// <summary>
/// Sends the mails that are due, at least once: if the process crashes after the relay has accepted a mail and before this is stored, the
/// mail is sent again with the same Message-ID. A mail is given up only if the relay permanently rejects its address or its content.
/// </summary>
public sealed class DrainOutbox(OutboxStore outbox, Func<Mailer> connect, TimeProvider clock, ILogger<DrainOutbox> log)
{
    private const int BatchSize = 20;

    /// <summary>Lease for one batch. Sending stops one minute before it expires.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    /// <summary>More than the time that sending one mail can take.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    public async Task<OutboxCounts> RunAsync(CancellationToken cancellationToken)
    {
        var counts = new OutboxCounts(0, 0, 0);
        using var mailer = connect();
        if (!mailer.HasRelay)
            return counts;
        MailOutcome? relayDown = null;
        for (var claimed = BatchSize; claimed == BatchSize && relayDown is null;)
        {
            var claimedAt = clock.GetTimestamp();
            var rows = await outbox.ClaimAsync(OutboxStore.Email, BatchSize, Lease, cancellationToken);
            claimed = rows.Count;
            foreach (var row in rows.TakeWhile(_ => clock.GetElapsedTime(claimedAt) < Lease - Margin))
            {
                // If the relay is down, the rest of the batch is delayed without a connection attempt for each mail.
                var outcome = relayDown ?? await SendAsync(mailer, row, cancellationToken);
                if (outcome is MailOutcome.Later { RelayDown: true })
                    relayDown = outcome;
                counts = await SettleAsync(row, outcome, counts, cancellationToken);
            }
        }

        if (counts is not { Sent: 0, Later: 0, Dead: 0 })
            log.LogInformation("Outbox drained: {Counts}", counts);
        return counts;
    }

    private static async Task<MailOutcome> SendAsync(Mailer mailer, OutboxRow row, CancellationToken cancellationToken)
    {
        if (row.Address is null)
            return new MailOutcome.Never("no address");
        var payload = JsonNode.Parse(row.Payload)!.AsObject();
        var mail = new OutgoingMail(
            row.OutboxId, row.Address, payload["template"]?.GetValue<string>() ?? "", payload["model"] as JsonObject ?? [],
            new DateTimeOffset(row.CreatedAt));
        return await mailer.SendAsync(mail, cancellationToken);
    }

    private async Task<OutboxCounts> SettleAsync(
        OutboxRow row, MailOutcome outcome, OutboxCounts counts, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case MailOutcome.Sent:
                await outbox.MarkSentAsync(row, cancellationToken);
                return counts with { Sent = counts.Sent + 1 };
            case MailOutcome.Never { Reason: var reason }:
                log.LogWarning("Mail {OutboxId} was given up: {Reason}", row.OutboxId, reason);
                await outbox.MarkFailedAsync(row, null, reason, cancellationToken);
                return counts with { Dead = counts.Dead + 1 };
            case MailOutcome.Later { Reason: var reason }:
                var delay = OutboxRetryPolicy.Emails.DelayAfter(row.Attempts);
                log.LogWarning("Mail {OutboxId} failed at attempt {Attempts}; next attempt in {Delay}: {Reason}",
                    row.OutboxId, row.Attempts, delay, reason);
                await outbox.MarkFailedAsync(row, delay, reason, cancellationToken);
                return counts with { Later = counts.Later + 1 };
            default:
                throw new InvalidOperationException($"Unknown outcome: {outcome}");
        }
    }
}
