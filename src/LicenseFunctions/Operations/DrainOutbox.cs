using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <param name="Sent">Mails that the relay accepted.</param>
/// <param name="Later">Mails that will be sent again later.</param>
/// <param name="Dead">Mails that were given up.</param>
public sealed record OutboxCounts(int Sent, int Later, int Dead);

/// <summary>
/// Sends the mails that are due, at least once: if the process crashes after the relay has accepted a mail and before this is stored, the
/// mail is sent again with the same Message-ID. A mail is given up only because of its address: it is not valid, or the relay says so with
/// an enhanced code. Several rejected recipients in a row are the relay's fault: sending stops, and mails wait.
/// </summary>
public sealed class DrainOutbox(
    OutboxStore outbox, Func<Mailer> connect, ProcessCounts metrics, TimeProvider clock, ILogger<DrainOutbox> log)
{
    private const int BatchSize = 20;

    /// <summary>If the relay refuses this many recipients and accepts none in between, the relay is the cause.</summary>
    private const int RefusedInARow = 5;

    /// <summary>
    /// These attempts take 11 hours with the delays of <see cref="OutboxRetryPolicy.Emails"/>. If the relay still reports an unknown
    /// address after that time, the mail is given up even if the relay has accepted no other mail.
    /// </summary>
    private const int MaxAddressRefusals = 20;

    /// <summary>Lease for one batch. Sending stops one minute before it expires.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    /// <summary>More than the time that sending one mail can take.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    public async Task<OutboxCounts> RunAsync(CancellationToken cancellationToken)
    {
        using var mailer = connect();
        var run = new Run();
        if (!mailer.HasRelay)
            return run.Counts;
        var batch = TimeSlice.Batch(BatchSize, 2);
        for (var claimed = batch; claimed == batch && run.Stopped is null;)
        {
            var claimedAt = clock.GetTimestamp();
            var rows = await outbox.ClaimAsync(OutboxStore.Email, batch, Lease, cancellationToken);
            claimed = rows.Count;
            foreach (var row in rows.TakeWhile(_ => clock.GetElapsedTime(claimedAt) < Lease - Margin))
            {
                if (run.Stopped is { } reason)
                    await PostponeAsync(run, row, reason, cancellationToken);
                else
                    await SettleAsync(run, row, await SendAsync(mailer, row, cancellationToken), cancellationToken);
            }

            await SettleRefusedAsync(run, cancellationToken);
            if (claimed == batch && TimeSlice.IsOver)
                break;
        }

        if (run.Counts is not { Sent: 0, Later: 0, Dead: 0 })
            log.LogInformation("Outbox drained: {Counts}", run.Counts);
        return run.Counts;
    }

    private static async Task<MailOutcome> SendAsync(Mailer mailer, OutboxRow row, CancellationToken cancellationToken)
    {
        if (row.Address is null)
            return new MailOutcome.Never("no address");
        JsonObject model;
        string template;
        string? language;
        try
        {
            var payload = JsonNode.Parse(row.Payload)!.AsObject();
            template = payload["template"]?.GetValue<string>() ?? "";
            language = payload["language"]?.GetValue<string>();
            model = payload["model"]?.DeepClone() as JsonObject ?? [];
            if (row.Licenses is { } licenses)
                model["licenses"] = JsonNode.Parse(licenses);
        }
        catch (InvalidOperationException)
        {
            return new MailOutcome.Later("the mail can't be rendered: the payload does not have the expected form");
        }

        return await mailer.SendAsync(
            new OutgoingMail(row.OutboxId, row.Address, template, model, new DateTimeOffset(row.CreatedAt), language), cancellationToken);
    }

    private async Task SettleAsync(Run run, OutboxRow row, MailOutcome outcome, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case MailOutcome.Sent:
                await outbox.MarkSentAsync(row, cancellationToken);
                run.Counts = run.Counts with { Sent = run.Counts.Sent + 1 };
                run.InARow.Clear();
                await SettleRefusedAsync(run, cancellationToken);
                break;
            case MailOutcome.Never { Reason: var reason }:
                await GiveUpAsync(run, row, reason, cancellationToken);
                break;
            case MailOutcome.Later { Reason: var reason }:
                await RetryAsync(run, row, reason, cancellationToken);
                break;
            case MailOutcome.RelayDown { Reason: var reason }:
                Stop(run, ProcessCounts.RelayUnavailable, reason);
                await RetryAsync(run, row, reason, cancellationToken);
                break;
            case MailOutcome.Refused { Cause: RefusalCause.Other, Reason: var reason }:
                await RetryAsync(run, row, reason, cancellationToken);
                break;
            case MailOutcome.Refused refused:
                // Decided later: an accepted mail shows that the relay works.
                run.Refused.Add((row, refused));
                run.InARow.Add(row.Address!);
                if (run.InARow.Count >= RefusedInARow)
                    Stop(run, ProcessCounts.RelayRefusing, refused.Reason);
                break;
            default:
                throw new InvalidOperationException($"Unknown outcome: {outcome}");
        }
    }

    private async Task SettleRefusedAsync(Run run, CancellationToken cancellationToken)
    {
        foreach (var (row, refused) in run.Refused)
        {
            if (refused.Cause is RefusalCause.Address
                && (run.InARow.Count < RefusedInARow || row.Attempts >= MaxAddressRefusals))
                await GiveUpAsync(run, row, refused.Reason, cancellationToken);
            else
                await RetryAsync(run, row, refused.Reason, cancellationToken);
        }

        run.Refused.Clear();
    }

    private void Stop(Run run, string reason, string detail)
    {
        run.Stopped = reason == ProcessCounts.RelayRefusing ? "the relay refuses all recipients" : "the relay is unavailable";
        metrics.AddMailRelayFailure(reason);
        log.LogWarning("Sending of mails stops until the next run, because {Reason}: {Detail}", run.Stopped, detail);
    }

    private async Task GiveUpAsync(Run run, OutboxRow row, string reason, CancellationToken cancellationToken)
    {
        log.LogWarning("Mail {OutboxId} was given up: {Reason}", row.OutboxId, reason);
        await outbox.MarkFailedAsync(row, null, reason, cancellationToken);
        run.Counts = run.Counts with { Dead = run.Counts.Dead + 1 };
    }

    private async Task RetryAsync(Run run, OutboxRow row, string reason, CancellationToken cancellationToken)
    {
        var delay = OutboxRetryPolicy.Emails.DelayAfter(row.Attempts);
        log.LogWarning("Mail {OutboxId} failed at attempt {Attempts}; next attempt in {Delay}: {Reason}",
            row.OutboxId, row.Attempts, delay, reason);
        await outbox.MarkFailedAsync(row, delay, reason, cancellationToken);
        run.Counts = run.Counts with { Later = run.Counts.Later + 1 };
    }

    private async Task PostponeAsync(Run run, OutboxRow row, string reason, CancellationToken cancellationToken)
    {
        await outbox.PostponeAsync(row, OutboxRetryPolicy.Emails.DelayAfter(row.Attempts)!.Value, reason, cancellationToken);
        run.Counts = run.Counts with { Later = run.Counts.Later + 1 };
    }

    /// <summary>The state of one run.</summary>
    private sealed class Run
    {
        public OutboxCounts Counts { get; set; } = new(0, 0, 0);

        /// <summary>Why no other mail is sent in this run; null if mails are sent.</summary>
        public string? Stopped { get; set; }

        /// <summary>Recipients that were refused since the relay last accepted one.</summary>
        public HashSet<string> InARow { get; } = [];

        /// <summary>Refused mails that are not settled.</summary>
        public List<(OutboxRow Row, MailOutcome.Refused Outcome)> Refused { get; } = [];
    }
}
