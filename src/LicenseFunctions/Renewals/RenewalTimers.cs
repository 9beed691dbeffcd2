using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>The timers of renewals. Each run may be repeated, overlap with another one, be late or be killed.</summary>
public sealed class RenewalTimers(
    RunDueRenewals run, WarnExpiring warn, SendRefunds refunds, SendEvidence evidence, NotifyOfPayments notify)
{
    [Function("RunRenewals")]
    public Task<RenewalCounts> Run([TimerTrigger("%RENEWAL_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        run.RunAsync(cancellationToken);

    [Function("ReconcileRenewals")]
    public async Task<RenewalCounts> Reconcile(
        [TimerTrigger("%RECONCILE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var renewals = run.ReconcileAsync(cancellationToken);
        // A part that fails, or waits for the provider, must not stop or delay the others.
        var all = Task.WhenAll(
            renewals, evidence.RunAsync(cancellationToken), refunds.RunAsync(cancellationToken), notify.RunAsync(cancellationToken));
        try
        {
            await all;
        }
        catch when (all.Exception is { InnerExceptions.Count: > 1 } failures)
        {
            // Otherwise only the first one would be reported.
            throw failures;
        }

        return await renewals;
    }

    [Function("WarnExpiring")]
    public async Task<WarningCounts> Warn([TimerTrigger("%RENEWAL_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        new(await warn.RunAsync(cancellationToken));
}

public sealed record WarningCounts(int Due);
