using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>Rolls the transaction back: the change must not be written.</summary>
internal sealed class SaveRefusedException(RenewalSave save) : Exception(save.ToString())
{
    public RenewalSave Save { get; } = save;
}

/// <summary>Writes a renewal's change with everything that is committed with it.</summary>
internal sealed class RenewalTransaction(NpgsqlConnection connection, SuspensionStore suspensions, TimeProvider time)
{
    public static NewSuspension ForExpiry(Guid subscriptionId) =>
        new(subscriptionId, SuspensionCause.Expiry, SuspensionTexts.Expired, Actor.System);

    /// <exception cref="SaveRefusedException">The change was rejected; nothing is written.</exception>
    public async Task WriteAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken)
    {
        var after = change.After;
        if (writer.Event is { } received && !await PaymentEventInbox.AddAsync(connection, received, cancellationToken))
            throw new SaveRefusedException(RenewalSave.Repeated);
        if (change.Payment is { } paid) await CutPaidPeriodsAsync(after, paid, cancellationToken);
        await WriteRowAsync(change, writer.Lease, cancellationToken);
        if (after.Attempt is { } attempt) await WriteAttemptAsync(after.RenewalId, attempt, cancellationToken);
        if (after is { IntentId: null, Attempt.Status: AttemptStatus.Canceled })
            await ExecuteAsync(DropReversals, new { after.RenewalId }, cancellationToken);
        if (writer.Request is { } request) await WriteRequestAsync(request, after, cancellationToken);
        if (change.Payment is { } payment) await BookAsync(after, payment, cancellationToken);
        if (change.Suspends) await SuspendAsync(after, cancellationToken);
        if (IsQuestionAnswered(change)) await ExecuteAsync(DropQuestion, new { after.RenewalId }, cancellationToken);
        if (change.History is { } history) await WriteHistoryAsync(change, history, cancellationToken);
        if (change.Announcement is { } announcement) await MailAsync(change, announcement, cancellationToken);
        if (change.Notice is { } notice) await MailAsync(change, notice, cancellationToken);
        if (change.Audit is { } action) await AuditAsync(change, action, writer.Actor ?? Actor.System, cancellationToken);
        if (change.Case is { } concern)
            await OpenCaseAsync(after.Attempt?.Provider ?? PaymentProviders.Stripe, after, concern, cancellationToken);
        if (change.Payment is { With: PaidWith.Card }) await ApplyReversalsAsync(after, cancellationToken);
    }

    // A charge that went back to the customer needs no decision, and no renewal may wait for it. If it was refunded, its case is stored as
    // decided, and opened again if that refund fails.
    private async Task OpenCaseAsync(string provider, Renewal after, PaymentCase concern, CancellationToken cancellationToken)
    {
        var (waits, isRefunded) = (after.IntentId == concern.Subject, false);
        if (concern.CanBeCredited)
        {
            var returned = await PaymentCaseStore.ReturnAsync(
                connection, provider, concern.Subject, concern.TransactionId, cancellationToken);
            isRefunded = returned is RenewalSave.ChargeRefunded
                || await PaymentCaseStore.IsRefundedAsync(connection, provider, concern, cancellationToken);
            if (returned is RenewalSave.ChargeCredited) throw new SaveRefusedException(RenewalSave.ChargeCredited);
            if (isRefunded && waits) throw new SaveRefusedException(RenewalSave.ChargeRefunded);
        }

        if (isRefunded) await PaymentCaseStore.KeepRefundedAsync(connection, provider, concern, cancellationToken);
        else await PaymentCaseStore.OpenAsync(connection, provider, concern, cancellationToken);
    }

    private const string Unbooked = """
        select renewal_id from renewals where intent_id = @intentId and status <> 'applied' order by renewal_id for update
        """;

    /// <summary>
    /// The intent's charge goes back to the customer, so no renewal waits for it any more. The caller holds the license's lock.
    /// </summary>
    public async Task ReleaseAsync(string intentId, bool isRefunded, Actor by, CancellationToken cancellationToken)
    {
        var ids = (await connection.QueryAsync<Guid>(
            new CommandDefinition(Unbooked, new { intentId }, cancellationToken: cancellationToken))).AsList();
        foreach (var facts in await RenewalStore.FactsAsync(connection, ids, cancellationToken))
        {
            await WriteAsync(
                RenewalSettlement.WithoutCharge(facts.Renewal, isRefunded), new RenewalWriter(Lease: null, by), cancellationToken);
        }
    }

    // Refunds and disputes that were reported before the success. Nothing was taken yet that could be given back, so the grace is not
    // needed.
    private async Task ApplyReversalsAsync(Renewal paid, CancellationToken cancellationToken)
    {
        var reversals = new ReversalTransaction(connection, suspensions, time);
        await reversals.ClaimAsync(paid, cancellationToken);
        await reversals.ApplyAsync(paid.RenewalId, grace: TimeSpan.Zero, cancellationToken);
        await PaymentCaseStore.CloseAppliedAsync(connection, paid, cancellationToken);
    }

    // A statement of its own: the next one reads what the transaction committed for which this one has waited.
    private const string LockLicense = """
        select from license_states where subscription_id = @SubscriptionId for update;
        """;

    private const string CutPaidPeriods = $"""
        {LockLicense}
        update renewals r set paid_until = greatest(r.paid_from, coalesce(t.expires_at, @paidFrom)), fence = r.fence + 1
        from v_current_license_tokens t
        where t.subscription_id = @SubscriptionId and r.subscription_id = t.subscription_id and r.renewal_id <> @RenewalId
          and r.status = 'applied' and r.paid_until > coalesce(t.expires_at, @paidFrom)
          and (t.expires_at is not null or r.paid_from < @paidUntil)
        """;

    // If the platform moved the expiry back into a paid period, that period now ends at the expiry, so that the next one can begin there.
    // If the platform removed the expiry, that period ends when the next one begins.
    private Task CutPaidPeriodsAsync(Renewal renewal, RenewalPayment payment, CancellationToken cancellationToken) => ExecuteAsync(
        CutPaidPeriods,
        new
        {
            renewal.SubscriptionId,
            renewal.RenewalId,
            paidFrom = payment.PaidFrom.UtcDateTime,
            paidUntil = payment.PaidUntil.UtcDateTime,
        },
        cancellationToken);

    // Refunds of a charge that paid nothing. They must not be deducted from the charge that pays the renewal later.
    private const string DropReversals = """
        update payment_reversals set renewal_id = null, subscription_id = null
        where renewal_id = @RenewalId and applied_at is null and provider <> 'wallet'
        """;

    // Locks the license's row first, as all changes of a license do. While a charge of any of its renewals is open, the license stays
    // valid for the period that may have been paid.
    private const string WriteRow = $"""
        {LockLicense}
        with license as (
            insert into license_states (subscription_id, grace_until)
            select @SubscriptionId, max(p.period_start) + @period
            from (select @status as status, @periodStart::timestamptz as period_start
                  union all
                  select o.status, o.period_start from renewals o
                  where o.subscription_id = @SubscriptionId and o.renewal_id <> @RenewalId) p
            where is_charge_open(p.status)
            on conflict (subscription_id) do update set grace_until = excluded.grace_until
            returning subscription_id
        )
        update renewals r
        set renewal_type = @type, status = @status, amount_usd = @AmountUsd, debts_usd = @DebtsUsd, price_accepted = @PriceAccepted,
            intent_id = @IntentId,
            soft_declines = @SoftDeclines, lookups = @Lookups, unknown_since = @unknownSince, gives_up_at = @givesUpAt,
            next_action_at = @nextActionAt, paid_with = @paidWith, paid_from = @paidFrom, paid_until = @paidUntil,
            lapsed_blocked = @LapsedBlocked, is_double = is_double and is_charge_open(@status), fence = fence + 1,
            lease_until = case when @lease > interval '0' then clock_timestamp() + @lease end
        from license
        where r.renewal_id = @RenewalId and r.fence = @Fence and (@lease::interval is null or r.lease_until > clock_timestamp())
        """;

    private async Task WriteRowAsync(RenewalChange change, TimeSpan? lease, CancellationToken cancellationToken)
    {
        var after = change.After;
        var written = await connection.ExecuteAsync(new CommandDefinition(WriteRow, new
        {
            after.SubscriptionId,
            periodStart = after.PeriodStart.UtcDateTime,
            period = Renewal.Period,
            type = EnumWords.Of(after.Type),
            status = EnumWords.Of(after.Status),
            after.AmountUsd,
            after.DebtsUsd,
            after.PriceAccepted,
            after.IntentId,
            after.SoftDeclines,
            after.Lookups,
            unknownSince = after.UnknownSince?.UtcDateTime,
            givesUpAt = after.GivesUpAt.UtcDateTime,
            nextActionAt = after.NextActionAt?.UtcDateTime,
            paidWith = EnumWords.Of(after.PaidWith),
            paidFrom = after.PaidFrom?.UtcDateTime,
            paidUntil = after.PaidUntil?.UtcDateTime,
            lease,
            after.LapsedBlocked,
            after.RenewalId,
            after.Fence,
        }, cancellationToken: cancellationToken));
        if (written == 0) throw new SaveRefusedException(RenewalSave.Fenced);
    }

    private const string WriteAttempt = """
        insert into renewal_attempts
            (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code,
             transaction_id)
        values (@AttemptId, @renewalId, @Number, @Provider, @PaymentMethodId, @request::jsonb, @firstSentAt, @OpensIntent, @status, @Code,
                @TransactionId)
        on conflict (attempt_id) do update
        set status = excluded.status, code = excluded.code, transaction_id = excluded.transaction_id, updated_at = now()
        where renewal_attempts.status <> excluded.status
        """;

    private const string IsChargeInUse = """
        select exists (
            select from renewal_attempts
            where provider = @Provider and transaction_id = @TransactionId and attempt_id <> @AttemptId)
        """;

    // The unique index decides if two bookings of one charge run at the same time; the second one is then repeated and rejected here.
    private async Task WriteAttemptAsync(Guid renewalId, RenewalAttempt attempt, CancellationToken cancellationToken)
    {
        if (attempt.TransactionId is not null && await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsChargeInUse, new { attempt.Provider, attempt.TransactionId, attempt.AttemptId }, cancellationToken: cancellationToken)))
            throw new SaveRefusedException(RenewalSave.ChargeInUse);
        await ExecuteAsync(WriteAttempt, new
        {
            attempt.AttemptId,
            renewalId,
            attempt.Number,
            attempt.Provider,
            attempt.PaymentMethodId,
            request = RowJson.Of(attempt.Request),
            firstSentAt = attempt.FirstSentAt.UtcDateTime,
            attempt.OpensIntent,
            status = EnumWords.Of(attempt.Status),
            attempt.Code,
            attempt.TransactionId,
        }, cancellationToken);
    }

    private const string WriteRequest = """
        insert into renewal_requests (caller_id, idempotency_key, subscription_id, renewal_id)
        values (@CallerId, @Key, @SubscriptionId, @RenewalId)
        on conflict do nothing
        """;

    private Task WriteRequestAsync(RenewalRequestKey request, Renewal renewal, CancellationToken cancellationToken) =>
        ExecuteAsync(WriteRequest, new { request.CallerId, request.Key, renewal.SubscriptionId, renewal.RenewalId }, cancellationToken);

    private const string Extend = """
        update license_tokens
        set expires_at = case when expires_at is not null then @until end,
            metadata = coalesce(metadata, '{}') || jsonb_build_object('last_renewal', @now::timestamptz)
        where token_id = (select token_id from v_current_license_tokens where subscription_id = @SubscriptionId)
          and expires_at is not distinct from @expiry
        returning is_active and not exists (
            select from subscriptions s
            where s.subscription_id = @SubscriptionId and is_expired_by_platform(s.state, s.paused_reason, is_active, revoked_reason))
        """;

    // If the expiry changed since it was read, the booking is rejected and the renewal is planned again. Otherwise time that the platform
    // granted would be lost.
    private async Task BookAsync(Renewal renewal, RenewalPayment payment, CancellationToken cancellationToken)
    {
        if (payment.With is PaidWith.Card && await PaymentCaseStore.ReturnAsync(
            connection, renewal.Attempt?.Provider ?? PaymentProviders.Stripe, renewal.IntentId, renewal.Attempt?.TransactionId,
            cancellationToken) is { } returned)
            throw new SaveRefusedException(returned);
        if (payment.MovesMoney) await MoveMoneyAsync(renewal, payment, cancellationToken);
        var isActive = await connection.ExecuteScalarAsync<bool?>(new CommandDefinition(
            Extend,
            new
            {
                until = payment.PaidUntil.UtcDateTime,
                expiry = payment.Expiry?.UtcDateTime,
                now = time.GetUtcNow().UtcDateTime,
                renewal.SubscriptionId,
            },
            cancellationToken: cancellationToken)) ?? throw new SaveRefusedException(RenewalSave.Fenced);
        if (payment.Expiry is { } expired)
            await EmailOutbox.RemoveUnsentAsync(
                connection, RenewalWarnings.WarningKeys(renewal.SubscriptionId, expired), cancellationToken);
        if (!isActive) await suspensions.EndForExpiryAsync(connection, renewal.SubscriptionId, "Renewed", cancellationToken);
    }

    private const string AddWallet = "insert into user_wallets (user_id) values (@UserId) on conflict do nothing";

    private const string LockWallet = """
        select available_usd(balance_usd, reserved_usd) from user_wallets where user_id = @UserId for update skip locked
        """;

    private const string Pay = """
        select credit_wallet(@UserId, @totalUsd, 'DEPOSIT', @description, @RenewalId) where @byCard;
        select debit_wallet(@UserId, @AmountUsd, 'FEE_SUBSCRIPTION', @description, @RenewalId)
        """;

    // The oldest deferred renewals first, and not more than was paid. If less is open than was charged, the rest stays in the wallet.
    private const string SettleDebts = """
        with settled as (
            update renewals d set settled_by = @RenewalId
            from (select renewal_id, sum(amount_usd) over (order by period_start, repeat_number) as sum_usd
                  from renewals
                  where subscription_id = @SubscriptionId and paid_with = 'deferred' and settled_by is null) o
            where d.renewal_id = o.renewal_id and o.sum_usd <= @DebtsUsd
            returning d.amount_usd)
        select debit_wallet(@UserId, t.total, 'FEE_SUBSCRIPTION', 'Deferred license renewals', @RenewalId)
        from (select sum(amount_usd) as total from settled) t
        where t.total > 0
        """;

    // A wallet that another booking has locked is skipped, so it is no row. An error code would not do: any statement may fail with
    // lock_not_available, for a row that has nothing to do with the wallet.
    private async Task MoveMoneyAsync(Renewal renewal, RenewalPayment payment, CancellationToken cancellationToken)
    {
        await ExecuteAsync(AddWallet, new { renewal.UserId }, cancellationToken);
        var available = await connection.ExecuteScalarAsync<decimal?>(
            new CommandDefinition(LockWallet, new { renewal.UserId }, cancellationToken: cancellationToken))
            ?? throw new SaveRefusedException(RenewalSave.WalletLocked);
        if (payment.With is PaidWith.Wallet && available < payment.AmountUsd + payment.DebtsUsd)
            throw new SaveRefusedException(RenewalSave.WalletShort);

        await ExecuteAsync(Pay, new
        {
            renewal.UserId,
            payment.AmountUsd,
            totalUsd = payment.AmountUsd + payment.DebtsUsd,
            renewal.RenewalId,
            byCard = payment.With is PaidWith.Card,
            description = $"License renewal until {payment.PaidUntil:yyyy-MM-dd}",
        }, cancellationToken);
        if (payment.DebtsUsd > 0)
            await ExecuteAsync(
                SettleDebts, new { renewal.UserId, payment.DebtsUsd, renewal.RenewalId, renewal.SubscriptionId }, cancellationToken);
    }

    private const string CanSuspend = """
        select c.is_active and c.expires_at = @periodStart and not exists (
            select from renewals o
            where o.subscription_id = c.subscription_id and o.renewal_id <> @RenewalId and is_charge_open(o.status))
        from v_current_license_tokens c
        where c.subscription_id = @SubscriptionId
        """;

    // While another period's charge is open, the license is not suspended; RunDueRenewals does it later. Nor is it if the platform has
    // moved the expiry since the worker read it.
    private async Task SuspendAsync(Renewal renewal, CancellationToken cancellationToken)
    {
        var can = new CommandDefinition(
            CanSuspend, new { renewal.SubscriptionId, renewal.RenewalId, periodStart = renewal.PeriodStart.UtcDateTime },
            cancellationToken: cancellationToken);
        if (await connection.ExecuteScalarAsync<bool?>(can) is true)
            await suspensions.SuspendAsync(connection, ForExpiry(renewal.SubscriptionId), cancellationToken);
    }

    private const string WriteHistory = """
        insert into license_renewal_history
            (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, previous_expiry, new_expiry, payment_method_id,
             payment_provider, payment_transaction_id, status, failure_reason, metadata)
        values (@Id, @now, @SubscriptionId, @UserId, @type, @AmountUsd, @periodStart, @newExpiry, @PaymentMethodId,
                @Provider, @TransactionId, @Status, @FailureReason, @metadata::jsonb)
        on conflict (renewal_id) do update
        set amount_usd = excluded.amount_usd, new_expiry = excluded.new_expiry, payment_method_id = excluded.payment_method_id,
            payment_provider = excluded.payment_provider, payment_transaction_id = excluded.payment_transaction_id,
            status = excluded.status, failure_reason = excluded.failure_reason, metadata = excluded.metadata
        """;

    private const string DropQuestion = """
        delete from license_renewal_history
        where renewal_id = @RenewalId and status = 'pending' and failure_reason = 'price_consent'
        """;

    // The row of the question about the price is deleted: later steps have rows of their own, and the audit log has the answer.
    private static bool IsQuestionAnswered(RenewalChange change) => change.After is { Status: not RenewalStatus.AwaitingConsent } after
        && (change.Audit == "renewal.price_accepted" || after.Status is RenewalStatus.Canceled
            || (change.History is { } history && history.Id != after.RenewalId));

    private Task WriteHistoryAsync(RenewalChange change, RenewalHistory history, CancellationToken cancellationToken)
    {
        var after = change.After;
        var attempt = history.Id == after.Attempt?.AttemptId ? after.Attempt : null;
        return ExecuteAsync(WriteHistory, new
        {
            history.Id,
            now = time.GetUtcNow().UtcDateTime,
            after.SubscriptionId,
            after.UserId,
            type = EnumWords.Of(after.Type),
            AmountUsd = after.AmountUsd ?? 0, // the guide declares the column not null
            periodStart = after.PeriodStart.UtcDateTime,
            newExpiry = change.Payment?.PaidUntil.UtcDateTime,
            attempt?.PaymentMethodId,
            attempt?.Provider,
            attempt?.TransactionId,
            history.Status,
            history.FailureReason,
            metadata = RowJson.Of(new { after.RenewalId, paid_with = EnumWords.Of(after.PaidWith) }),
        }, cancellationToken);
    }

    private Task MailAsync(RenewalChange change, RenewalNotice notice, CancellationToken cancellationToken)
    {
        var after = change.After;
        return EmailOutbox.AddAsync(connection, notice.DedupKey, notice.Template, after.UserId, new
        {
            after.SubscriptionId,
            after.RenewalId,
            after.AmountUsd,
            after.DebtsUsd,
            ExpiresAt = notice.ChargeAt is null ? change.Payment?.PaidUntil ?? after.PeriodStart : after.PeriodStart,
            GraceUntil = change is { Payment: null } ? after.GivesUpAt : (DateTimeOffset?)null,
            after.NextAttemptAt,
            PaidWith = EnumWords.Of(notice.PaidWith ?? after.PaidWith),
            notice.LastFour,
            notice.ChargeAt,
            ChargesNow = notice.ChargeAt is not null,
            notice.Reason,
            notice.Link,
            notice.OldAmountUsd,
        }, cancellationToken);
    }

    private Task AuditAsync(RenewalChange change, string action, Actor actor, CancellationToken cancellationToken) => AuditLog.AddAsync(
        connection,
        new AuditRow(
            actor, action, change.After.SubscriptionId, change.After.RenewalId.ToString(), change.Reason,
            Before: null,
            After: RowJson.Of(new
            {
                Status = EnumWords.Of(change.After.Status),
                change.After.AmountUsd,
                change.After.PeriodStart,
                change.After.PaidUntil,
            })),
        cancellationToken);

    private async Task ExecuteAsync(string sql, object parameters, CancellationToken cancellationToken) =>
        await connection.ExecuteAsync(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));
}
