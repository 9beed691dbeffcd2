using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>A license with its token, and its usage records.</summary>
internal sealed record License(Guid SubscriptionId, string TokenHash);

/// <summary>A database with licenses, and the ingest.</summary>
internal sealed class UsageScene : IAsyncDisposable
{
    public readonly DateTimeOffset Now;

    private UsageScene(TestDatabase database, DateTimeOffset now)
    {
        Now = now;
        Database = database;
        Time = new FakeTimeProvider(now);
        Usage = new UsageStore(database.Database);
        Quarantine = new QuarantineStore(database.Database);
        Sum = new SumUsage(Usage, Time, NullLogger<SumUsage>.Instance);
        Ingest = new IngestUsage(Usage, Quarantine, new ProcessCounts(), Time);
    }

    public TestDatabase Database { get; }

    public FakeTimeProvider Time { get; }

    public UsageStore Usage { get; }

    public QuarantineStore Quarantine { get; }

    public IngestUsage Ingest { get; }

    public SumUsage Sum { get; }

    /// <summary>The clock is set to the database's time, truncated to the second, so that both accept the same records.</summary>
    public static async Task<UsageScene> NewAsync(PostgresFixture postgres)
    {
        var database = await postgres.NewDatabaseAsync();
        var now = await database.QueryAsync<DateTime>("select date_trunc('second', now())");
        return new UsageScene(database, new DateTimeOffset(now, TimeSpan.Zero));
    }

    public async Task<License> LicenseAsync()
    {
        var name = Guid.NewGuid().ToString("N");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(name)));
        var id = await Database.QueryAsync<Guid>(
            """
            with people as (
                insert into users (email, role) values ('s' || @name || '@x.test', 'subscriber'), ('m' || @name || '@x.test', 'master')
                returning user_id, role
            ), subscription as (
                insert into subscriptions (subscriber_id, master_id)
                select (select user_id from people where role = 'subscriber'), (select user_id from people where role = 'master')
                returning subscription_id
            )
            insert into license_tokens (subscription_id, token_hash) select subscription_id, @hash
                from subscription returning subscription_id
            """,
            new { name, hash });
        return new License(id, hash);
    }

    public Task DeviceAsync(License license, string key, string ea, long account, string address, DateTime lastSeen) =>
        Database.ExecuteAsync(
        """
        insert into license_devices (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at,
            last_seen_at, last_accepted_at)
        select @SubscriptionId, @key, @ea, @account, @address::inet, 1 + count(*), @lastSeen, @lastSeen, @lastSeen
        from license_devices where subscription_id = @SubscriptionId
        """,
        new { license.SubscriptionId, key, ea, account, address, lastSeen });

    public string Record(
        License license, Guid? id = null, int secondsAgo = 0, string ea = "EA-1", long account = 1001, string address = "198.51.100.4",
            int received = 3, int? executed = null, int? rejected = null) =>
        $$"""
        {"record_id":"{{id ?? Guid.NewGuid()}}",
        "logged_at":"{{Now.AddSeconds(-secondsAgo).UtcDateTime.ToString("O", CultureInfo.InvariantCulture)}}",
        "token_hash":"{{license.TokenHash}}","subscription_id":"{{license.SubscriptionId}}","ip_address":"{{address}}",
        "ea_instance_id":{{JsonSerializer.Serialize(ea)}},
        "mt5_account_number":{{account}},"signals_received":{{received}},"signals_executed":{{executed ?? Math.Min(received, 2)}},
        "signals_rejected":{{rejected ?? (received > 2 ? 1 : 0)}},"avg_latency_ms":40,
        "session_duration_sec":60}
        """;

    /// <summary>Stores the messages and sums their records.</summary>
    public async Task<IngestedUsage> SendAsync(params string[] messages)
    {
        var done = await StoreAsync(messages);
        await SumAsync();
        return done;
    }

    /// <summary>Stores the messages, as the backend does before it answers.</summary>
    public Task<IngestedUsage> StoreAsync(params string[] messages) => Ingest.RunAsync(
        [.. messages.Select(message => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(message))], "queue",
            TestContext.Current.CancellationToken);

    public Task<SumCounts> SumAsync() => Sum.RunAsync(TestContext.Current.CancellationToken);

    public static string Array(IEnumerable<string> records) => $"[{string.Join(",", records)}]";

    /// <summary>Everything that the ingest writes, as text. It must not change without new records.</summary>
    public Task<IReadOnlyList<string>> StateAsync() => Database.QueryAllAsync<string>(
        """
        select 'usage ' || u::text from license_usage_log u
        union all select 'token ' || t::text from license_tokens t
        union all select 'device ' || d::text from license_devices d
        union all select 'arrival ' || a::text from usage_arrivals a
        union all select 'sum ' || r::text from usage_rollups r
        union all select 'unsummed ' || n::text from unsummed_usage n
        union all select 'quarantine ' || q::text from usage_quarantine q
        order by 1
        """);

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
