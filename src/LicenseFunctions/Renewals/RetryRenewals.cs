using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <param name="RenewalIds">1 to 100.</param>
/// <param name="Reason">For the audit log, at most 500 characters.</param>
public sealed record RetryOrder(IReadOnlyList<Guid> RenewalIds, string Reason);

/// <param name="Code">Null if the renewal is tried by the timer's next run; otherwise why it isn't.</param>
public sealed record RetryResult(Guid RenewalId, string? Code, string? Detail, string? Hint);

/// <param name="Results">In the order of the request, each renewal once.</param>
public sealed record RetryResults(IReadOnlyList<RetryResult> Results);

/// <summary>
/// Makes failed renewals due now if the rules allow another attempt, each in its own transaction. The timer's next run charges them, with
/// the same keys and limits as always: this use case sends nothing to the provider.
/// </summary>
public sealed class RetryRenewals(IRenewalStore store, RenewalPolicy policy, TimeProvider clock, ILogger<RetryRenewals> log)
{
    private const int Most = 100;
    private const int LongestReason = 500;

    // The claim is needed only until the change is saved.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private static readonly Refusal InvalidIds = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"renewal_ids must have 1 to {Most} ids.", "renewal_ids");

    private static readonly Refusal InvalidReason = new(
        RefusalKind.Invalid, "REASON_INVALID", $"reason must have 1 to {LongestReason} characters.", "reason");

    private static readonly Refusal Unknown = new(RefusalKind.NotFound, "RENEWAL_NOT_FOUND", "There is no such renewal.", "renewal_ids");

    private static readonly Refusal InProgress = new(
        RefusalKind.Conflict, "IN_PROGRESS", "The renewal is being processed right now.", null, "Check its status in a minute.");

    public async Task<Outcome<RetryResults>> RunAsync(RetryOrder order, Actor by, CancellationToken cancellationToken)
    {
        if (order.RenewalIds.Count is 0 or > Most)
            return InvalidIds;
        var reason = order.Reason.Trim();
        if (reason.Length is 0 or > LongestReason)
            return InvalidReason;
        var results = new List<RetryResult>();
        foreach (var renewalId in order.RenewalIds.Distinct())
        {
            var refusal = await TryAsync(renewalId, reason, by, cancellationToken);
            results.Add(new RetryResult(renewalId, refusal?.Code, refusal?.Detail, refusal?.Hint));
        }

        return new RetryResults(results);
    }

    private async Task<Refusal?> TryAsync(Guid renewalId, string reason, Actor by, CancellationToken cancellationToken)
    {
        try
        {
            return await RetryAsync(renewalId, reason, by, cancellationToken);
        }
#pragma warning disable CA1031 // One renewal must not stop the others; the operator sees the failure and can try it again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "Renewal {RenewalId} could not be made due", renewalId);
            return new Refusal(RefusalKind.Failed, "INTERNAL_ERROR", "This renewal could not be made due. Try it again.");
        }
    }

    private async Task<Refusal?> RetryAsync(Guid renewalId, string reason, Actor by, CancellationToken cancellationToken)
    {
        // Read before the claim, so that a renewal that can't be tried again is not touched.
        if (await store.FindAsync(renewalId, cancellationToken) is not { } read)
            return Unknown;
        if (RenewalRequests.Retry(read, policy, clock.GetUtcNow()).Refusal is { } early)
            return early;
        if (await store.ClaimOneAsync(renewalId, Lease, cancellationToken) is not { } facts)
            return InProgress;
        var decided = RenewalRequests.Retry(facts, policy, clock.GetUtcNow());
        var change = decided.Refusal is null ? decided.Value with { Reason = reason } : new RenewalChange(facts.Renewal);
        var saved = await store.SaveAsync(change, new RenewalWriter(TimeSpan.Zero, by), cancellationToken);
        return decided.Refusal ?? (saved is RenewalSave.Saved ? null : InProgress);
    }
}
