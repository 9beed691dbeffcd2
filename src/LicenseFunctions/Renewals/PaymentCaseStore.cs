using Dapper;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>Payments that an operator must decide about.</summary>
public static class PaymentCaseStore
{
    private const string Open = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        values (@provider, @reason, @Subject, @RenewalId, @SubscriptionId, @UserId, @TransactionId, @AmountMinor, @Currency, @Detail)
        on conflict do nothing
        """;

    /// <summary>Opens a case in the caller's transaction. There is one for each reason and subject, also after it was decided.</summary>
    /// <returns>1; 0 if the case was already stored.</returns>
    public static Task<int> OpenAsync(
        NpgsqlConnection connection, string provider, PaymentCase concern, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Open, new
        {
            provider,
            reason = EnumWords.Of(concern.Reason),
            concern.Subject,
            concern.RenewalId,
            concern.SubscriptionId,
            concern.UserId,
            concern.TransactionId,
            concern.AmountMinor,
            concern.Currency,
            concern.Detail,
        }, cancellationToken: cancellationToken));

    private const string OpenForWaiting = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select p.provider, 'not_applied', p.provider_id, p.renewal_id, p.subscription_id, r.user_id, p.charge_id, p.amount_minor,
               p.currency,
               'Reported on ' || to_char(p.first_seen_at at time zone 'UTC', 'YYYY-MM-DD')
               || case r.status when 'applied' then ' for a license that has no token.' else ' for a charge that is not booked.' end
        from payment_reversals p
        join renewals r on r.renewal_id = p.renewal_id
        where p.applied_state is distinct from p.state and p.first_seen_at < now() - interval '1 day'
          and (p.applied_at is null or p.changed_at < now() - interval '1 day')
        on conflict do nothing
        """;

    /// <summary>
    /// Opens cases for refunds and disputes that wait for a day: for the success of their charge, or for a token of their license.
    /// </summary>
    internal static Task<int> OpenForWaitingAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(OpenForWaiting, cancellationToken: cancellationToken));

    private const string OpenForRefund = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select f.provider, 'refund_failed', coalesce(f.provider_id, f.refund_id::text), f.renewal_id, f.subscription_id, r.user_id, null,
               f.amount_minor, 'usd', 'The refund of ' || to_char(f.requested_at at time zone 'UTC', 'YYYY-MM-DD') || ' failed: ' || @why
        from refunds f
        join renewals r on r.renewal_id = f.renewal_id
        where f.refund_id = @refundId
        on conflict do nothing
        """;

    /// <summary>Opens a case about a refund that an operator requested: the customer doesn't have the money.</summary>
    internal static Task OpenForRefundAsync(
        NpgsqlConnection connection, Guid refundId, string why, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(OpenForRefund, new { refundId, why }, cancellationToken: cancellationToken));

    private const string OpenForEvidence = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select p.provider, 'evidence_refused', p.provider_id, p.renewal_id, p.subscription_id, r.user_id, p.charge_id, p.amount_minor,
               p.currency, 'The evidence of ' || to_char(e.requested_at at time zone 'UTC', 'YYYY-MM-DD') || ' was refused: ' || e.detail
        from dispute_evidence e
        join payment_reversals p on p.reversal_id = e.reversal_id
        left join renewals r on r.renewal_id = p.renewal_id
        where e.reversal_id = @reversalId and e.state = 'refused'
        on conflict (provider, reason, subject) do update
        set detail = excluded.detail, opened_at = now(), operators_told_at = null, decision = null, decided_at = null, decided_by = null,
            decided_why = null
        """;

    /// <summary>Opens a case, or opens it again, about evidence that was refused.</summary>
    internal static Task<int> OpenForEvidenceAsync(
        NpgsqlConnection connection, Guid reversalId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(OpenForEvidence, new { reversalId }, cancellationToken: cancellationToken));

    private const string CloseApplied = """
        update payment_cases set decision = 'applied', decided_at = now()
        where renewal_id = @RenewalId and decided_at is null
          and reason in ('license_gone', 'other_amount', 'other_currency', 'unknown_renewal', 'not_booked', 'not_applied', 'paid_before')
          and (subject = @IntentId or reason = 'not_applied' or (reason = 'paid_before' and subject = @AttemptId::text));
        with closed as (
            update payment_cases set decision = 'applied', decided_at = now()
            where provider = @Provider and decided_at is null and @TransactionId in (subject, transaction_id)
              and reason in ('license_gone', 'other_amount', 'other_currency', 'unknown_renewal', 'not_booked', 'paid_twice')
            returning subject, transaction_id
        )
        update renewals r set intent_id = c.subject
        from (select min(subject) as subject from closed where subject <> transaction_id) c
        where r.renewal_id = @RenewalId and c.subject is not null
          and not exists (select from renewals o where o.intent_id = c.subject)
        """;

    /// <summary>
    /// The charge is booked after all, perhaps for another renewal than it named, by an operator's decision. Then its intent is the
    /// renewal's, so that a refund finds it.
    /// </summary>
    internal static Task CloseAppliedAsync(NpgsqlConnection connection, Renewal paid, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            CloseApplied,
            new { paid.RenewalId, paid.IntentId, paid.Attempt!.AttemptId, paid.Attempt.Provider, paid.Attempt.TransactionId },
            cancellationToken: cancellationToken));

    private const string CloseNotBooked = """
        update payment_cases set decision = 'applied', decided_at = now()
        where provider = @provider and reason = 'not_booked' and subject = @intentId and decided_at is null
        """;

    /// <summary>The event about the success of this intent is applied after all. Its renewal is booked, or there is another case.</summary>
    internal static Task<int> CloseNotBookedAsync(
        NpgsqlConnection connection, string provider, string intentId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(CloseNotBooked, new { provider, intentId }, cancellationToken: cancellationToken));

    // Also the condition of the other statements about a charge.
    private const string IsAboutCharge = "provider = @provider and (subject in (@IntentId, @ChargeId) or transaction_id = @ChargeId)";

    private const string IsKnown = $"""
        select exists (select from payment_cases where {IsAboutCharge} and (@what <> 'dispute' or decision = 'credited'))
        """;

    /// <summary>
    /// Whether a refund or dispute needs no case of its own, because the charge has one. A dispute needs one, unless the charge was
    /// credited: then there is the case credited_and_reversed.
    /// </summary>
    internal static Task<bool> IsKnownAsync(
        NpgsqlConnection connection, string provider, PaymentReversal reversal, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsKnown,
            new { provider, reversal.IntentId, reversal.ChargeId, what = EnumWords.Of(reversal.Kind) },
            cancellationToken: cancellationToken));

    private const string Return = $"""
        select min(decision) from payment_cases
        where decision in ('credited', 'refunded') and reason <> 'unknown_charge' and {IsAboutCharge}
        """;

    /// <summary>
    /// How the charge of a case went back to the customer, so that it can't pay a renewal; null if it didn't. Waits for a concurrent
    /// decision about the charge.
    /// </summary>
    internal static async Task<RenewalSave?> ReturnAsync(
        NpgsqlConnection connection, string provider, string? intentId, string? chargeId, CancellationToken cancellationToken)
    {
        var charge = new { provider, IntentId = intentId, ChargeId = chargeId };
        await connection.ExecuteAsync(new CommandDefinition(LockOfCharge, charge, cancellationToken: cancellationToken));
        var how = await connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(Return, charge, cancellationToken: cancellationToken));
        return how switch
        {
            null => null,
            "credited" => RenewalSave.ChargeCredited,
            _ => RenewalSave.ChargeRefunded,
        };
    }

    private const string IsRefunded = """
        select greatest(
            coalesce(sum(p.amount_minor) filter (where p.kind = 'refund' and p.state = 'succeeded'), 0),
            coalesce(max(p.amount_minor) filter (where p.kind = 'refund_total'), 0)
                - coalesce(sum(p.amount_minor) filter (where p.kind = 'refund' and p.state = 'failed'), 0)) >= @AmountMinor
        from payment_reversals p
        where p.provider = @provider and (p.intent_id = @Subject or p.charge_id in (@Subject, @TransactionId))
        """;

    /// <summary>Whether the provider reported the refund of the whole charge before there was a case about it.</summary>
    internal static Task<bool> IsRefundedAsync(
        NpgsqlConnection connection, string provider, PaymentCase concern, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsRefunded, new { provider, concern.Subject, concern.TransactionId, concern.AmountMinor },
            cancellationToken: cancellationToken));

    private const string KeepRefunded = $"""
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail, decision,
             decided_at)
        select @provider, @reason, @IntentId, @RenewalId, @SubscriptionId, @UserId, @ChargeId, @AmountMinor, @Currency, @Detail, 'refunded',
               now()
        where not exists (select from payment_cases where decision = 'refunded' and reason <> 'unknown_charge' and {IsAboutCharge})
        on conflict do nothing
        """;

    /// <summary>Stores the case of a refunded charge as decided, so that it can be opened again if the refund fails.</summary>
    /// <returns>1; 0 if the case was already stored.</returns>
    internal static Task<int> KeepRefundedAsync(
        NpgsqlConnection connection, string provider, PaymentCase concern, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            KeepRefunded,
            new
            {
                provider,
                reason = EnumWords.Of(concern.Reason),
                IntentId = concern.Subject,
                concern.RenewalId,
                concern.SubscriptionId,
                concern.UserId,
                ChargeId = concern.TransactionId,
                concern.AmountMinor,
                concern.Currency,
                concern.Detail,
            },
            cancellationToken: cancellationToken));

    private const string CloseRefunded = """
        update payment_cases set decision = 'refunded', decided_at = now()
        where provider = @provider and decided_at is null and (subject = @IntentId or transaction_id = @ChargeId)
          and reason in ('unknown_renewal', 'not_booked', 'license_gone', 'paid_twice', 'other_amount', 'other_currency',
                         'charge_in_use', 'unknown_charge')
          and amount_minor <= @AmountMinor
        returning reason, subject
        """;

    /// <summary>A charge of a case was refunded in full.</summary>
    /// <returns>The intents of the charges that had a case themselves, and not only a refund or dispute of them.</returns>
    internal static async Task<IReadOnlyList<string>> CloseRefundedAsync(
        NpgsqlConnection connection, string provider, PaymentReversal refund, CancellationToken cancellationToken) =>
        [.. (await connection.QueryAsync<(string Reason, string Subject)>(new CommandDefinition(
            CloseRefunded, new { provider, refund.IntentId, refund.ChargeId, refund.AmountMinor }, cancellationToken: cancellationToken)))
            .Where(closed => closed.Reason != EnumWords.Of(PaymentCaseReason.UnknownCharge))
            .Select(closed => closed.Subject).Distinct()];

    private const string LicensesOfCharge = "select licenses_of_charge(@provider, array[@IntentId, @ChargeId])";

    /// <returns>The licenses that the cases about a charge concern.</returns>
    internal static async Task<HashSet<Guid>> LicensesOfAsync(
        NpgsqlConnection connection, string provider, PaymentReversal reversal, CancellationToken cancellationToken) =>
        [.. await connection.QueryAsync<Guid>(new CommandDefinition(
            LicensesOfCharge, new { provider, reversal.IntentId, reversal.ChargeId }, cancellationToken: cancellationToken))];

    private const string LicensesOfCase = """
        select licenses_of_charge(@provider, array[@Subject, @TransactionId])
        union
        select subscription_id from renewals where renewal_id = @RenewalId
        """;

    /// <returns>The licenses that a new case and the other cases about its charge concern.</returns>
    internal static async Task<HashSet<Guid>> LicensesOfAsync(
        NpgsqlConnection connection, string provider, PaymentCase concern, CancellationToken cancellationToken)
    {
        var licenses = (await connection.QueryAsync<Guid>(new CommandDefinition(
            LicensesOfCase, new { provider, concern.Subject, concern.TransactionId, concern.RenewalId },
            cancellationToken: cancellationToken))).ToHashSet();
        if (concern.SubscriptionId is { } named) licenses.Add(named);
        return licenses;
    }

    private const string LockOfCharge = $"select from payment_cases where {IsAboutCharge} order by case_id for update";

    private const string OpenForCredited = $$"""
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select c.provider, 'credited_and_reversed', case @what when 'dispute' then @ProviderId else c.subject end, c.renewal_id,
               c.subscription_id, c.user_id, c.transaction_id, @AmountMinor, @Currency,
               'The charge was credited to the wallet on ' || to_char(c.decided_at at time zone 'UTC', 'YYYY-MM-DD')
               || ', and the provider reports a ' || @what || ' of it.'
        from payment_cases c
        where c.decision = 'credited' and {{IsAboutCharge}}
        on conflict do nothing
        """;

    /// <summary>
    /// Opens a case if the charge was credited to the wallet: the customer has the money twice. Waits for a concurrent decision about the
    /// charge.
    /// </summary>
    internal static async Task OpenForCreditedAsync(
        NpgsqlConnection connection, string provider, PaymentReversal reversal, CancellationToken cancellationToken)
    {
        var charge = new { provider, reversal.IntentId, reversal.ChargeId };
        await connection.ExecuteAsync(new CommandDefinition(LockOfCharge, charge, cancellationToken: cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(
            OpenForCredited,
            new
            {
                charge.provider,
                charge.IntentId,
                charge.ChargeId,
                reversal.ProviderId,
                reversal.AmountMinor,
                reversal.Currency,
                what = reversal.Kind is ReversalKind.Dispute ? "dispute" : "refund",
            },
            cancellationToken: cancellationToken));
    }

    private const string OpenForUnansweredRefund = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select f.provider, 'unanswered', f.refund_id::text, f.renewal_id, f.subscription_id, r.user_id, null, f.amount_minor, 'usd',
               'The refund of ' || to_char(f.requested_at at time zone 'UTC', 'YYYY-MM-DD') || ' has no certain answer: ' || f.code
        from refunds f
        join renewals r on r.renewal_id = f.renewal_id
        where f.refund_id = @refundId and f.state = 'requested'
          -- The wait for events doesn't count: with the first key, the time counts from its first use. A later key is used a day later at
          -- the earliest, so then the request's time is exact enough.
          and case when f.key_number = 1 then f.key_used_at else f.requested_at end < clock_timestamp() - @undecidedAfter
        on conflict do nothing
        """;

    /// <summary>Opens a case about a refund whose answer has been uncertain for <see cref="RenewalPolicy.UndecidedAfter"/>.</summary>
    internal static Task OpenForUnansweredRefundAsync(
        NpgsqlConnection connection, Guid refundId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            OpenForUnansweredRefund, new { refundId, undecidedAfter = RenewalPolicy.UndecidedAfter },
            cancellationToken: cancellationToken));

    private const string OpenForUnansweredEvidence = """
        insert into payment_cases
            (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
        select p.provider, 'unanswered', p.provider_id, p.renewal_id, p.subscription_id, r.user_id, p.charge_id, p.amount_minor, p.currency,
               'It is not certain that the provider has the evidence of ' || to_char(e.requested_at at time zone 'UTC', 'YYYY-MM-DD')
               || ': ' || e.code
        from dispute_evidence e
        join payment_reversals p on p.reversal_id = e.reversal_id
        left join renewals r on r.renewal_id = p.renewal_id
        where e.reversal_id = @reversalId and e.state = 'requested'
          and clock_timestamp() > least(p.evidence_due_at - interval '1 day', e.requested_at + @undecidedAfter)
        on conflict (provider, reason, subject) do update
        set detail = excluded.detail, opened_at = now(), operators_told_at = null, decision = null, decided_at = null
        where payment_cases.decision = 'answered'
        """;

    /// <summary>
    /// Opens a case about evidence whose answer has been uncertain for <see cref="RenewalPolicy.UndecidedAfter"/>, or is uncertain one day
    /// before the deadline.
    /// </summary>
    internal static Task OpenForUnansweredEvidenceAsync(
        NpgsqlConnection connection, Guid reversalId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            OpenForUnansweredEvidence, new { reversalId, undecidedAfter = RenewalPolicy.UndecidedAfter },
            cancellationToken: cancellationToken));

    private const string CloseAnswered = """
        update payment_cases set decision = 'answered', decided_at = now()
        where decided_at is null and reason = 'unanswered' and subject = @subject
        """;

    /// <summary>Closes the case of a refund or evidence without a certain answer: the provider has answered.</summary>
    internal static Task CloseAnsweredAsync(NpgsqlConnection connection, string subject, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(CloseAnswered, new { subject }, cancellationToken: cancellationToken));

    private const string CloseShown = """
        update payment_cases set decision = 'answered', decided_at = now(), decided_by = @by
        where decided_at is null and reason = @reason and subject = @subject
        """;

    /// <summary>Closes the case about a refusal: the operator who made the request gets the refusal as the answer.</summary>
    internal static Task<int> CloseShownAsync(
        NpgsqlConnection connection, PaymentCaseReason reason, string subject, Guid? by, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            CloseShown, new { reason = EnumWords.Of(reason), subject, by }, cancellationToken: cancellationToken));

    private const string ReopenRefunded = $$"""
        update payment_cases
        set decision = null, decided_at = null, operators_told_at = null,
            detail = detail || ' A refund of it failed on ' || to_char(now() at time zone 'UTC', 'YYYY-MM-DD') || '.'
        where decision = 'refunded' and {{IsAboutCharge}}
        """;

    /// <summary>A refund failed, so the cases that it closed are opened again.</summary>
    internal static Task<int> ReopenRefundedAsync(
        NpgsqlConnection connection, string provider, PaymentReversal refund, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            ReopenRefunded, new { provider, refund.IntentId, refund.ChargeId }, cancellationToken: cancellationToken));
}
