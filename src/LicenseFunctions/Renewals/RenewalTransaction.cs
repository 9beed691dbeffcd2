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
    public Task WriteAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken) =>
        WriteAsync([change], writer, cancellationToken);

    /// <param name="changes">Changes of different licenses and customers.</param>
    /// <param name="writer">The writer of all changes. If it has an event or a request, there is only one change.</param>
    /// <exception cref="SaveRefusedException">One of the changes was rejected; nothing is written.</exception>
    public async Task WriteAsync(IReadOnlyList<RenewalChange> changes, RenewalWriter writer, CancellationToken cancellationToken)
    {
        if (writer.Event is { } received && !await PaymentEventInbox.AddAsync(connection, received, cancellationToken))
            throw new SaveRefusedException(RenewalSave.Repeated);
        var payments = changes.Where(change => change.Payment is not null)
            .Select(change => new Booking(change.After, change.Payment!)).ToList();
        await ExecuteAsync(
            LockLicenses, new { ids = changes.Select(change => change.After.SubscriptionId).ToArray() }, cancellationToken);
        if (payments.Count > 0) await CutPaidPeriodsAsync(payments, cancellationToken);
        await WriteRowsAsync(changes, writer.Lease, cancellationToken);
        foreach (var after in changes.Select(change => change.After).Where(after => after.Attempt is not null))
        {
            await WriteAttemptAsync(after.RenewalId, after.Attempt!, cancellationToken);
            if (after is { IntentId: null, Attempt.Status: AttemptStatus.Canceled })
                await ExecuteAsync(DropReversals, new { after.RenewalId }, cancellationToken);
        }

        if (writer.Request is { } request) await WriteRequestAsync(request, changes.Single().After, cancellationToken);
        if (payments.Count > 0) await BookAsync(payments, cancellationToken);
        foreach (var change in changes.Where(change => change.Suspends)) await SuspendAsync(change.After, cancellationToken);
        if (changes.Where(IsQuestionAnswered).Select(change => change.After.RenewalId).ToArray() is { Length: > 0 } answered)
            await ExecuteAsync(DropQuestions, new { answered }, cancellationToken);
        await WriteHistoryAsync([.. changes.Where(change => change.History is not null)], cancellationToken);
        if (changes.Select(change => change.Withdrawn).OfType<string>().ToArray() is { Length: > 0 } withdrawn)
            await EmailOutbox.RemoveUnsentAsync(connection, withdrawn, cancellationToken);
        if (changes.Where(change => change.Notice is { } notice && RenewalWarnings.OfFailures.Contains(notice.Template))
            .Select(change => (
                RenewalWarnings.WarningKeysBeginning(change.After.SubscriptionId, change.After.PeriodStart), change.Notice!.DedupKey))
            .ToArray() is { Length: > 0 } warnings)
            await EmailOutbox.WithdrawWarningsAsync(connection, warnings, cancellationToken);
        await EmailOutbox.AddAsync(
            connection,
            [.. changes.SelectMany(change => new[] { change.Announcement, change.Notice }.OfType<RenewalNotice>()
                .Select(notice => Mail(change, notice) with
                {
                    Delay = notice == change.Announcement ? RenewalWarnings.AtChargeWaits : TimeSpan.Zero,
                }))],
            cancellationToken);
        await AuditLog.AddAsync(
            connection,
            [.. changes.Where(change => change.Audit is not null).Select(change => Audit(change, writer.Actor ?? Actor.System))],
            cancellationToken);
        foreach (var change in changes)
        {
            if (change.Case is { } concern)
            {
                var provider = writer.Event?.Provider ?? change.After.Attempt?.Provider ?? PaymentProviders.Stripe;
                await OpenCaseAsync(provider, change.After, concern, cancellationToken);
            }

            if (change.Payment is { With: PaidWith.Card }) await ApplyReversalsAsync(change.After, cancellationToken);
        }
    }

    private sealed record Booking(Renewal Renewal, RenewalPayment Payment);

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

    /// <summary>
    /// The charge of a success can't be booked, so its license waits for the case. If the charge is refunded already, the renewal lapses.
    /// </summary>
    public async Task CannotBookAsync(string provider, PaymentCase concern, CancellationToken cancellationToken)
    {
        var licenses = await PaymentCaseStore.LicensesOfAsync(connection, provider, concern, cancellationToken);
        await SuspensionStore.LockAsync(connection, licenses, cancellationToken);
        if (!await PaymentCaseStore.IsRefundedAsync(connection, provider, concern, cancellationToken))
            await PaymentCaseStore.OpenAsync(connection, provider, concern, cancellationToken);
        // Only once: the customer may have requested the renewal since.
        else if (await PaymentCaseStore.KeepRefundedAsync(connection, provider, concern, cancellationToken) > 0)
            await ReleaseAsync(concern.Subject, isRefunded: true, Actor.Service, cancellationToken);
    }

    // After a restore, the renewal of a charge that could not be booked may have no intent, or another one.
    private const string Unbooked = """
        select r.renewal_id from renewals r
        where r.status <> 'applied' and r.renewal_id in (
            select o.renewal_id from renewals o where o.intent_id = @intentId
            union all
            select c.renewal_id from payment_cases c where c.subject = @intentId and c.reason = 'not_booked')
        order by r.renewal_id
        for update
        """;

    /// <summary>
    /// The intent's charge goes back to the customer, so no renewal waits for it any more. The caller holds the locks of its
    /// licenses (licenses_of_charge).
    /// </summary>
    public async Task ReleaseAsync(string intentId, bool isRefunded, Actor by, CancellationToken cancellationToken)
    {
        var ids = (await connection.QueryAsync<Guid>(
            new CommandDefinition(Unbooked, new { intentId }, cancellationToken: cancellationToken))).AsList();
        foreach (var facts in await RenewalStore.FactsAsync(connection, ids, cancellationToken))
        {
            if (RenewalSettlement.WithoutCharge(facts.Renewal, intentId, isRefunded, time.GetUtcNow()) is { } released)
                await WriteAsync(released, new RenewalWriter(Lease: null, by), cancellationToken);
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

    // All changes of a license lock its row first. This is a separate statement, so that the next one reads what was committed while this
    // one waited. The order is fixed, so that two workers don't wait for each other.
    private const string LockLicenses = """
        select from license_states where subscription_id = any(@ids) order by subscription_id for update
        """;

    // "limit 1", because PostgreSQL would read all tokens for a plain join with the view. "offset 0", because without statistics it would
    // read all paid periods for one license's.
    private const string CutPaidPeriods = """
        update renewals r set paid_until = greatest(r.paid_from, coalesce(c.expires_at, c.next_from)), fence = r.fence + 1
        from (
            select o.renewal_id, t.expires_at, p.paid_from as next_from
            from unnest(@subscriptions, @renewals, @paidFrom, @paidUntil) as p (subscription_id, renewal_id, paid_from, paid_until)
            cross join lateral (
                select c.expires_at from v_current_license_tokens c where c.subscription_id = p.subscription_id limit 1) t
            cross join lateral (select * from renewals where subscription_id = p.subscription_id offset 0) o
            where o.renewal_id <> p.renewal_id and o.status = 'applied' and o.paid_until > coalesce(t.expires_at, p.paid_from)
              and (t.expires_at is not null or o.paid_from < p.paid_until)) c
        where r.renewal_id = c.renewal_id
        """;

    // If the platform moved the expiry back into a paid period, that period now ends at the expiry, so that the next one can begin there.
    // If the platform removed the expiry, that period ends when the next one begins.
    private Task CutPaidPeriodsAsync(List<Booking> bookings, CancellationToken cancellationToken) => ExecuteAsync(
        CutPaidPeriods,
        new
        {
            subscriptions = bookings.ConvertAll(booking => booking.Renewal.SubscriptionId).ToArray(),
            renewals = bookings.ConvertAll(booking => booking.Renewal.RenewalId).ToArray(),
            paidFrom = bookings.ConvertAll(booking => booking.Payment.PaidFrom.UtcDateTime).ToArray(),
            paidUntil = bookings.ConvertAll(booking => booking.Payment.PaidUntil.UtcDateTime).ToArray(),
        },
        cancellationToken);

    // Refunds of a charge that paid nothing. They must not be deducted from the charge that pays the renewal later.
    private const string DropReversals = """
        update payment_reversals set renewal_id = null, subscription_id = null
        where renewal_id = @RenewalId and applied_at is null and provider <> 'wallet'
        """;

    // While a charge of any of its renewals is open, or is not booked, or may have been made before a restore, the license stays valid for
    // the period that may have been paid.
    private const string WriteRows = """
        with change as (
            select * from unnest(
                @renewals, @subscriptions, @fences, @periodStarts, @types, @statuses, @amounts, @debts, @accepted, @intents, @softDeclines,
                @lookups, @unknownSince::timestamptz[], @givesUpAt, @nextActionAt::timestamptz[], @paidWith, @paidFrom::timestamptz[],
                @paidUntil::timestamptz[], @lapsedBlocked, @mayBePaid, @refunded)
                as c (renewal_id, subscription_id, fence, period_start, renewal_type, status, amount_usd, debts_usd, price_accepted,
                      intent_id, soft_declines, lookups, unknown_since, gives_up_at, next_action_at, paid_with, paid_from, paid_until,
                      lapsed_blocked, may_be_paid, is_refunded)
        ), license as (
            insert into license_states (subscription_id, grace_until)
            select c.subscription_id,
                   (select max(p.period_start) + @period
                    from (select c.period_start where is_charge_open(c.status) or (c.may_be_paid and not is_renewal_final(c.status))
                          union all
                          select o.period_start from periods_maybe_paid(c.subscription_id) o
                          where o.renewal_id is distinct from c.renewal_id) p)
            from change c
            on conflict (subscription_id) do update set grace_until = excluded.grace_until
            returning subscription_id
        )
        update renewals r
        set renewal_type = c.renewal_type, status = c.status, amount_usd = c.amount_usd, debts_usd = c.debts_usd,
            price_accepted = c.price_accepted, intent_id = c.intent_id, soft_declines = c.soft_declines, lookups = c.lookups,
            unknown_since = c.unknown_since, gives_up_at = c.gives_up_at, next_action_at = c.next_action_at, paid_with = c.paid_with,
            paid_from = c.paid_from, paid_until = c.paid_until, lapsed_blocked = c.lapsed_blocked, may_be_paid = c.may_be_paid,
            is_refunded = c.is_refunded, is_double = r.is_double and is_charge_open(c.status), fence = r.fence + 1,
            lease_until = case when @lease > interval '0' then clock_timestamp() + @lease end
        from change c
        join license l on l.subscription_id = c.subscription_id
        where r.renewal_id = c.renewal_id and r.fence = c.fence and (@lease::interval is null or r.lease_until > clock_timestamp())
        """;

    private async Task WriteRowsAsync(IReadOnlyList<RenewalChange> changes, TimeSpan? lease, CancellationToken cancellationToken)
    {
        T[] Column<T>(Func<Renewal, T> value) => [.. changes.Select(change => value(change.After))];
        var written = await connection.ExecuteAsync(new CommandDefinition(WriteRows, new
        {
            renewals = Column(after => after.RenewalId),
            subscriptions = Column(after => after.SubscriptionId),
            fences = Column(after => after.Fence),
            periodStarts = Column(after => after.PeriodStart.UtcDateTime),
            period = Renewal.Period,
            types = Column(after => EnumWords.Of(after.Type)),
            statuses = Column(after => EnumWords.Of(after.Status)),
            amounts = Column(after => after.AmountUsd),
            debts = Column(after => after.DebtsUsd),
            accepted = Column(after => after.PriceAccepted),
            intents = Column(after => after.IntentId),
            softDeclines = Column(after => after.SoftDeclines),
            lookups = Column(after => after.Lookups),
            unknownSince = Column(after => after.UnknownSince?.UtcDateTime),
            givesUpAt = Column(after => after.GivesUpAt.UtcDateTime),
            nextActionAt = Column(after => after.NextActionAt?.UtcDateTime),
            paidWith = Column(after => EnumWords.Of(after.PaidWith)),
            paidFrom = Column(after => after.PaidFrom?.UtcDateTime),
            paidUntil = Column(after => after.PaidUntil?.UtcDateTime),
            lapsedBlocked = Column(after => after.LapsedBlocked),
            mayBePaid = Column(after => after.MayBePaid),
            refunded = Column(after => after.IsRefunded),
            lease,
        }, cancellationToken: cancellationToken));
        if (written < changes.Count) throw new SaveRefusedException(RenewalSave.Fenced);
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
        update license_tokens t
        set expires_at = case when t.expires_at is not null then p.paid_until end,
            metadata = coalesce(t.metadata, '{}') || jsonb_build_object('last_renewal', @now::timestamptz)
        from (
            select p.*, (select c.token_id from v_current_license_tokens c where c.subscription_id = p.subscription_id) as token_id
            from unnest(@subscriptions, @expiries::timestamptz[], @paidUntil) as p (subscription_id, expiry, paid_until)) p
        where t.token_id = p.token_id and t.expires_at is not distinct from p.expiry
        returning p.subscription_id, t.is_active and not exists (
            select from subscriptions s
            where s.subscription_id = p.subscription_id
              and is_expired_by_platform(s.state, s.paused_reason, t.is_active, t.revoked_reason)) as is_active
        """;

    // If an expiry changed since it was read, the booking is rejected and the renewal is planned again. Otherwise time that the platform
    // granted would be lost.
    private async Task BookAsync(List<Booking> bookings, CancellationToken cancellationToken)
    {
        foreach (var (renewal, _) in bookings.Where(booking => booking.Payment.With is PaidWith.Card))
        {
            if (await PaymentCaseStore.ReturnAsync(
                connection, renewal.Attempt?.Provider ?? PaymentProviders.Stripe, renewal.IntentId, renewal.Attempt?.TransactionId,
                cancellationToken) is { } returned)
                throw new SaveRefusedException(returned);
        }

        if (bookings.FindAll(booking => booking.Payment.MovesMoney) is { Count: > 0 } moving)
            await MoveMoneyAsync(moving, cancellationToken);
        var extended = (await connection.QueryAsync<(Guid SubscriptionId, bool IsActive)>(new CommandDefinition(
            Extend,
            new
            {
                subscriptions = bookings.ConvertAll(booking => booking.Renewal.SubscriptionId).ToArray(),
                expiries = bookings.ConvertAll(booking => booking.Payment.Expiry?.UtcDateTime).ToArray(),
                paidUntil = bookings.ConvertAll(booking => booking.Payment.PaidUntil.UtcDateTime).ToArray(),
                now = time.GetUtcNow().UtcDateTime,
            },
            cancellationToken: cancellationToken))).AsList();
        if (extended.Count < bookings.Count) throw new SaveRefusedException(RenewalSave.Fenced);
        await EmailOutbox.RemoveUnsentWarningsAsync(
            connection,
            bookings.Where(booking => booking.Payment.Expiry is not null).Select(
                booking => RenewalWarnings.WarningKeysBeginning(booking.Renewal.SubscriptionId, booking.Payment.Expiry!.Value)),
            cancellationToken);
        foreach (var (subscriptionId, _) in extended.Where(license => !license.IsActive))
            await suspensions.EndForExpiryAsync(connection, subscriptionId, "Renewed", cancellationToken, mailTemplate: null);
    }

    private const string AddWallets = """
        insert into user_wallets (user_id) select * from unnest(@users) as u (user_id) order by u.user_id on conflict do nothing
        """;

    private const string LockWallets = """
        select user_id, available_usd(balance_usd, reserved_usd) as available_usd
        from user_wallets where user_id = any(@users) order by user_id for update skip locked
        """;

    private const string Pay = """
        select credit_wallet(p.user_id, p.total_usd, 'DEPOSIT', p.description, p.renewal_id)
        from unnest(@users, @totals, @descriptions, @renewals, @byCard) as p (user_id, total_usd, description, renewal_id, by_card)
        where p.by_card;
        select debit_wallet(p.user_id, p.amount_usd, 'FEE_SUBSCRIPTION', p.description, p.renewal_id)
        from unnest(@users, @amounts, @descriptions, @renewals) as p (user_id, amount_usd, description, renewal_id)
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
        select debit_wallet(@UserId, t.total, 'FEE_SUBSCRIPTION', @DeferredRenewals, @RenewalId)
        from (select sum(amount_usd) as total from settled) t
        where t.total > 0
        """;

    // A wallet that another booking has locked is skipped, so it is no row. An error code would not do: any statement may fail with
    // lock_not_available, for a row that has nothing to do with the wallet.
    private async Task MoveMoneyAsync(List<Booking> bookings, CancellationToken cancellationToken)
    {
        var users = bookings.ConvertAll(booking => booking.Renewal.UserId).ToArray();
        await ExecuteAsync(AddWallets, new { users }, cancellationToken);
        var available = (await connection.QueryAsync<(Guid UserId, decimal AvailableUsd)>(
            new CommandDefinition(LockWallets, new { users }, cancellationToken: cancellationToken)))
            .ToDictionary(wallet => wallet.UserId, wallet => wallet.AvailableUsd);
        foreach (var (renewal, payment) in bookings)
        {
            if (!available.TryGetValue(renewal.UserId, out var balance)) throw new SaveRefusedException(RenewalSave.WalletLocked);
            if (payment.With is PaidWith.Wallet && balance < payment.AmountUsd + payment.DebtsUsd)
                throw new SaveRefusedException(RenewalSave.WalletShort);
        }

        await ExecuteAsync(Pay, new
        {
            users,
            amounts = bookings.ConvertAll(booking => booking.Payment.AmountUsd).ToArray(),
            totals = bookings.ConvertAll(booking => booking.Payment.AmountUsd + booking.Payment.DebtsUsd).ToArray(),
            renewals = bookings.ConvertAll(booking => booking.Renewal.RenewalId).ToArray(),
            byCard = bookings.ConvertAll(booking => booking.Payment.With is PaidWith.Card).ToArray(),
            descriptions = bookings.ConvertAll(booking => LedgerText.Renewal(booking.Payment.PaidUntil)).ToArray(),
        }, cancellationToken);
        foreach (var (renewal, payment) in bookings.Where(booking => booking.Payment.DebtsUsd > 0))
        {
            await ExecuteAsync(
                SettleDebts,
                new { renewal.UserId, payment.DebtsUsd, renewal.RenewalId, renewal.SubscriptionId, LedgerText.DeferredRenewals },
                cancellationToken);
        }
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
        select h.id, @now, h.subscription_id, h.user_id, h.renewal_type, h.amount_usd, h.previous_expiry, h.new_expiry,
               h.payment_method_id, h.provider, h.transaction_id, h.status, h.failure_reason, h.metadata::jsonb
        from unnest(
            @ids, @subscriptions, @users, @types, @amounts, @previousExpiries, @newExpiries::timestamptz[], @paymentMethods, @providers,
            @transactions, @statuses, @failureReasons, @metadata)
            as h (id, subscription_id, user_id, renewal_type, amount_usd, previous_expiry, new_expiry, payment_method_id, provider,
                  transaction_id, status, failure_reason, metadata)
        on conflict (renewal_id) do update
        set amount_usd = excluded.amount_usd, new_expiry = excluded.new_expiry, payment_method_id = excluded.payment_method_id,
            payment_provider = excluded.payment_provider, payment_transaction_id = excluded.payment_transaction_id,
            status = excluded.status, failure_reason = excluded.failure_reason, metadata = excluded.metadata
        """;

    private const string DropQuestions = """
        delete from license_renewal_history
        where renewal_id = any(@answered) and status = 'pending' and failure_reason = 'price_consent'
        """;

    // The row of the question about the price is deleted: later steps have rows of their own, and the audit log has the answer.
    private static bool IsQuestionAnswered(RenewalChange change) => change.After is { Status: not RenewalStatus.AwaitingConsent } after
        && (change.Audit == "renewal.price_accepted" || after.Status is RenewalStatus.Canceled
            || (change.History is { } history && history.Id != after.RenewalId));

    private async Task WriteHistoryAsync(List<RenewalChange> changes, CancellationToken cancellationToken)
    {
        if (changes.Count == 0) return;
        T[] Column<T>(Func<RenewalChange, T> value) => [.. changes.Select(value)];
        await ExecuteAsync(WriteHistory, new
        {
            ids = Column(change => change.History!.Id),
            now = time.GetUtcNow().UtcDateTime,
            subscriptions = Column(change => change.After.SubscriptionId),
            users = Column(change => change.After.UserId),
            types = Column(change => EnumWords.Of(change.After.Type)),
            amounts = Column(change => change.After.AmountUsd ?? 0), // the guide declares the column not null
            previousExpiries = Column(change => change.After.PeriodStart.UtcDateTime),
            newExpiries = Column(change => change.Payment?.PaidUntil.UtcDateTime),
            paymentMethods = Column(change => Attempt(change)?.PaymentMethodId),
            providers = Column(change => Attempt(change)?.Provider),
            transactions = Column(change => Attempt(change)?.TransactionId),
            statuses = Column(change => change.History!.Status),
            failureReasons = Column(change => change.History!.FailureReason),
            metadata = Column(change => RowJson.Of(new { change.After.RenewalId, paid_with = EnumWords.Of(change.After.PaidWith) })),
        }, cancellationToken);
    }

    // The attempt that the change is about.
    private static RenewalAttempt? Attempt(RenewalChange change) =>
        change.After.Attempt is { } attempt && change.History?.Id == attempt.AttemptId ? attempt : null;

    private static OutboxMail Mail(RenewalChange change, RenewalNotice notice)
    {
        var after = change.After;
        return new OutboxMail(notice.DedupKey, notice.Template, after.UserId, new
        {
            after.SubscriptionId,
            after.RenewalId,
            after.AmountUsd,
            after.DebtsUsd,
            ExpiresAt = notice.ChargeAt is null ? change.Payment?.PaidUntil ?? after.PeriodStart : after.PeriodStart,
            GraceUntil = change is { Payment: null } ? after.GivesUpAt : (DateTimeOffset?)null,
            after.NextAttemptAt,
            PaidWith = EnumWords.Of(notice.PaidWith ?? after.PaidWith),
            PaymentMethodId = notice.PaymentMethodId ?? Attempt(change)?.PaymentMethodId,
            CardBrand = Attempt(change)?.Brand,
            notice.ChargeAt,
            ChargesNow = notice.ChargeAt is not null,
            notice.Reason,
            notice.Link,
            notice.OldAmountUsd,
        });
    }

    private static AuditRow Audit(RenewalChange change, Actor actor) => new(
        actor, change.Audit!, change.After.SubscriptionId, change.After.RenewalId.ToString(), change.Reason,
        Before: null,
        After: RowJson.Of(new
        {
            Status = EnumWords.Of(change.After.Status),
            change.After.AmountUsd,
            change.After.PeriodStart,
            change.After.PaidUntil,
        }));

    private async Task ExecuteAsync(string sql, object parameters, CancellationToken cancellationToken) =>
        await connection.ExecuteAsync(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));
}
