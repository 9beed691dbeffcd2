using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Leases;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

/// <summary>One license in its own database, the use cases for it, and a clock that the test controls.</summary>
internal sealed class LicenseScene : IAsyncDisposable
{
    public const string Token = "tok-1";

    public static readonly ListSettings ListSettings = new(TimeSpan.FromDays(3), TimeSpan.FromDays(30));

    private LicenseScene(TestDatabase database, DevicePolicy policy, TimeSpan cached, TimeSpan staleFor, IReadOnlyList<byte[]> leaseKeys)
    {
        LeaseSettings = new LeaseSettings(leaseKeys, "https://licenses.test", TimeSpan.FromHours(72), TimeSpan.FromDays(3));
        Leases = new LeaseStore(database.Database);
        Database = database;
        Time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        Settings = new DeviceSettings(policy, TimeSpan.FromDays(3), TimeSpan.FromDays(30));
        Cache = new ValidationCache(cached, staleFor, Time, Invalidation);
        Suspensions = new SuspensionStore(database.Database, Invalidation, Time);
        Devices = new DeviceStore(database.Database);
        LastSeen = new LastSeen(Devices, Time, NullLogger<LastSeen>.Instance);
        Validation = NewProcess();
        Reinstating = new ReinstateLicense(database.Database, Suspensions, Time);
        Rotation = new RotateToken(database.Database, Suspensions, Invalidation);
    }

    public TestDatabase Database { get; }

    public FakeTimeProvider Time { get; }

    public DeviceSettings Settings { get; }

    public LeaseSettings LeaseSettings { get; }

    public LeaseStore Leases { get; }

    public LicenseInvalidation Invalidation { get; } = new();

    public ValidationCache Cache { get; }

    public SuspensionStore Suspensions { get; }

    public DeviceStore Devices { get; }

    public LastSeen LastSeen { get; }

    public ValidateLicense Validation { get; }

    public ReinstateLicense Reinstating { get; }

    public RotateToken Rotation { get; }

    public Guid SubscriptionId { get; private set; }

    public Guid SubscriberId { get; private set; }

    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<LicenseScene> NewAsync(
        PostgresFixture postgres, int maxDevices = 2, DeviceLimitAction action = DeviceLimitAction.Suspend, int cacheSeconds = 0,
        int staleSeconds = 0, DeviceIdentity identity = DeviceIdentity.EaAccount, params byte[][] leaseKeys)
    {
        var scene = new LicenseScene(
            await postgres.NewDatabaseAsync(), new DevicePolicy(maxDevices, identity, action), TimeSpan.FromSeconds(cacheSeconds),
            TimeSpan.FromSeconds(staleSeconds), leaseKeys);
        (scene.SubscriptionId, scene.SubscriberId) = await scene.Database.QueryAsync<(Guid, Guid)>(
            """
            with people as (
                insert into users (email, role) values ('s@x.test', 'subscriber'), ('m@x.test', 'master') returning user_id, role),
            subscription as (
                insert into subscriptions (subscriber_id, master_id, state)
                select (select user_id from people where role = 'subscriber'),
                       (select user_id from people where role = 'master'), 'DEGRADED_GAP'
                returning subscription_id, subscriber_id),
            token as (
                insert into license_tokens (subscription_id, token_hash, expires_at)
                select subscription_id, @hash, now() + interval '20 days' from subscription)
            select subscription_id, subscriber_id from subscription
            """,
            new { hash = Hash(Token) });
        return scene;
    }

    public static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    public async Task<CheckReply> CheckAsync(
        string ea, long account, string address = "198.51.100.1", string token = Token, ValidateLicense? process = null) =>
        await (process ?? Validation).RunAsync(Hash(token), new DeviceClaim(ea, account, IPAddress.Parse(address)), Stop);

    /// <summary>Checks as in another process, which shares only the database.</summary>
    /// <param name="own">The connections of that process; null for those of the scene.</param>
    public ValidateLicense NewProcess(LicenseDatabase? own = null)
    {
        var database = own ?? Database.Database;
        return new ValidateLicense(
            new LicenseCheckStore(database, Cache, Time),
            new AdmitDevice(database, Suspensions, LastSeen, Invalidation, Settings, new London()),
            new CloseOnlyStore(database, NullLogger<CloseOnlyStore>.Instance),
            new IssueLease(new LeaseStore(database), LeaseSettings, Time, NullLogger<IssueLease>.Instance),
            new LeaseSigner(LeaseSettings), LastSeen, Cache, Settings, Time);
    }

    private sealed class London : IGeolocator
    {
        public ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("No network call in a check.");

        public Location? LocateHere(IPAddress address) =>
            address.ToString().StartsWith("203.", StringComparison.Ordinal) ? new Location("GB", "London", 51.5, -0.1) : null;
    }

    /// <summary>Devices 1 and 2 check from different addresses; then device 3, from a third address, causes a suspension.</summary>
    public async Task<CheckReply> SuspendByThirdAsync()
    {
        await CheckAsync("EA-1", 1, "198.51.100.1");
        await CheckAsync("EA-2", 2, "198.51.100.2");
        return await CheckAsync("EA-3", 3, "203.0.113.9");
    }

    /// <summary>Makes the detector suspect sharing, so that new devices are refused, except these known ones.</summary>
    public Task SuspectAsync(params (string Ea, long Account)[] known)
    {
        var now = Time.GetUtcNow().ToUnixTimeSeconds();
        var state = new DetectionState
        {
            Clock = now,
            Identities = [.. known.Select(one => new IdentityUse
            {
                Ea = one.Ea, Account = one.Account, FirstAt = now - 86_400, LastAt = now,
            })],
            Incidents = [new Incident("people", FindingAction.Refuse, AlertSeverity.High, now - 3_600, now - 60)],
        };
        return Database.ExecuteAsync(
            "insert into suspicion_states (subscription_id, state) values (@SubscriptionId, @state::jsonb)",
            new { SubscriptionId, state = JsonSerializer.Serialize(state, SuspicionStore.Json) });
    }

    /// <summary>The guide's runbook, literally.</summary>
    public Task RunbookAsync() => Database.ExecuteAsync(
        """
        UPDATE license_tokens
        SET is_active = TRUE,
            revoked_at = NULL,
            revoked_reason = NULL
        WHERE subscription_id = @SubscriptionId
        """,
        new { SubscriptionId });

    public Task<(string State, string? PausedReason)> SubscriptionAsync() =>
        Database.QueryAsync<(string, string?)>(
            "select state::text, paused_reason from subscriptions where subscription_id = @SubscriptionId", new { SubscriptionId });

    public Task<int> CountAsync(string from) => Database.QueryAsync<int>("select count(*)::int from " + from);

    public async ValueTask DisposeAsync()
    {
        LastSeen.Dispose();
        await Database.DisposeAsync();
    }
}
