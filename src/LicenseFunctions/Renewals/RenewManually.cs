using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Renews a license manually, on the same row that the timer processes. A repeated request never pays for another period: it returns the
/// row's state.
/// </summary>
public sealed class RenewManually(IRenewalStore store, ProcessRenewal process, RenewalPolicy policy, TimeProvider clock)
{
    // With the limit of a request's own database work, the caller waits at most 10 s for the database.
    private static readonly TimeSpan LongestDatabaseWait = TimeSpan.FromSeconds(3);

    private static readonly Refusal NotDue = new(
        RefusalKind.Conflict, "NOT_DUE", "This license can't be renewed yet, or never expires. Nothing was charged.",
        Hint: "The license's list of renewals shows the first possible time (renewable_from).");

    private static Refusal TooManyAttempts(DateTimeOffset allowedAt) => new(
        RefusalKind.Conflict, "TOO_MANY_ATTEMPTS",
        string.Create(
            CultureInfo.InvariantCulture,
            $"Cards were tried {RenewalPolicy.AllAttempts} times for this renewal in the last {RenewalPolicy.AttemptWindow.Days} days. "
            + $"They can be tried again on {allowedAt:MMMM d, yyyy, HH:mm} UTC. Nothing was charged."),
        Hint: "Add money to the wallet, then renew: the wallet can pay immediately.");

    private static readonly Refusal NeedsAnotherCard = new(
        RefusalKind.Conflict, "NEEDS_ANOTHER_CARD",
        "The saved card can't pay: it has expired, or the bank rejected it permanently. Nothing was charged.",
        Hint: "Save another card, or add money to the wallet. Then renew.");

    private static Refusal OtherPrice(decimal priceUsd) => new(
        RefusalKind.Conflict, "PRICE_CHANGED",
        string.Create(CultureInfo.InvariantCulture, $"The price is {priceUsd:0.00} USD now. Nothing was charged."), "accept_amount_usd",
        "Show this price to the customer. If they agree, send it as accept_amount_usd.");

    private static readonly Refusal EventsNotRead = UnreadEvents.Refuse(
        "The latest payments are still being read from the payment provider. No payment can begin before that. Nothing was charged.",
        "Try again in a few minutes. The wallet can pay immediately.");

    private static Refusal Blocked(RenewalBlock block) => block switch
    {
        RenewalBlock.AccountClosed => new(
            RefusalKind.Conflict, "ACCOUNT_CLOSED", "The account is closed, so the license can't be renewed. Nothing was charged.",
            Hint: "Ask the platform to open the account again."),
        RenewalBlock.MasterClosed => new(
            RefusalKind.Conflict, "MASTER_CLOSED",
            "The account of the master is closed, so the license can't be renewed. Nothing was charged.",
            Hint: "Subscribe to another master."),
        RenewalBlock.SubscriptionInactive => new(
            RefusalKind.Conflict, "SUBSCRIPTION_INACTIVE",
            "The subscription has ended, so the license can't be renewed. Nothing was charged.", Hint: "Subscribe again."),
        RenewalBlock.PausedToxic => new(
            RefusalKind.Conflict, "PAUSED_TOXIC", "The subscription is paused, so the license can't be renewed. Nothing was charged.",
            Hint: "Renew the license when the subscription runs again."),
        RenewalBlock.LockedNoFunds => new(
            RefusalKind.Conflict, "LOCKED_NO_FUNDS",
            "The subscription is locked because funds are missing, so the license can't be renewed. Nothing was charged.",
            Hint: "Add funds. Renew the license when the subscription runs again."),
        _ => new(
            RefusalKind.Conflict, "LICENSE_SUSPENDED",
            "This license is suspended, but not because it expired. A renewal can't lift the suspension. Nothing was charged.",
            Hint: "The suspension's page shows the reason and how to appeal."),
    };

    private static readonly Refusal KeyReused = new(
        RefusalKind.Conflict, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another license.",
        "Idempotency-Key", "Use a new key for each request.");

    /// <param name="subscriptionId">The license.</param>
    /// <param name="by">The actor in the audit log.</param>
    /// <param name="request">The caller's Idempotency-Key; a repeated request starts no further attempt. Null for none.</param>
    /// <param name="acceptedUsd">The increased price that the customer agrees to; null for none.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>
    /// The renewal's state afterwards. If the database takes too long, the state before the payment; the work goes on.
    /// </returns>
    public async Task<Outcome<Renewal>> RunAsync(
        Guid subscriptionId, Actor by, RenewalRequestKey? request, decimal? acceptedUsd, CancellationToken cancellationToken)
    {
        if (request is not null && await store.FindByRequestAsync(request, cancellationToken) is { } earlier)
            return earlier.SubscriptionId == subscriptionId ? await ContinueAsync(earlier, cancellationToken) : KeyReused;

        if (await store.OpenAsync(subscriptionId, policy, clock.GetUtcNow(), cancellationToken) is not { } renewalId) return NotDue;

        // Another worker is processing it.
        if (await store.ClaimOneAsync(renewalId, ProcessRenewal.Lease, cancellationToken) is not { } facts)
            return await ReadAsync(renewalId, cancellationToken);

        var now = clock.GetUtcNow();
        var refused = policy.BlockOf(facts.License) is { } block ? Blocked(block)
            : RenewalRequests.CardAllowedAt(facts, policy, now) is { } allowedAt ? TooManyAttempts(allowedAt)
            : RenewalRequests.PriceOtherThan(acceptedUsd, facts, policy) is { } priceUsd ? OtherPrice(priceUsd)
            : RenewalRequests.NeedsAnotherCard(facts, acceptedUsd, policy, now) ? NeedsAnotherCard
            : RenewalRequests.AwaitsEvents(facts, acceptedUsd, policy, now) ? EventsNotRead
            : null;
        var change = refused is null ? RenewalRequests.RenewNow(facts, acceptedUsd, policy, now) : null;
        // A request that was refused may be sent again with the same key.
        var writer = new RenewalWriter(
            change is null ? TimeSpan.Zero : ProcessRenewal.Lease, by, Request: refused is null ? request : null);
        change ??= (refused is null ? null : RenewalRequests.Refuse(facts.Renewal)) ?? new RenewalChange(facts.Renewal);
        var processed = await store.SaveAsync(change, writer, cancellationToken) is RenewalSave.Saved && writer.Lease > TimeSpan.Zero
            ? await ProcessAsync(facts with { Renewal = change.Saved })
            : null;
        var renewal = processed ?? await ReadAsync(renewalId, cancellationToken);
        return refused is null || renewal.Status is RenewalStatus.Applied || renewal.IsChargeOpen ? renewal : refused;
    }

    // The process that handled the first request may have crashed before it finished.
    private async Task<Renewal> ContinueAsync(Renewal earlier, CancellationToken cancellationToken)
    {
        if (earlier.NextActionAt <= clock.GetUtcNow()
            && await store.ClaimOneAsync(earlier.RenewalId, ProcessRenewal.Lease, cancellationToken) is { } facts
            && await ProcessAsync(facts) is { } processed)
            return processed;
        return await ReadAsync(earlier.RenewalId, cancellationToken);
    }

    // Neither a client that disconnects nor the time limit of a request may cancel a charge that was sent, or the record of its outcome.
    private async Task<Renewal?> ProcessAsync(RenewalFacts facts)
    {
        var scope = DatabaseScope.Enter(DatabasePool.Background, facts.Renewal.SubscriptionId);
        var processing = process.RunAsync(facts, CancellationToken.None);
        return await scope.HasEndedAsync(processing, LongestDatabaseWait) ? await processing : facts.Renewal;
    }

    private async Task<Renewal> ReadAsync(Guid renewalId, CancellationToken cancellationToken) =>
        (await store.FindAsync(renewalId, cancellationToken))!.Renewal;
}
