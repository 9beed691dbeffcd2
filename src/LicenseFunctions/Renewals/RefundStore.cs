using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>A requested refund that a worker has claimed.</summary>
internal sealed record ClaimedRefund
{
    public Guid RefundId { get; init; }
    public Guid SubscriptionId { get; init; }
    public string Provider { get; init; } = "";
    public string IntentId { get; init; } = "";

    /// <summary>The charge that paid the renewal.</summary>
    public string? ChargeId { get; init; }

    public long AmountMinor { get; init; }

    /// <summary>This try included; 1 for the first.</summary>
    public int Tries { get; init; }

    public int KeyNumber { get; init; }

    /// <summary>When the present key was used first.</summary>
    public DateTime KeyUsedAt { get; init; }

    /// <summary>Its last try waited for the provider's events, and sent nothing.</summary>
    public bool HasWaited { get; init; }

    public string Key => $"refund-{RefundId:N}" + (KeyNumber == 1 ? "" : $"-{KeyNumber}");

    public RefundRequest ToRequest() => new(RefundId, IntentId, AmountMinor, ChargeId);
}

/// <summary>Refunds that operators requested.</summary>
public sealed class RefundStore(LicenseDatabase database, SuspensionStore suspensions, LicenseInvalidation invalidation, TimeProvider time)
{
    // Longer than the calls of one try: a lookup and a refund, each with one retry.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    private const string Add = """
        insert into refunds (refund_id, renewal_id, subscription_id, provider, intent_id, amount_minor, period, reason, requested_by,
                             next_try_at)
        values (@refundId, @RenewalId, @SubscriptionId, @provider, @IntentId, @AmountMinor, @period, @reason, @by, clock_timestamp())
        """;

    /// <summary>
    /// Loads the renewal, decides about the refund and stores it, in one transaction that holds the license's lock: two operators at once
    /// can't refund more than is left. A refund to the wallet is made there; one to a card is only requested.
    /// </summary>
    /// <param name="canSend">Whether the provider of the charge is configured.</param>
    /// <returns>The refund's id, or why there is none.</returns>
    internal async Task<Outcome<Guid>> RequestAsync(
        Guid renewalId, RefundOrder order, string reason, Actor by, TimeSpan grace, Func<string, bool> canSend,
        CancellationToken cancellationToken)
    {
        var refundId = Guid.NewGuid();
        var (refusal, changed) = await database.InTransactionAsync<(Refusal?, Guid?)>(async (connection, token) =>
        {
            var reversals = new ReversalTransaction(connection, suspensions, time);
            if (await SubscriptionAsync(connection, renewalId, token) is not { } subscriptionId) return (RefundPayment.NotFound, null);
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            var facts = (await reversals.ReadAsync(renewalId, token))!.Facts;
            var planned = Refunds.Plan(facts, order, refundId, grace, time.GetUtcNow());
            if (planned.Refusal is { } refused) return (refused, null);
            var (plan, renewal) = (planned.Value, facts.Renewal);
            var provider = renewal.PaidWith is PaidWith.Wallet ? PaymentProviders.Wallet : renewal.Attempt?.Provider;
            if (provider != PaymentProviders.Wallet && (renewal.IntentId is null || provider is null || !canSend(provider)))
                return (RefundPayment.NoProvider, null);
            if (await UnreadEvents.AreAwaitedAsync(connection, [provider], token)) return (RefundPayment.EventsNotRead, null);

            await connection.ExecuteAsync(new CommandDefinition(Add, new
            {
                refundId,
                renewal.RenewalId,
                renewal.SubscriptionId,
                provider,
                renewal.IntentId,
                plan.AmountMinor,
                period = EnumWords.Of(plan.Period),
                reason,
                by = by.Id,
            }, cancellationToken: token));
            await AuditLog.AddAsync(
                connection,
                new AuditRow(
                    by, "payment.refund_requested", renewal.SubscriptionId, renewal.RenewalId.ToString(), reason,
                    After: RowJson.Of(new { RefundId = refundId, plan.AmountMinor, Period = EnumWords.Of(plan.Period) })),
                token);
            return (null, provider == PaymentProviders.Wallet
                ? await reversals.RefundToWalletAsync(renewal, refundId, plan.AmountMinor, grace, token)
                : null);
        }, cancellationToken);
        if (changed is { } subscription) invalidation.Raise(subscription);
        return refusal is null ? refundId : refusal;
    }

    private const string Subscription = "select subscription_id from renewals where renewal_id = @renewalId";

    private static Task<Guid?> SubscriptionAsync(NpgsqlConnection connection, Guid renewalId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<Guid?>(new CommandDefinition(Subscription, new { renewalId }, cancellationToken: cancellationToken));

    /// <returns>What the decision about a refund needs; null for an unknown renewal.</returns>
    internal async Task<ReversalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await new ReversalTransaction(session.Connection, suspensions, time).ReadAsync(renewalId, session.Token))?.Facts;
    }

    private const string Claim = """
        update refunds f
        set tries = tries + 1, next_try_at = clock_timestamp() + @lease, key_used_at = coalesce(key_used_at, clock_timestamp())
        from (select refund_id from refunds
              where next_try_at <= clock_timestamp() and (@refundId::uuid is null or refund_id = @refundId)
              order by next_try_at
              limit 1
              for update skip locked) due
        where f.refund_id = due.refund_id
        returning f.refund_id, f.subscription_id, f.provider, f.intent_id, f.amount_minor, f.tries, f.key_number, f.key_used_at,
                  f.code is not distinct from @eventsNotRead as has_waited,
                  (select a.transaction_id from renewal_attempts a
                   where a.renewal_id = f.renewal_id and a.provider = f.provider and a.status = 'succeeded'
                   order by a.number desc limit 1) as charge_id
        """;

    /// <summary>Claims a refund that is due; other workers can't claim it until the lease expires. Null for none.</summary>
    /// <param name="refundId">Only this one; null for all.</param>
    internal Task<ClaimedRefund?> ClaimAsync(Guid? refundId, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.QuerySingleOrDefaultAsync<ClaimedRefund>(
            new CommandDefinition(Claim, new { refundId, lease = Lease, eventsNotRead = EventsNotRead }, cancellationToken: token)),
        cancellationToken);

    private const string NewKey = """
        update refunds set key_number = key_number + 1, key_used_at = clock_timestamp()
        where refund_id = @refundId and state = 'requested'
        returning key_number
        """;

    /// <summary>The lifetime of the key is over, and the provider has no refund: the next request needs another key.</summary>
    internal Task<int?> UseNewKeyAsync(Guid refundId, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteScalarAsync<int?>(
            new CommandDefinition(NewKey, new { refundId }, cancellationToken: token)), cancellationToken);

    /// <summary>Applies the answer exactly as the webhook about the refund is applied, whichever of them comes first.</summary>
    internal async Task MadeAsync(string provider, PaymentReversal refund, TimeSpan grace, CancellationToken cancellationToken)
    {
        var changed = await database.InTransactionAsync(
            (connection, token) => new ReversalTransaction(connection, suspensions, time).TakeAsync(provider, refund, grace, token),
            cancellationToken);
        if (changed is { } subscriptionId) invalidation.Raise(subscriptionId);
    }

    private const string Refuse = """
        update refunds set state = 'refused', next_try_at = null, decided_at = now(), code = @Code, detail = @Detail
        where refund_id = @refundId and state = 'requested'
        """;

    /// <summary>Stores the refusal, and opens a case, because the caller may no longer be waiting for the answer.</summary>
    internal Task RefusedAsync(Guid refundId, RefundOutcome.Refused refused, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var refuse = new CommandDefinition(Refuse, new { refundId, refused.Code, refused.Detail }, cancellationToken: token);
            if (await connection.ExecuteAsync(refuse) == 0) return;
            await PaymentCaseStore.CloseAnsweredAsync(connection, refundId.ToString(), token);
            await PaymentCaseStore.OpenForRefundAsync(connection, refundId, refused.Detail, token);
        }, cancellationToken);

    /// <summary>Closes the case about the refusal: the operator who requested the refund gets it as the answer.</summary>
    internal Task ShownAsync(Guid refundId, Actor by, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => PaymentCaseStore.CloseShownAsync(
            connection, PaymentCaseReason.RefundFailed, refundId.ToString(), by.Id, token), cancellationToken);

    private const string Postpone = """
        update refunds set next_try_at = clock_timestamp() + @pause, code = @reason where refund_id = @refundId and state = 'requested'
        """;

    private const string EventsNotRead = "events_not_read";

    private const string Wait = """
        update refunds
        set next_try_at = clock_timestamp() + @pause, code = @eventsNotRead, tries = tries - 1,
            key_used_at = case when tries > 1 then key_used_at end
        where refund_id = @RefundId and state = 'requested'
        """;

    /// <summary>
    /// Postpones the refund until the provider's events are read: after a restore of the database, it may already have been made. No
    /// request is sent, so no answer is uncertain, no case is opened, and this doesn't count as a try.
    /// </summary>
    /// <returns>Whether it is postponed.</returns>
    internal Task<bool> AwaitEventsAsync(ClaimedRefund refund, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (!await UnreadEvents.AreAwaitedAsync(connection, [refund.Provider], token)) return false;
            await connection.ExecuteAsync(new CommandDefinition(
                Wait, new { refund.RefundId, eventsNotRead = EventsNotRead, pause = RenewalPolicy.AnotherChargeRecheck },
                cancellationToken: token));
            return true;
        }, cancellationToken);

    /// <summary>Postpones the next try. Opens a case if the answer stays uncertain for days: an operator must know.</summary>
    internal Task PostponeAsync(Guid refundId, string reason, TimeSpan pause, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            await connection.ExecuteAsync(new CommandDefinition(Postpone, new { refundId, reason, pause }, cancellationToken: token));
            await PaymentCaseStore.OpenForUnansweredRefundAsync(connection, refundId, token);
        }, cancellationToken);

    private const string Take = """
        update refunds
        set state = 'made', provider_id = @ProviderId, next_try_at = null, decided_at = now(), code = null, detail = null
        where refund_id = @RefundId and provider = @provider and provider_id is null
        """;

    private const string OfReport = "select refund_id from refunds where provider = @provider and provider_id = @ProviderId";

    /// <summary>The provider reports a refund, so the requested one is made. If it failed later, an operator must know.</summary>
    internal static async Task TakeAsync(
        NpgsqlConnection connection, string provider, PaymentReversal reversal, CancellationToken cancellationToken)
    {
        if (reversal.Kind is not ReversalKind.Refund) return;
        var report = new { provider, reversal.ProviderId, reversal.RefundId };
        if (reversal.RefundId is { } requested
            && await connection.ExecuteAsync(new CommandDefinition(Take, report, cancellationToken: cancellationToken)) == 1)
            await PaymentCaseStore.CloseAnsweredAsync(connection, requested.ToString(), cancellationToken);
        if (reversal.State is ReversalState.Failed && await connection.ExecuteScalarAsync<Guid?>(
            new CommandDefinition(OfReport, report, cancellationToken: cancellationToken)) is { } refundId)
            await PaymentCaseStore.OpenForRefundAsync(connection, refundId, reversal.Reason ?? "failed", cancellationToken);
    }
}
