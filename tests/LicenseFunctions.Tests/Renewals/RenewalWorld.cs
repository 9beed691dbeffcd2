using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Simulation;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>The values of a license that a test adds.</summary>
public sealed record LicenseSeed
{
    public DateTimeOffset? ExpiresAt { get; init; }
    public bool AutoRenew { get; init; } = true;
    public bool IsActive { get; init; } = true;
    public decimal? PriceUsd { get; init; } = 49.99m;
    public decimal WalletUsd { get; init; }
    public decimal ReservedUsd { get; init; }
    public string? CardId { get; init; }
    public string CustomerId { get; init; } = "cus_1";
}

/// <summary>The stored state of a license, its wallet and its ledger.</summary>
public sealed record LicenseState(
    DateTimeOffset? ExpiresAt, bool IsActive, DateTimeOffset? GraceUntil, decimal WalletUsd, decimal LedgerUsd, int LedgerRows,
    int PaidPeriods);

/// <summary>A renewal store with licenses, in PostgreSQL or in memory.</summary>
public abstract class RenewalWorld : IAsyncDisposable
{
    public abstract IRenewalStore Store { get; }

    public abstract Task<Guid> AddAsync(LicenseSeed seed);

    public abstract Task<LicenseState> ReadAsync(Guid subscriptionId);

    /// <summary>Changes the expiry as the platform does, without a renewal.</summary>
    public abstract Task MoveExpiryAsync(Guid subscriptionId, DateTimeOffset? expiresAt);

    /// <summary>A suspension by an operator; the license is active after it.</summary>
    public abstract Task AddSuspensionAsync(Guid subscriptionId, DateTimeOffset from, DateTimeOffset until);

    /// <summary>Stripe's events were missed, or are read.</summary>
    public abstract Task MissEventsAsync(bool areMissed);

    public abstract Task<string?> HistoryStatusAsync(Guid id);

    public abstract Task<bool> HasMailAsync(string dedupKey);

    public abstract ValueTask DisposeAsync();
}

internal sealed class MemoryWorld : RenewalWorld
{
    private readonly MemoryRenewalStore store;

    public MemoryWorld(TimeProvider clock) => store = new MemoryRenewalStore(clock, Guid.NewGuid);

    public override IRenewalStore Store => store;

    public override Task<Guid> AddAsync(LicenseSeed seed)
    {
        var license = new MemoryLicense
        {
            SubscriptionId = Guid.NewGuid(),
            UserId = Guid.NewGuid(),
            ExpiresAt = seed.ExpiresAt,
            AutoRenew = seed.AutoRenew,
            IsTokenActive = seed.IsActive,
            PriceUsd = seed.PriceUsd,
            LastPaidUsd = seed.PriceUsd, // at subscribing
            WalletUsd = seed.WalletUsd,
            ReservedUsd = seed.ReservedUsd,
            Card = seed.CardId is { } card ? new SavedCard(Guid.NewGuid(), "stripe", seed.CustomerId, card) : null,
        };
        store.Licenses.Add(license.SubscriptionId, license);
        return Task.FromResult(license.SubscriptionId);
    }

    public override Task<LicenseState> ReadAsync(Guid subscriptionId)
    {
        var license = store.Licenses[subscriptionId];
        return Task.FromResult(new LicenseState(
            license.ExpiresAt, license.IsTokenActive, license.GraceUntil, license.WalletUsd, license.Ledger.Sum(),
            license.Ledger.Count, license.PaidPeriods.Count));
    }

    public override Task MoveExpiryAsync(Guid subscriptionId, DateTimeOffset? expiresAt)
    {
        store.Licenses[subscriptionId].ExpiresAt = expiresAt;
        return Task.CompletedTask;
    }

    public override Task AddSuspensionAsync(Guid subscriptionId, DateTimeOffset from, DateTimeOffset until)
    {
        store.Licenses[subscriptionId].Holds.Add((from, until));
        return Task.CompletedTask;
    }

    public override Task MissEventsAsync(bool areMissed)
    {
        store.UnreadProviders = areMissed ? ["stripe"] : [];
        return Task.CompletedTask;
    }

    public override Task<string?> HistoryStatusAsync(Guid id) => Task.FromResult(store.History.GetValueOrDefault(id)?.Status);

    public override Task<bool> HasMailAsync(string dedupKey) => Task.FromResult(store.Mails.Contains(dedupKey));

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

internal sealed class PostgresWorld(TestDatabase database, TimeProvider clock) : RenewalWorld
{
    public TestDatabase Database => database;

    public override IRenewalStore Store { get; } = Over(database, clock);

    public static RenewalStore Over(TestDatabase database, TimeProvider clock)
    {
        Dapper.DefaultTypeMap.MatchNamesWithUnderscores = true;
        var invalidation = new LicenseInvalidation();
        return new RenewalStore(
            database.Database, new SuspensionStore(database.Database, invalidation, clock), invalidation,
            new SkippedRows(database.Database, TimeProvider.System, NullLogger<SkippedRows>.Instance), clock);
    }

    public override Task MissEventsAsync(bool areMissed) => database.ExecuteAsync(
        """
        insert into payment_event_reads (provider, read_until, asked_at, missed_until)
        values ('stripe', now(), now(), case when @areMissed then now() end)
        on conflict (provider) do update set missed_until = excluded.missed_until
        """,
        new { areMissed });

    public override async Task<Guid> AddAsync(LicenseSeed seed)
    {
        var subscriptionId = Guid.NewGuid();
        await database.ExecuteAsync(
            """
            with subscriber as (
                insert into users (email) values ('s-' || @subscriptionId::text || '@example.org') returning user_id
            ), master as (
                insert into users (email, role) values ('m-' || @subscriptionId::text || '@example.org', 'master') returning user_id
            ), price as (
                insert into master_pricing (master_id, monthly_fee_usd) select user_id, @PriceUsd from master where @PriceUsd is not null
            ), wallet as (
                insert into user_wallets (user_id, balance_usd, reserved_usd) select user_id, @WalletUsd, @ReservedUsd from subscriber
            ), card as (
                insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
                select user_id, 'stripe', @CustomerId, @CardId, true from subscriber where @CardId is not null
            ), subscription as (
                insert into subscriptions (subscription_id, subscriber_id, master_id)
                select @subscriptionId, s.user_id, m.user_id from subscriber s, master m returning subscription_id
            )
            insert into license_tokens (subscription_id, token_hash, is_active, revoked_at, expires_at, metadata)
            select subscription_id, subscription_id::text, @IsActive, case when not @IsActive then now() end, @expiresAt,
                   jsonb_build_object('auto_renew', @AutoRenew)
            from subscription
            """,
            new
            {
                subscriptionId,
                seed.PriceUsd,
                seed.WalletUsd,
                seed.ReservedUsd,
                seed.CustomerId,
                seed.CardId,
                seed.IsActive,
                expiresAt = seed.ExpiresAt?.UtcDateTime,
                seed.AutoRenew,
            });
        return subscriptionId;
    }

    public override async Task<LicenseState> ReadAsync(Guid subscriptionId)
    {
        var row = await database.QueryAsync<StateRow>(
            """
            select t.expires_at, t.is_active, l.grace_until, coalesce(w.balance_usd, 0) as wallet_usd,
                   (select coalesce(sum(b.balance_after - b.balance_before), 0)
                    from billing_ledger b where b.user_id = s.subscriber_id) as ledger_usd,
                   (select count(*)::int from billing_ledger b where b.user_id = s.subscriber_id) as ledger_rows,
                   (select count(*)::int from renewals r
                    where r.subscription_id = s.subscription_id and r.status = 'applied') as paid_periods
            from subscriptions s
            join v_current_license_tokens t on t.subscription_id = s.subscription_id
            left join license_states l on l.subscription_id = s.subscription_id
            left join user_wallets w on w.user_id = s.subscriber_id
            where s.subscription_id = @subscriptionId
            """,
            new { subscriptionId });
        return new LicenseState(row.ExpiresAt, row.IsActive, row.GraceUntil, row.WalletUsd, row.LedgerUsd, row.LedgerRows, row.PaidPeriods);
    }

    public override Task MoveExpiryAsync(Guid subscriptionId, DateTimeOffset? expiresAt) => database.ExecuteAsync(
        "update license_tokens set expires_at = @expiresAt where subscription_id = @subscriptionId",
        new { subscriptionId, expiresAt = expiresAt?.UtcDateTime });

    public override Task AddSuspensionAsync(Guid subscriptionId, DateTimeOffset from, DateTimeOffset until) => database.ExecuteAsync(
        """
        insert into license_suspensions (subscription_id, cause, reason, previous_state, suspended_at, closed_at, closed_how)
        values (@subscriptionId, 'OPERATOR', 'a test', 'SYNCED', @from, @until, 'REINSTATED')
        """,
        new { subscriptionId, from = from.UtcDateTime, until = until.UtcDateTime });

    public override async Task<string?> HistoryStatusAsync(Guid id) =>
        await database.QueryAsync<string?>("select max(status) from license_renewal_history where renewal_id = @id", new { id });

    public override Task<bool> HasMailAsync(string dedupKey) =>
        database.QueryAsync<bool>("select exists (select from outbox where dedup_key = @dedupKey)", new { dedupKey });

    public override ValueTask DisposeAsync() => database.DisposeAsync();

    private sealed record StateRow
    {
        public DateTime? ExpiresAt { get; init; }
        public bool IsActive { get; init; }
        public DateTime? GraceUntil { get; init; }
        public decimal WalletUsd { get; init; }
        public decimal LedgerUsd { get; init; }
        public int LedgerRows { get; init; }
        public int PaidPeriods { get; init; }
    }
}
