using LicenseFunctions.Infrastructure.Timers;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Sends requested refunds to their provider. An unknown answer is not a failure: the refund is looked up, and sent again with the same
/// key, until an answer or a webhook decides it.
/// </summary>
public sealed class SendRefunds(
    RefundStore store, RenewalGateways gateways, RenewalPolicy policy, TimeProvider clock, ILogger<SendRefunds> logger)
{
    /// <summary>After this time, a run claims no more rows; the next run continues.</summary>
    internal static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    /// <summary>One run of the timer.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var until = clock.GetUtcNow() + Tick;
        while (!TimeSlice.IsOver && clock.GetUtcNow() < until
            && await store.ClaimAsync(refundId: null, cancellationToken) is { } refund)
            await TrySendAsync(refund, cancellationToken);
    }

    /// <summary>Sends one refund for an operator who waits for the answer.</summary>
    public async Task RunAsync(Guid refundId, CancellationToken cancellationToken)
    {
        if (await store.ClaimAsync(refundId, cancellationToken) is { } refund) await TrySendAsync(refund, cancellationToken);
    }

    // One refund that fails must not stop the others. It is claimed again after its lease.
    private async Task TrySendAsync(ClaimedRefund refund, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(refund, cancellationToken);
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            logger.LogError(broken, "Refund {RefundId} failed; it is sent again", refund.RefundId);
        }
    }

    private async Task SendAsync(ClaimedRefund refund, CancellationToken cancellationToken)
    {
        // After a restore, the provider may have deleted the key of a refund that was made, so another request could refund twice.
        if (gateways.Find(refund.Provider) is not null && await store.AwaitEventsAsync(refund, cancellationToken)) return;

        switch (await AskAsync(refund, cancellationToken))
        {
            case RefundOutcome.Made made:
                await store.MadeAsync(refund.Provider, made.Refund with { RefundId = refund.RefundId }, policy.Grace, cancellationToken);
                break;
            case RefundOutcome.Refused refused:
                await store.RefusedAsync(refund.RefundId, refused, cancellationToken);
                break;
            case RefundOutcome.Unknown { Reason: var reason }:
                var now = clock.GetUtcNow();
                await store.PostponeAsync(
                    refund.RefundId, reason, RenewalPolicy.NextLookup(refund.Tries, now) - now, cancellationToken);
                break;
        }
    }

    private async Task<RefundOutcome> AskAsync(ClaimedRefund refund, CancellationToken cancellationToken)
    {
        if (gateways.Find(refund.Provider) is not { } gateway) return new RefundOutcome.Unknown("not_configured");
        // An earlier request may have been executed, and a key returns a stored 500 for its whole lifetime. After a wait for events, the
        // database may have been restored to a time before the request.
        if ((refund.Tries > 1 || refund.HasWaited)
            && await gateway.FindRefundAsync(refund.ToRequest(), cancellationToken) is { } found)
            return found;
        if (clock.GetUtcNow() - refund.KeyUsedAt >= gateway.IdempotencyKeyLifetime)
        {
            if (await store.UseNewKeyAsync(refund.RefundId, cancellationToken) is not { } number)
                return new RefundOutcome.Unknown("decided meanwhile");
            refund = refund with { KeyNumber = number };
        }

        return await gateway.RefundAsync(refund.ToRequest(), refund.Key, cancellationToken);
    }
}
