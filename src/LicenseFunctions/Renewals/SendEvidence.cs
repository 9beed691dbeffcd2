using LicenseFunctions.Infrastructure.Timers;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Sends stored evidence to the provider of the dispute. An unknown answer is not a failure: the dispute is looked up, and the evidence is
/// sent again until the provider has it or the deadline is over.
/// </summary>
public sealed class SendEvidence(
    EvidenceStore store, RenewalGateways gateways, TimeProvider clock, ILogger<SendEvidence> logger)
{
    /// <summary>One run of the timer.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var until = clock.GetUtcNow() + SendRefunds.Tick;
        while (!TimeSlice.IsOver && clock.GetUtcNow() < until
            && await store.ClaimAsync(reversalId: null, cancellationToken) is { } evidence)
            await TrySendAsync(evidence, cancellationToken);
    }

    /// <summary>Sends the evidence for one dispute, for an operator who waits for the answer.</summary>
    public async Task RunAsync(Guid reversalId, CancellationToken cancellationToken)
    {
        if (await store.ClaimAsync(reversalId, cancellationToken) is { } evidence) await TrySendAsync(evidence, cancellationToken);
    }

    // Evidence that fails must not stop the rest. It is claimed again after its lease.
    private async Task TrySendAsync(ClaimedEvidence evidence, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(evidence, cancellationToken);
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            logger.LogError(broken, "Evidence for dispute {ReversalId} failed; it is sent again", evidence.ReversalId);
        }
    }

    private async Task SendAsync(ClaimedEvidence evidence, CancellationToken cancellationToken)
    {
        switch (await AskAsync(evidence, cancellationToken))
        {
            case EvidenceOutcome.Sent:
                await store.DecideAsync(evidence, "sent", code: null, detail: null, cancellationToken);
                break;
            case EvidenceOutcome.Refused refused:
                await store.DecideAsync(evidence, "refused", refused.Code, refused.Detail, cancellationToken);
                break;
            case EvidenceOutcome.Unknown { Reason: var reason }:
                var now = clock.GetUtcNow();
                await store.PostponeAsync(
                    evidence.ReversalId, reason, RenewalPolicy.NextEvidence(evidence.Tries, now, evidence.DueAt) - now, cancellationToken);
                break;
        }
    }

    private async Task<EvidenceOutcome> AskAsync(ClaimedEvidence evidence, CancellationToken cancellationToken)
    {
        if (gateways.Find(evidence.Provider) is not { } gateway) return new EvidenceOutcome.Unknown("not_configured");
        switch (await gateway.FindEvidenceAsync(evidence.ProviderId, cancellationToken))
        {
            // Before the first try, only somebody else can have sent evidence.
            case EvidenceOutcome.Sent when evidence.Tries == 1:
                return new EvidenceOutcome.Refused(
                    "already_sent", "Evidence for this dispute was already sent in the provider's dashboard.");
            case { } found:
                return found;
        }

        return evidence.IsLate
            ? new EvidenceOutcome.Refused("too_late", "The deadline passed before the provider accepted the evidence.")
            : await gateway.SendEvidenceAsync(evidence.ProviderId, evidence.Text, evidence.Key, cancellationToken);
    }
}
