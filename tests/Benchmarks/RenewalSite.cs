using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Benchmarks;

/// <summary>A migrated database of one bench, and the renewal of licenses over it, composed as in Program.cs.</summary>
internal sealed class RenewalSite : IAsyncDisposable
{
    private RenewalSite(string connectionString)
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        ConnectionString = connectionString;
        Source = NpgsqlDataSource.Create(connectionString);
    }

    public string ConnectionString { get; }

    public NpgsqlDataSource Source { get; }

    /// <summary>Uses an existing database. Prepares no statements, like the pool of background work.</summary>
    public static RenewalSite Over(string connectionString) =>
        new(new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 0 }.ConnectionString);

    /// <summary>Creates a new database of that name.</summary>
    public static async Task<RenewalSite> MakeAsync(BenchContext context, string name)
    {
        var address = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl));
        await using (var server = NpgsqlDataSource.Create(address.ConnectionString))
        {
            await server.CreateCommand($"drop database if exists {name} with (force)").ExecuteNonQueryAsync();
            await server.CreateCommand($"create database {name}").ExecuteNonQueryAsync();
        }

        address.Database = name;
        address.MaxAutoPrepare = 100;
        address.MaxPoolSize = 20;
        var site = new RenewalSite(address.ConnectionString);
        await new Migrations(site.Source).RunAsync(_ => { }, CancellationToken.None);
        return site;
    }

    public RunDueRenewals Renewals(StripeSettings? stripe, RenewalPace pace)
    {
        var clock = TimeProvider.System;
        var database = new LicenseDatabase(Source);
        var invalidation = new LicenseInvalidation();
        var store = new RenewalStore(
            database, new SuspensionStore(database, invalidation, clock), invalidation,
            new SkippedRows(database, TimeProvider.System, NullLogger<SkippedRows>.Instance), clock);
        var gateways = new RenewalGateways(stripe is null
            ? []
            : [new StripeGateway(StripeRegistration.Client(stripe, clock), NullLogger<StripeGateway>.Instance)]);
        var settings = new RenewalSettings(
            AutoRenewal: true, Warning: TimeSpan.FromDays(7), Grace: TimeSpan.FromDays(3), PriceRiseShare: 0, RenewsPaused: false,
            AlertEmail: null, pace.Lanes);
        var policy = settings.Policy(gateways.IdempotencyKeyLifetimes);
        var process = new ProcessRenewal(store, gateways, policy, new SignedLinks([], clock), clock);
        return new RunDueRenewals(store, process, policy, pace, clock, NullLogger<RunDueRenewals>.Instance);
    }

    /// <summary>Adds licenses that expire tomorrow and cost 49.99, each of a different customer.</summary>
    /// <param name="cards">Customer and card for each license; null if wallets pay.</param>
    public async Task AddDueAsync(int licenses, IReadOnlyList<(string Customer, string Card)>? cards)
    {
        await using var connection = await Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(new CommandDefinition(
            """
            -- No timer reads events here, so charges must not wait for them.
            insert into payment_event_reads (provider, asked_at, asked_every) values ('stripe', now(), interval '1 day')
                on conflict do nothing;
            insert into users (email, role) values ('master@example.org', 'master') on conflict do nothing;
            insert into master_pricing (master_id, monthly_fee_usd)
                select user_id, 49.99 from users where email = 'master@example.org' on conflict do nothing;
            create temp table seed on commit drop as
                select uuid_generate_v4() as user_id, uuid_generate_v4() as subscription_id, n from generate_series(1, @licenses) n;
            insert into users (user_id, email) select user_id, user_id || '@example.org' from seed;
            insert into user_wallets (user_id, balance_usd) select user_id, case when @cards then 0 else 100 end from seed;
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
                select user_id, 'stripe', (@customers)[n], (@methods)[n], true from seed where @cards;
            insert into subscriptions (subscription_id, subscriber_id, master_id)
                select subscription_id, seed.user_id, m.user_id from seed, users m where m.email = 'master@example.org';
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
                select subscription_id, subscription_id::text, now() + interval '1 day', '{"auto_renew": true}' from seed;
            """,
            new
            {
                licenses,
                cards = cards is not null,
                customers = cards?.Select(card => card.Customer).ToArray() ?? [],
                methods = cards?.Select(card => card.Card).ToArray() ?? [],
            },
            transaction,
            commandTimeout: 600));
        await transaction.CommitAsync();
        if (licenses >= 1_000) await connection.ExecuteAsync("analyze users, user_wallets, subscriptions, license_tokens");
    }

    public async Task<T> QueryAsync<T>(string sql)
    {
        await using var connection = await Source.OpenConnectionAsync();
        return await connection.QuerySingleAsync<T>(sql);
    }

    public async Task<IEnumerable<T>> QueryAllAsync<T>(string sql)
    {
        await using var connection = await Source.OpenConnectionAsync();
        return await connection.QueryAsync<T>(sql);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await Source.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
