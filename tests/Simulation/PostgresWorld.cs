using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Devices;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Simulation;

/// <summary>
/// The world in PostgreSQL: the real stores, in one database, which is emptied before each schedule. Leases end by the database's clock, so
/// they are moved back when the schedule's clock advances.
/// </summary>
internal sealed class PostgresWorld : IWorld, IDisposable
{
    private const string Tables = """
        users, subscriptions, license_tokens, license_states, license_suspensions, master_pricing, master_price_changes, user_wallets,
        user_payment_methods, payment_customers, payment_preferences, billing_ledger, renewals, renewal_attempts, renewal_requests,
        license_renewal_history, payment_events, payment_event_reads, unapplied_events, payment_reversals, reversal_effects,
        payment_cases, outbox, renewal_sweeps
        """;

    private const string Prepare = """
        create table schedule_locks (rows boolean not null);
        insert into schedule_locks values (false);
        create function meet_lock() returns trigger language plpgsql as $$
        begin
            if (select rows from schedule_locks) then
                raise exception 'canceling statement due to lock timeout' using errcode = 'lock_not_available';
            end if;
            return new;
        end $$;
        create trigger meet_lock before update on renewals for each row execute function meet_lock();
        create trigger meet_lock before insert on payment_events for each row execute function meet_lock();
        """;

    // Deletes the same rows as truncate … cascade, which takes ten times as long for a few rows.
    private const string Emptying = """
        with recursive used (id) as (
            select unnest(string_to_array(@tables, ', '))::regclass::oid
            union
            select c.conrelid from pg_constraint c join used u on c.confrelid = u.id where c.contype = 'f'
        )
        select string_agg(format('delete from %s', id::regclass), '; ')
        from used
        where not exists (select from pg_inherits i where i.inhrelid = id)
        """;

    private readonly NpgsqlDataSource source;
    private readonly NpgsqlConnection connection;
    private readonly LicenseDatabase database;
    private readonly string server;
    private readonly string name;
    private string emptying = "";
    private TimeProvider clock = TimeProvider.System;
    private SuspensionStore suspensions = null!;
    private Dictionary<Guid, MemoryLicense> licenses = [];
    private List<Renewal> renewals = [];
    private List<PaymentCase> cases = [];
    private bool isStale;
    private (NpgsqlConnection Connection, NpgsqlTransaction Transaction)? wallets;

    private PostgresWorld(string server, string name)
    {
        (this.server, this.name) = (server, name);
        source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server)
        {
            Database = name,
            MaxPoolSize = 10,
            MaxAutoPrepare = 200,
            AutoPrepareMinUsages = 2,
        }.ConnectionString);
        database = new LicenseDatabase(source);
        connection = source.OpenConnection();
    }

    public IRenewalStore Store { get; private set; } = null!;

    public IReadOnlyDictionary<Guid, MemoryLicense> Licenses => Fresh(licenses);

    public IEnumerable<Renewal> Renewals => Fresh(renewals);

    public IEnumerable<PaymentCase> Cases => Fresh(cases);

    public DateTimeOffset? LastOpened =>
        connection.ExecuteScalar<DateTime?>("select opened_at from renewal_sweeps") is { } at
            ? new DateTimeOffset(at, TimeSpan.Zero)
            : null;

    public int Successes => connection.ExecuteScalar<int>("select count(*)::int from license_renewal_history where status = 'success'");

    /// <summary>A new, migrated database on the server of TEST_DATABASE_URL.</summary>
    public static PostgresWorld Create()
    {
        var server = DatabaseSettings.FromUri(Environment.GetEnvironmentVariable("TEST_DATABASE_URL")
            ?? throw new InvalidOperationException("TEST_DATABASE_URL is missing; ./dev simulate --store postgres sets it."));
        var name = $"simulation_{Guid.NewGuid():N}";
        using (var administrator = new NpgsqlConnection(server))
            administrator.Execute($"create database {name}");
        var world = new PostgresWorld(server, name);
        Wait(async () =>
        {
            await new Migrations(world.source).RunAsync(_ => { }, CancellationToken.None);
            return true;
        });
        world.connection.Execute(Prepare);
        var tables = $"{Tables}, license_events".ReplaceLineEndings(" ");
        world.emptying = world.connection.ExecuteScalar<string>(Emptying, new { tables })!;
        return world;
    }

    /// <summary>Empties the database for the next schedule.</summary>
    public void Begin(TimeProvider time)
    {
        clock = time;
        Empty(emptying);
        (licenses, renewals, cases, isStale) = ([], [], [], false);
        Lock(wallets: false, rows: false);
        var invalidation = new LicenseInvalidation();
        suspensions = new SuspensionStore(database, invalidation, time);
        Store = new WaitingStore(
            new RenewalStore(
                database, suspensions, invalidation,
                new SkippedRows(database, TimeProvider.System, NullLogger<SkippedRows>.Instance), time),
            () => isStale = true);
    }

    public int NoticesOf(Guid subscriptionId, DateTimeOffset expiresAt) => connection.ExecuteScalar<int>(
        "select count(*)::int from outbox where starts_with(dedup_key, @key)",
        new { key = $"upcoming_renewal:{subscriptionId}:{expiresAt.ToUnixTimeSeconds()}" });

    private const string Insert = """
        insert into users (user_id, email) values (@UserId, @UserId::text || '@example.org');
        insert into users (user_id, email, role) values (@SubscriptionId, @SubscriptionId::text || '@example.org', 'master');
        insert into subscriptions (subscription_id, subscriber_id, master_id, created_at)
        values (@SubscriptionId, @UserId, @SubscriptionId, '2026-01-01');
        insert into master_price_changes (master_id, changed_at, monthly_fee_usd)
        select @SubscriptionId, '2025-12-31', @LastPaidUsd where @LastPaidUsd is not null;
        insert into user_wallets (user_id, balance_usd) values (@UserId, @WalletUsd)
        """;

    public void Add(MemoryLicense license)
    {
        connection.Execute(Insert, new
        {
            license.SubscriptionId,
            license.UserId,
            LastPaidUsd = (decimal?)license.LastPaidUsd,
            license.WalletUsd,
        });
        licenses.Add(license.SubscriptionId, license);
        Changed(license);
    }

    // The token keeps its id, so that what refers to it finds it again. The master has the license's id.
    private const string Update = """
        delete from license_tokens where subscription_id = @SubscriptionId and @IsGone;
        insert into license_tokens (token_id, subscription_id, token_hash, is_active, revoked_at, expires_at, metadata)
        select @SubscriptionId, @SubscriptionId, @SubscriptionId::text, @IsTokenActive, case when not @IsTokenActive then now() end,
               @expiresAt, jsonb_build_object('auto_renew', @AutoRenew)
        where not @IsGone
        on conflict (token_id) do update
        set expires_at = excluded.expires_at,
            metadata = coalesce(license_tokens.metadata, '{}') || jsonb_build_object('auto_renew', @AutoRenew);
        update user_wallets set balance_usd = @WalletUsd, reserved_usd = @ReservedUsd where user_id = @UserId;
        insert into master_pricing (master_id, monthly_fee_usd, is_active)
        values (@SubscriptionId, coalesce(@price, 0), @price is not null)
        on conflict (master_id) do update set monthly_fee_usd = excluded.monthly_fee_usd, is_active = excluded.is_active;
        delete from master_price_changes where changed_at > '2026-01-01';
        update users set is_active = @block is distinct from 'account_closed' where user_id = @UserId;
        update users set is_active = @block is distinct from 'master_closed' where user_id = @SubscriptionId;
        update subscriptions set is_active = @block is distinct from 'subscription_inactive' where subscription_id = @SubscriptionId;
        update subscriptions set state = @state::subscription_state
        where subscription_id = @SubscriptionId and state <> 'SUSPENDED_ADMIN';
        update license_suspensions set previous_state = @state::subscription_state
        where subscription_id = @SubscriptionId and closed_at is null and previous_state <> 'SUSPENDED_ADMIN'
        """;

    private const string SetCard = """
        delete from user_payment_methods where user_id = @UserId;
        insert into user_payment_methods
            (payment_method_id, user_id, payment_provider, provider_customer_id, provider_payment_id, is_default, details_changed_at)
        select @method::uuid, @UserId, @provider, @customer, @payment, true, @changedAt::timestamptz where @method is not null
        union all
        select @nextMethod::uuid, @UserId, @nextProvider, @nextCustomer, @nextPayment, false, null where @nextMethod is not null;
        insert into payment_customers (user_id, payment_provider, provider_customer_id)
        select @UserId, provider, @UserId::text from unnest(array[@provider, @nextProvider]) as p (provider) where provider is not null
        on conflict do nothing;
        insert into payment_preferences (user_id, tries_next_method) values (@UserId, @nextMethod is not null)
        on conflict (user_id) do update set tries_next_method = excluded.tries_next_method
        """;

    public void Changed(MemoryLicense license)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute(Update, new
        {
            license.SubscriptionId,
            license.UserId,
            license.IsGone,
            license.IsTokenActive,
            expiresAt = license.ExpiresAt?.UtcDateTime,
            license.AutoRenew,
            license.WalletUsd,
            license.ReservedUsd,
            price = (decimal?)license.PriceUsd,
            block = license.OtherBlock is { } block ? EnumWords.Of(block) : null,
            state = StateOf(license),
        });
        connection.Execute(SetCard, new
        {
            license.UserId,
            method = license.Card?.PaymentMethodId,
            provider = license.Card?.Provider,
            customer = license.Card?.CustomerId,
            payment = license.Card?.PaymentId,
            changedAt = license.Card?.ChangedAt?.UtcDateTime,
            nextMethod = license.NextCard?.PaymentMethodId,
            nextProvider = license.NextCard?.Provider,
            nextCustomer = license.NextCard?.CustomerId,
            nextPayment = license.NextCard?.PaymentId,
        });
        transaction.Commit();
        isStale = true;
    }

    private static string StateOf(MemoryLicense license) => license.OtherBlock switch
    {
        RenewalBlock.PausedToxic => "PAUSED_TOXIC",
        RenewalBlock.LockedNoFunds => "LOCKED_NO_FUNDS",
        _ => "SYNCED",
    };

    public void SuspendByPlatform(MemoryLicense license, bool suspends)
    {
        license.IsSuspendedByPlatform = suspends;
        connection.Execute(
            """
            update subscriptions set state = @state::subscription_state, paused_reason = @reason where subscription_id = @SubscriptionId
            """,
            new
            {
                license.SubscriptionId,
                state = suspends ? "SUSPENDED_ADMIN" : StateOf(license),
                reason = suspends ? "Fraud" : null,
            });
        isStale = true;
    }

    public void CardsChanged(MemoryLicense license)
    {
        Wait(() => database.InTransactionAsync(async (own, token) =>
        {
            await RenewalStore.CardsChangedAsync(own, license.UserId, clock.GetUtcNow(), token);
            return true;
        }, CancellationToken.None));
        isStale = true;
    }

    public void SwitchAutoRenewal(MemoryLicense license)
    {
        license.AutoRenew = !license.AutoRenew;
        var store = new RenewalReads(database);
        Wait(() => store.SetAutoRenewalAsync(
            license.SubscriptionId, license.UserId, license.AutoRenew, Actor.Owner(license.UserId), CancellationToken.None));
    }

    public void Hold(MemoryLicense license, bool holds)
    {
        var by = Actor.Operator(license.UserId);
        Wait(() => database.InTransactionAsync(async (own, token) =>
        {
            if (holds)
            {
                var held = SuspensionTexts.ByOperator("held");
                await suspensions.SuspendAsync(
                    own, new NewSuspension(license.SubscriptionId, SuspensionCause.Operator, held, by), token);
            }
            else
            {
                await suspensions.ReinstateAsync(
                    own, new Reinstatement(license.SubscriptionId, [SuspensionCause.Operator], ClosedHow.Reinstated, by), token);
            }

            return true;
        }, CancellationToken.None));
        license.IsHeldByOperator = holds;
        isStale = true;
    }

    private const string FindCase = "select case_id from payment_cases where reason = @reason and subject = @Subject";

    public bool Credit(PaymentCase concern, string? provider, RenewalPolicy policy)
    {
        var caseId = connection.QuerySingle<Guid>(FindCase, new { reason = EnumWords.Of(concern.Reason), concern.Subject });
        var decision = new PaymentCaseDecision("credit", "paid for nothing");
        var decided = Wait(() => new DecidePaymentCase(database, suspensions, policy, clock).RunAsync(
            caseId, decision, Actor.Operator(caseId), CancellationToken.None));
        isStale = true;
        return decided.Refusal is null;
    }

    public void Lock(bool wallets, bool rows)
    {
        connection.Execute("update schedule_locks set rows = @rows where rows <> @rows", new { rows });
        if (this.wallets is { } held)
        {
            held.Transaction.Dispose();
            held.Connection.Dispose();
            this.wallets = null;
        }

        if (!wallets) return;
        var other = source.OpenConnection();
        this.wallets = (other, other.BeginTransaction());
        other.Execute("select from user_wallets for update");
    }

    private const string MissOrRead = """
        insert into payment_event_reads (provider, read_until, asked_at, missed_until)
        select provider, now(), now(),
               case when provider = any (@overdue) then now() - interval '7 hours' when provider = any (@unread) then now() end
        from unnest(array['paypal', 'stripe']) as p (provider)
        on conflict (provider) do update set asked_at = excluded.asked_at, missed_until = excluded.missed_until
        """;

    public void MissEvents(IReadOnlyCollection<string> unread, IReadOnlyCollection<string> overdue) =>
        connection.Execute(MissOrRead, new { unread = unread.ToArray(), overdue = overdue.ToArray() });

    public void CannotBook(string provider, PaymentCase concern)
    {
        Wait(async () =>
        {
            await Reads.FailAsync(provider, Unapplied(concern), concern, CancellationToken.None);
            return true;
        });
        isStale = true;
    }

    public void Book(string provider, PaymentCase concern)
    {
        Wait(async () =>
        {
            await new PaymentBooksStore(database).CloseNotBookedAsync(provider, concern.Subject, CancellationToken.None);
            await Reads.RemoveAsync(provider, Unapplied(concern), CancellationToken.None);
            return true;
        });
        isStale = true;
    }

    private PaymentEventReads Reads => new(database, suspensions, clock);

    private UnappliedEvent Unapplied(PaymentCase concern) =>
        new($"evt_of_{concern.Subject}", "success", clock.GetUtcNow().UtcDateTime, FailedAt: default, concern.Subject);

    public void Passed(TimeSpan by) =>
        connection.Execute("update renewals set lease_until = lease_until - @by where lease_until is not null", new { by });

    public Action Backup()
    {
        var copies = licenses.Values.Select(license => license.Copy()).ToList();
        connection.Execute("drop schema if exists backup cascade; create schema backup");
        foreach (var table in Tables.Split(',', StringSplitOptions.TrimEntries))
            connection.Execute($"create table backup.{table} as table public.{table}");
        return () =>
        {
            var tables = Tables.Split(',', StringSplitOptions.TrimEntries);
            Empty($"{emptying}; "
                + string.Join("; ", tables.Select(table => $"insert into public.{table} select * from backup.{table}")));
            licenses = copies.ToDictionary(license => license.SubscriptionId, license => license.Copy());
            isStale = true;
        };
    }

    public void Dispose()
    {
        connection.Dispose();
        source.Dispose();
        using var administrator = new NpgsqlConnection(server);
        administrator.Execute($"drop database if exists {name} with (force)");
    }

    // Triggers that keep evidence would refuse it.
    private void Empty(string statements)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute($"set local session_replication_role = replica; {statements}");
        transaction.Commit();
    }

    private T Fresh<T>(T view)
    {
        if (!isStale) return view;
        isStale = false;
        Read();
        return view;
    }

    private const string ReadLicenses = """
        select s.subscription_id, t.expires_at, is_auto_renewed(t.metadata) as auto_renew, t.is_active, l.grace_until, w.balance_usd,
               coalesce((select sum(b.amount_usd) from billing_ledger b
                         where b.user_id = s.subscriber_id and b.entry_type = 'FEE_SUBSCRIPTION'), 0) as fees_usd,
               coalesce((select sum(b.amount_usd) from billing_ledger b
                         where b.user_id = s.subscriber_id and b.entry_type in ('REFUND', 'ADJUSTMENT_ADMIN')), 0) as returned_usd
        from subscriptions s
        left join v_current_license_tokens t on t.subscription_id = s.subscription_id
        left join license_states l on l.subscription_id = s.subscription_id
        left join user_wallets w on w.user_id = s.subscriber_id
        """;

    private sealed record LicenseRow
    {
        public Guid SubscriptionId { get; init; }
        public DateTime? ExpiresAt { get; init; }
        public bool AutoRenew { get; init; }
        public bool? IsActive { get; init; }
        public DateTime? GraceUntil { get; init; }
        public decimal? BalanceUsd { get; init; }
        public decimal FeesUsd { get; init; }
        public decimal ReturnedUsd { get; init; }
    }

    private const string ReadRenewals = """
        select r.renewal_id, r.subscription_id, r.user_id, r.period_start, r.renewal_type, r.status, r.amount_usd, r.debts_usd, r.intent_id,
               r.gives_up_at, r.next_action_at, r.paid_with, r.paid_from, r.paid_until, a.attempt_id, a.number,
               a.status as attempt_status, a.transaction_id, a.request, a.first_sent_at
        from renewals r
        left join lateral latest_attempt(r.renewal_id) a on true
        order by r.created_at, r.period_start, r.repeat_number
        """;

    private sealed record Row
    {
        public Guid RenewalId { get; init; }
        public Guid SubscriptionId { get; init; }
        public Guid UserId { get; init; }
        public DateTime PeriodStart { get; init; }
        public string RenewalType { get; init; } = "";
        public string Status { get; init; } = "";
        public decimal? AmountUsd { get; init; }
        public decimal DebtsUsd { get; init; }
        public string? IntentId { get; init; }
        public DateTime GivesUpAt { get; init; }
        public DateTime? NextActionAt { get; init; }
        public string? PaidWith { get; init; }
        public DateTime? PaidFrom { get; init; }
        public DateTime? PaidUntil { get; init; }
        public Guid? AttemptId { get; init; }
        public int? Number { get; init; }
        public string? AttemptStatus { get; init; }
        public string? TransactionId { get; init; }
        public string? Request { get; init; }
        public DateTime? FirstSentAt { get; init; }

        public Renewal ToRenewal() => new()
        {
            RenewalId = RenewalId,
            SubscriptionId = SubscriptionId,
            UserId = UserId,
            PeriodStart = PeriodStart,
            Type = EnumWords.Parse<RenewalType>(RenewalType),
            Status = EnumWords.Parse<RenewalStatus>(Status),
            AmountUsd = AmountUsd,
            DebtsUsd = DebtsUsd,
            IntentId = IntentId,
            GivesUpAt = GivesUpAt,
            NextActionAt = NextActionAt,
            PaidWith = PaidWith is { } with ? EnumWords.Parse<PaidWith>(with) : null,
            PaidFrom = PaidFrom,
            PaidUntil = PaidUntil,
            Attempt = AttemptId is { } id
                ? new RenewalAttempt(
                    id, Number!.Value, "stripe", Guid.Empty, JsonSerializer.Deserialize<ChargeRequest>(Request!, RowJson.Options)!,
                    FirstSentAt!.Value, OpensIntent: false, EnumWords.Parse<AttemptStatus>(AttemptStatus!), null, TransactionId)
                : null,
        };
    }

    private const string ReadCases = """
        select reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail from payment_cases
        where reason <> 'not_booked' or decision is distinct from 'applied'
        """;

    private sealed record CaseRow
    {
        public string Reason { get; init; } = "";
        public string Subject { get; init; } = "";
        public Guid? RenewalId { get; init; }
        public Guid? SubscriptionId { get; init; }
        public Guid? UserId { get; init; }
        public string? TransactionId { get; init; }
        public long? AmountMinor { get; init; }
        public string? Currency { get; init; }
        public string Detail { get; init; } = "";
    }

    // The lists stay the same objects, because callers enumerate them.
    private void Read()
    {
        using var rows = connection.QueryMultiple($"{ReadRenewals}; {ReadCases}; {ReadLicenses}");
        renewals.Clear();
        renewals.AddRange(rows.Read<Row>().Select(row => row.ToRenewal()));
        cases.Clear();
        cases.AddRange(rows.Read<CaseRow>().Select(row => new PaymentCase(
            EnumWords.Parse<PaymentCaseReason>(row.Reason), row.Subject, row.RenewalId, row.SubscriptionId, row.UserId, row.TransactionId,
            row.AmountMinor, row.Currency, row.Detail)));
        foreach (var row in rows.Read<LicenseRow>())
        {
            var license = licenses[row.SubscriptionId];
            if (!license.IsGone) (license.ExpiresAt, license.AutoRenew) = (row.ExpiresAt, row.AutoRenew);
            license.IsTokenActive = row.IsActive ?? license.IsTokenActive;
            (license.GraceUntil, license.WalletUsd, license.FeesUsd, license.ReturnedUsd) =
                (row.GraceUntil, row.BalanceUsd ?? 0, row.FeesUsd, row.ReturnedUsd);
            license.PaidPeriods.Clear();
            license.PaidPeriods.AddRange(renewals.Where(one => one.SubscriptionId == row.SubscriptionId && one.PaidFrom is not null)
                .Select(one => (one.PaidFrom!.Value, one.PaidUntil!.Value)));
        }
    }

    private static T Wait<T>(Func<Task<T>> work) => Task.Run(work).GetAwaiter().GetResult();

    /// <summary>Each method waits for its work, so that only the scheduler decides the order.</summary>
    private sealed class WaitingStore(RenewalStore inner, Action changed) : IRenewalStore
    {
        public Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
            Done(() => inner.OpenDueAsync(policy, now, limit, cancellationToken));

        public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken) =>
            Done(() => inner.OpenAsync(subscriptionId, policy, now, cancellationToken));

        public Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
            RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken) =>
            Done(() => inner.ClaimAsync(selection, now, limit, lease, cancellationToken));

        public Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
            Done(() => inner.ClaimOneAsync(renewalId, lease, cancellationToken));

        public Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken) =>
            Done(() => inner.FindAsync(renewalId, cancellationToken));

        public Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken) =>
            Done(() => inner.FindByIntentAsync(provider, intentId, cancellationToken));

        public Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken) =>
            Done(() => inner.SaveAsync(change, writer, cancellationToken));

        public Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken) =>
            Done(() => inner.SaveAllAsync(changes, cancellationToken));

        public Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken) =>
            Done(() => inner.FindByRequestAsync(request, cancellationToken));

        public Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken) => Done(async () =>
        {
            await inner.RecordAsync(received, concern, cancellationToken);
            return true;
        });

        public Task SaveReversalAsync(
            PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken) => Done(async () =>
        {
            await inner.SaveReversalAsync(reversal, received, policy, cancellationToken);
            return true;
        });

        public Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken) =>
            Done(() => inner.ApplyReversalsAsync(policy, cancellationToken));

        public Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
            Done(() => inner.SuspendExpiredAsync(policy, now, limit, cancellationToken));

        private Task<T> Done<T>(Func<Task<T>> work)
        {
            changed();
            return Task.FromResult(Wait(work));
        }
    }
}
