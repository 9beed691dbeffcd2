using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>Renewals in PostgreSQL. Leases use the database's clock, because the clocks of the processes may differ.</summary>
public sealed class RenewalStore(
    LicenseDatabase database, SuspensionStore suspensions, LicenseInvalidation invalidation, SkippedRows skipped, TimeProvider time)
    : IRenewalStore
{
    // If the platform moves the expiry, the renewal for the new one waits until the intent of the one for the previous expiry is canceled.
    // That is due now. A worker that has read the previous expiry can't delay it. A subquery, because a join reads all tokens.
    private const string CancelOfPreviousDue = """
        update renewals set next_action_at = @now, fence = fence + 1, lease_until = null
        where renewal_id in (
            select r.renewal_id from renewals r
            where r.next_action_at > @now and has_intent_left(r.status, r.intent_id)
              and r.period_start <> (select t.expires_at from v_current_license_tokens t where t.subscription_id = r.subscription_id)
            for update skip locked)
        """;

    private const string OpenDue = """
        with candidates as (
            select a.subscription_id, a.subscriber_id, a.expires_at, p.monthly_fee_usd
            from active_licenses a
            left join active_prices p on p.master_id = a.master_id
            where a.auto_renews and not a.is_renewal_opened and a.expires_at <= @until
              and (a.expires_at > @since or was_grace_suspended(a.subscription_id, a.expires_at, @grace))
              and (@subscriptionIds::uuid[] is null or a.subscription_id = any(@subscriptionIds))
            limit @limit
        )
        insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
        select subscription_id, subscriber_id, expires_at, 'auto', 'due', monthly_fee_usd,
               renewal_gives_up_at(expires_at, @grace, @now), @now
        from candidates
        on conflict on constraint one_renewal_a_period do update
        set status = 'due', renewal_type = 'auto', gives_up_at = excluded.gives_up_at, next_action_at = excluded.next_action_at,
            soft_declines = 0, fence = renewals.fence + 1
        where renewals.status = 'canceled' or (renewals.status = 'lapsed' and renewals.lapsed_blocked)
        """;

    private const string DueIds = """
        select a.subscription_id from active_licenses a
        where a.auto_renews and not a.is_renewal_opened and a.expires_at <= @until
          and (a.expires_at > @since or was_grace_suspended(a.subscription_id, a.expires_at, @grace))
        limit @limit
        """;

    public async Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        await database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(
                new CommandDefinition(CancelOfPreviousDue, new { now = now.UtcDateTime }, cancellationToken: token)),
            cancellationToken);
        var since = policy.OpensAfter(now, await LastOpenedAsync(cancellationToken));
        var opened = await OpenDueAsync(since, policy, now, limit, cancellationToken);
        if (opened < limit) await RecordOpenedAsync(now, cancellationToken);
        return opened;
    }

    private async Task<int> OpenDueAsync(
        DateTimeOffset since, RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenDueAsync(null, since, policy, now, limit, cancellationToken);
        }
        catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
        {
            // One license makes the statement fail, for example because another session has locked it: open each by itself.
        }

        var parameters = new { until = policy.OpensUntil(now).UtcDateTime, since = since.UtcDateTime, grace = policy.Grace, limit };
        List<Guid> due;
        await using (var session = await database.OpenAsync(cancellationToken))
        {
            due = (await session.Connection.QueryAsync<Guid>(
                new CommandDefinition(DueIds, parameters, cancellationToken: session.Token))).AsList();
        }

        var opened = 0;
        foreach (var subscriptionId in due)
        {
            try
            {
                opened += await OpenDueAsync([subscriptionId], since, policy, now, 1, cancellationToken);
            }
            catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
            {
                await skipped.ReportAsync("renewal", subscriptionId, failure, cancellationToken);
            }
        }

        // Less than the limit, so that the caller doesn't repeat the batch for those that failed.
        return Math.Min(opened, limit - 1);
    }

    private Task<int> OpenDueAsync(
        Guid[]? subscriptionIds, DateTimeOffset since, RenewalPolicy policy, DateTimeOffset now, int limit,
        CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(OpenDue, new
        {
            subscriptionIds,
            until = policy.OpensUntil(now).UtcDateTime,
            since = since.UtcDateTime,
            grace = policy.Grace,
            now = now.UtcDateTime,
            limit,
        }, cancellationToken: token)), cancellationToken);

    private const string LastOpened = "select opened_at from renewal_sweeps";

    private async Task<DateTimeOffset?> LastOpenedAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(LastOpened, cancellationToken: session.Token));
    }

    private const string RecordOpened = """
        insert into renewal_sweeps (opened_at) values (@now)
        on conflict (only_row) do update set opened_at = greatest(renewal_sweeps.opened_at, excluded.opened_at)
        """;

    private Task<int> RecordOpenedAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(RecordOpened, new { now = now.UtcDateTime }, cancellationToken: token)), cancellationToken);

    private const string Open = """
        with license as (
            select t.subscription_id, s.subscriber_id, t.expires_at, p.monthly_fee_usd
            from v_current_license_tokens t
            join subscriptions s on s.subscription_id = t.subscription_id
            left join active_prices p on p.master_id = s.master_id
            where t.subscription_id = @subscriptionId
        ), open_charge as (
            select r.renewal_id from renewals r
            where r.subscription_id = @subscriptionId and is_charge_open(r.status)
            order by r.period_start desc limit 1
        ), made as (
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at,
                                  repeat_number)
            select l.subscription_id, l.subscriber_id, l.expires_at, 'manual', 'due', l.monthly_fee_usd,
                   renewal_gives_up_at(l.expires_at, @grace, @now), @now,
                   (select count(*) from renewals p
                    where p.subscription_id = l.subscription_id and p.period_start = l.expires_at and p.status = 'applied')
            from license l
            where l.expires_at <= @until and not exists (select from open_charge)
            on conflict do nothing
            returning renewal_id
        ), other_periods as (
            update renewals r set next_action_at = @now, fence = r.fence + 1, lease_until = null
            from license l
            where r.subscription_id = l.subscription_id and r.period_start <> l.expires_at
              and has_intent_left(r.status, r.intent_id) and r.next_action_at > @now
        )
        select found.renewal_id
        from (select 1 as rank, renewal_id from open_charge
              union all
              select 2, renewal_id from made
              union all
              select 3, r.renewal_id from renewals r
              join license l on l.subscription_id = r.subscription_id
              where case when l.expires_at <= @until then r.period_start = l.expires_at and r.status <> 'applied'
                         else r.paid_until = l.expires_at end) found
        order by found.rank
        limit 1
        """;

    public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var parameters = new { subscriptionId, until = policy.OpensUntil(now).UtcDateTime, grace = policy.Grace, now = now.UtcDateTime };
        return database.InStatementAsync(async (connection, token) =>
        {
            var open = new CommandDefinition(Open, parameters, cancellationToken: token);
            // If another statement inserted the row at the same time, this one doesn't see it; the next one does.
            return await connection.ExecuteScalarAsync<Guid?>(open) ?? await connection.ExecuteScalarAsync<Guid?>(open);
        }, cancellationToken);
    }

    private const string Claim = """
        update renewals r set fence = fence + 1, lease_until = clock_timestamp() + @lease
        from (select renewal_id from renewals
              where next_action_at <= @now and (lease_until is null or lease_until <= clock_timestamp())
                and (not @awaitingProvider or is_awaiting_provider(status))
              order by next_action_at
              limit @limit
              for update skip locked) due
        where r.renewal_id = due.renewal_id and (not @coveredByWallet or (
            r.intent_id is null and not is_charge_open(r.status)
            and coalesce(r.amount_usd, 0) <= coalesce((
                select available_usd(w.balance_usd, w.reserved_usd) from user_wallets w where w.user_id = r.user_id), 0)))
        returning r.renewal_id
        """;

    public async Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken)
    {
        var rows = await database.InStatementAsync<List<RenewalRow>>(async (connection, token) =>
        {
            var claimed = await connection.QueryAsync<Guid>(new CommandDefinition(
                Claim,
                new
                {
                    now = now.UtcDateTime,
                    awaitingProvider = selection is RenewalSelection.AwaitingProvider,
                    coveredByWallet = selection is RenewalSelection.CoveredByWallet,
                    limit,
                    lease,
                },
                cancellationToken: token));
            return claimed.AsList() is { Count: > 0 } ids ? await RowsAsync(connection, ids, token) : [];
        }, cancellationToken);
        return await ReadableAsync(rows, cancellationToken);
    }

    private async Task<List<RenewalFacts>> ReadableAsync(List<RenewalRow> rows, CancellationToken cancellationToken)
    {
        var facts = new List<RenewalFacts>(rows.Count);
        foreach (var row in rows)
        {
            try
            {
                facts.Add(row.ToFacts());
            }
#pragma warning disable CA1031 // A row that can't be read must not stop the others. Its lease delays the next attempt.
            catch (Exception unreadable)
#pragma warning restore CA1031
            {
                await skipped.ReportAsync("renewal", row.SubscriptionId, unreadable, cancellationToken);
            }
        }

        return facts;
    }

    private const string ClaimOne = """
        update renewals set fence = fence + 1, lease_until = clock_timestamp() + @lease
        where renewal_id = @renewalId and (lease_until is null or lease_until <= clock_timestamp())
        """;

    public Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
        database.InStatementAsync(async (connection, token) =>
        {
            var claimed = await connection.ExecuteAsync(
                new CommandDefinition(ClaimOne, new { renewalId, lease }, cancellationToken: token));
            return claimed == 1 ? (await FactsAsync(connection, [renewalId], token)).SingleOrDefault() : null;
        }, cancellationToken);

    public async Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await FactsAsync(connection, [renewalId], cancellationToken)).SingleOrDefault();
    }

    private const string OfIntent = """
        select r.renewal_id from renewals r
        where r.intent_id = @intentId
          and exists (select from renewal_attempts a where a.renewal_id = r.renewal_id and a.provider = @provider)
        """;

    public async Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var id = await connection.ExecuteScalarAsync<Guid?>(
            new CommandDefinition(OfIntent, new { provider, intentId }, cancellationToken: cancellationToken));
        return id is { } found ? (await FactsAsync(connection, [found], cancellationToken)).SingleOrDefault() : null;
    }

    private const string OfRequest = "select renewal_id from renewal_requests where caller_id = @CallerId and idempotency_key = @Key";

    public async Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var id = await connection.ExecuteScalarAsync<Guid?>(
            new CommandDefinition(OfRequest, request, cancellationToken: cancellationToken));
        return id is { } found ? (await FactsAsync(connection, [found], cancellationToken)).SingleOrDefault()?.Renewal : null;
    }

    // A separate statement after the claim, because only a new snapshot sees the writes that the claim waited for.
    private const string Facts = """
        select renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, price_accepted, intent_id,
               soft_declines, lookups, unknown_since, gives_up_at, next_action_at, paid_with, paid_from, paid_until, fence, attempt_id,
               attempt_number, attempt_provider, attempt_payment_method_id, request, first_sent_at, opens_intent, attempt_status,
               attempt_code, transaction_id, expires_at, auto_renew, renewal_block, price_usd, last_paid_usd, wallet_usd,
               payment_method_id, payment_provider, provider_customer_id, provider_payment_id, expiry_month, expiry_year,
               details_changed_at, lapsed_blocked, is_another_awaited, is_disputed, is_gone, debts_usd, debt_usd, attempts_at,
               is_card_declined, next_card, has_other_charge, may_be_paid, is_refunded,
               unread_providers, overdue_providers
        from renewal_facts
        where renewal_id = any(@ids)
        order by next_action_at, subscription_id, period_start
        """;

    internal static async Task<IReadOnlyList<RenewalFacts>> FactsAsync(
        NpgsqlConnection connection, IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        [.. (await RowsAsync(connection, ids, cancellationToken)).Select(row => row.ToFacts())];

    private static async Task<List<RenewalRow>> RowsAsync(
        NpgsqlConnection connection, IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<RenewalRow>(
            new CommandDefinition(Facts, new { ids = ids.ToArray() }, cancellationToken: cancellationToken))).AsList();

    // Joined through subscriptions, because no index lists a user's renewals.
    private const string WaitingForCard = """
        select r.renewal_id
        from subscriptions s
        join renewals r on r.subscription_id = s.subscription_id
        where s.subscriber_id = @userId and is_waiting_for_card(r.status)
        order by r.renewal_id
        for update of r
        """;

    private const string MakeDue = """
        update renewals set next_action_at = @now, fence = fence + 1, lease_until = null
        where renewal_id = any(@ids)
        """;

    /// <summary>
    /// Called in the transaction that changes a user's cards. Renewals that wait for a card become due now. If a worker has decided with
    /// the old cards, its change is rejected.
    /// </summary>
    public static async Task CardsChangedAsync(
        NpgsqlConnection connection, Guid userId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var waiting = (await connection.QueryAsync<Guid>(
            new CommandDefinition(WaitingForCard, new { userId }, cancellationToken: cancellationToken))).AsList();
        if (waiting.Count == 0) return;
        var ids = (await FactsAsync(connection, waiting, cancellationToken))
            .Where(facts => RenewalRequests.IsDueAfterCardChange(facts, now)).Select(facts => facts.Renewal.RenewalId).ToArray();
        await connection.ExecuteAsync(
            new CommandDefinition(MakeDue, new { now = now.UtcDateTime, ids }, cancellationToken: cancellationToken));
    }

    public async Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken)
    {
        try
        {
            await database.InTransactionAsync(
                (connection, token) => new RenewalTransaction(connection, suspensions, time).WriteAsync(change, writer, token),
                cancellationToken);
        }
        catch (SaveRefusedException refused)
        {
            return refused.Save;
        }
        catch (PostgresException conflict) when (conflict.ConstraintName == "one_open_charge_a_license")
        {
            return RenewalSave.ChargeOpen;
        }

        if (change.Payment is not null || change.Suspends) invalidation.Raise(change.After.SubscriptionId);
        return RenewalSave.Saved;
    }

    // Shorter than that of a check: while a batch waits for one license, it holds the locks of the others.
    private static readonly TimeSpan LockTimeoutOfAll = TimeSpan.FromMilliseconds(500);

    public async Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken)
    {
        try
        {
            await database.InTransactionAsync(
                async (connection, token) =>
                {
                    await new RenewalTransaction(connection, suspensions, time)
                        .WriteAsync(changes, new RenewalWriter(TimeSpan.Zero), token);
                    return true;
                },
                cancellationToken,
                LockTimeoutOfAll);
        }
        catch (SaveRefusedException)
        {
            return false;
        }
        catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
        {
            return false;
        }

        foreach (var change in changes.Where(change => change.Payment is not null || change.Suspends))
            invalidation.Raise(change.After.SubscriptionId);
        return true;
    }

    public Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (await PaymentEventInbox.AddAsync(connection, received, token) && concern is not null)
                await PaymentCaseStore.OpenAsync(connection, received.Provider, concern, token);
        }, cancellationToken);

    public async Task SaveReversalAsync(
        PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken)
    {
        var changed = await database.InTransactionAsync(
            (connection, token) =>
                new ReversalTransaction(connection, suspensions, time).ReceiveAsync(reversal, received, policy.Grace, token),
            cancellationToken);
        if (changed is { } subscriptionId) invalidation.Raise(subscriptionId);
    }

    // Refunds and disputes that were reported while the license had no token are applied when it has one again.
    private const string Waiting = """
        select distinct r.renewal_id, r.subscription_id
        from payment_reversals p
        join renewals r on r.renewal_id = p.renewal_id
        where p.applied_state is distinct from p.state and p.currency = 'usd' and r.status = 'applied'
          and case p.provider when 'wallet' then r.paid_with = 'wallet' else r.paid_with = 'card' end
          and exists (select from v_current_license_tokens t where t.subscription_id = r.subscription_id)
        limit 1000
        """;

    public async Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken)
    {
        List<(Guid RenewalId, Guid SubscriptionId)> waiting;
        await using (var session = await database.OpenAsync(cancellationToken))
        {
            waiting = (await session.Connection.QueryAsync<(Guid, Guid)>(
                new CommandDefinition(Waiting, cancellationToken: session.Token))).AsList();
        }

        var applied = 0;
        foreach (var (renewalId, subscriptionId) in waiting)
        {
            try
            {
                var changed = await database.InTransactionAsync(async (connection, token) =>
                {
                    await SuspensionStore.LockAsync(connection, subscriptionId, token);
                    return await new ReversalTransaction(connection, suspensions, time).ApplyAsync(renewalId, policy.Grace, token);
                }, cancellationToken);
                if (changed is not null) invalidation.Raise(subscriptionId);
                applied++;
            }
            catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
            {
                await skipped.ReportAsync("reversal", subscriptionId, failure, cancellationToken);
            }
        }

        await database.InStatementAsync((connection, token) => PaymentCaseStore.OpenForWaitingAsync(connection, token), cancellationToken);
        return applied;
    }

    private const string Expired = """
        select a.subscription_id
        from active_licenses a
        where a.expires_at <= @until
          and not exists (select from renewals r where r.subscription_id = a.subscription_id and not is_renewal_final(r.status))
          and not (@opens and a.auto_renews and not a.is_renewal_opened
                   and (a.expires_at > @since or was_grace_suspended(a.subscription_id, a.expires_at, @grace)))
          and (@subscriptionId::uuid is null or a.subscription_id = @subscriptionId)
          and not exists (select from unbooked_charges u where u.subscription_id = a.subscription_id)
          -- A payment that is not known here yet may have extended the license.
          and not (select awaits_events(@providers, longest => null))
        limit @limit
        """;

    private const string AddUnbooked = """
        insert into license_states (subscription_id)
        select distinct s.subscription_id
        from unbooked_charges u
        join subscriptions s on s.subscription_id = u.subscription_id
        order by s.subscription_id
        on conflict do nothing
        """;

    // A license that is locked is skipped until the next run.
    private const string LockUnbooked = """
        select l.subscription_id from license_states l
        where l.subscription_id in (
            select c.subscription_id from payment_cases c
            where c.reason in ('unknown_renewal', 'not_booked')
              and (c.decided_at is null
                   or exists (select from license_states k where k.subscription_id = c.subscription_id and k.grace_until > now())))
        order by l.subscription_id
        for update skip locked
        """;

    private const string WriteUnbooked = """
        with changed as (
            update license_states l set grace_until = k.grace_until
            from (select i.id, (select max(p.period_start) + @period from periods_maybe_paid(i.id) p) as grace_until
                  from unnest(@ids) as i (id)) k
            where l.subscription_id = k.id and l.grace_until is distinct from k.grace_until
            returning l.subscription_id
        )
        select mark_health_due(subscription_id) from changed
        """;

    // A restored license may have expired although its period is paid. While the charge is not booked, it is valid, also if it is suspended
    // for its expiry. After the decision, what is left of that time ends. The last statement sees the charges that began before the locks.
    private async Task KeepUnbookedAsync(CancellationToken cancellationToken)
    {
        await database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition(AddUnbooked, cancellationToken: token)),
            cancellationToken);
        await database.InTransactionAsync(
            async (connection, token) =>
            {
                var ids = (await connection.QueryAsync<Guid>(new CommandDefinition(LockUnbooked, cancellationToken: token))).ToArray();
                if (ids.Length == 0) return;
                await connection.ExecuteAsync(
                    new CommandDefinition(WriteUnbooked, new { ids, period = Renewal.Period }, cancellationToken: token));
            },
            cancellationToken);
    }

    public async Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        await KeepUnbookedAsync(cancellationToken);
        var since = policy.OpensAfter(now, await LastOpenedAsync(cancellationToken));
        List<Guid> expired;
        await using (var session = await database.OpenAsync(cancellationToken))
            expired = (await ExpiredAsync(session.Connection, null, since, policy, now, limit, session.Token)).AsList();
        var suspended = 0;
        foreach (var subscriptionId in expired)
        {
            try
            {
                suspended += await SuspendExpiredAsync(subscriptionId, since, policy, now, cancellationToken) ? 1 : 0;
            }
            catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
            {
                // For example, another session has locked the license. The next run tries again.
                await skipped.ReportAsync("expiry", subscriptionId, failure, cancellationToken);
            }
        }

        // If the batch was full, the limit is returned even if fewer licenses were suspended, so that the caller requests the next batch.
        return expired.Count == limit && suspended > 0 ? limit : suspended;
    }

    private async Task<bool> SuspendExpiredAsync(
        Guid subscriptionId, DateTimeOffset since, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var done = await database.InTransactionAsync(async (connection, token) =>
        {
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            return (await ExpiredAsync(connection, subscriptionId, since, policy, now, 1, token)).Any()
                && await suspensions.SuspendAsync(connection, RenewalTransaction.ForExpiry(subscriptionId), token) is not null;
        }, cancellationToken);
        if (done) invalidation.Raise(subscriptionId);
        return done;
    }

    private static Task<IEnumerable<Guid>> ExpiredAsync(
        NpgsqlConnection connection, Guid? subscriptionId, DateTimeOffset since, RenewalPolicy policy, DateTimeOffset now, int limit,
        CancellationToken cancellationToken) =>
        connection.QueryAsync<Guid>(new CommandDefinition(Expired, new
        {
            subscriptionId,
            until = (now - policy.Grace).UtcDateTime,
            since = since.UtcDateTime,
            grace = policy.Grace,
            opens = policy.AutoRenewal,
            providers = policy.IdempotencyKeyLifetimes.Keys.ToArray(),
            limit,
        }, cancellationToken: cancellationToken));
}
