using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Leases;
using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Licensing.Leases;
using Microsoft.Extensions.Logging.Abstractions;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Xunit;

namespace LicenseFunctions.Tests.Leases;

public sealed class LeaseTests(PostgresFixture postgres)
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];

    [Fact]
    public async Task Check_ThatPasses_HasALeaseThatOthersVerify()
    {
        await using var scene = await NewAsync();

        var reply = await scene.CheckAsync("EA-1", 77);
        var lease = Read(reply)!;

        var header = Encoding.ASCII.GetString(reply.Lease!).Split('.')[0];
        Assert.DoesNotContain('\\', Encoding.ASCII.GetString(Base64Url.DecodeFromChars(header)));
        Assert.Equal("EdDSA", (string?)lease.Header["alg"]);
        Assert.Equal("license-lease+jwt", (string?)lease.Header["typ"]);
        Assert.Equal(new LeaseSigner(scene.LeaseSettings).PublicKeys[0].Kid, (string?)lease.Header["kid"]);
        Assert.Equal("https://licenses.test", (string?)lease.Claims["iss"]);
        Assert.Equal(scene.SubscriptionId, (Guid)lease.Claims["sub"]!);
        Assert.Equal(Base64Url.EncodeToString(SHA256.HashData("EA-1\n77"u8)), (string?)lease.Claims["dev"]);
        Assert.Equal("FULL", (string?)lease.Claims["ent"]);
        Assert.Equal(reply.CheckedAt.ToUnixTimeSeconds(), (long)lease.Claims["iat"]!);
        Assert.Equal(3_600, Seconds(lease));
        Assert.Equal(1, await scene.CountAsync($"license_leases where lease_id = '{lease.Claims["jti"]}'"));
    }

    [Fact]
    public void Sign_OfMoreLeasesThanAreKept_SignsEachAsOthersDo()
    {
        var settings = new LeaseSettings([Key], "https://licenses.test", TimeSpan.FromHours(72), TimeSpan.Zero);
        using var fewKept = new LeaseSigner(settings, mostOfAGeneration: 2);
        using var allKept = new LeaseSigner(settings);
        var device = new DeviceClaim("EA-1", 1, IPAddress.Loopback);
        var issued = new DateTimeOffset(2026, 11, 26, 0, 0, 0, TimeSpan.Zero);
        List<Lease> leases = [.. Enumerable.Range(1, 7).Select(n => new Lease(new Guid(n, 0, 0, new byte[8]), issued, issued.AddHours(n)))];

        foreach (var lease in leases.Concat(leases).Concat([leases[0], leases[6], leases[0]]))
            Assert.Equal(allKept.Sign(lease, Guid.Empty, device), fewKept.Sign(lease, Guid.Empty, device));
        Assert.Same(fewKept.Sign(leases[0], Guid.Empty, device), fewKept.Sign(leases[0], Guid.Empty, device));
    }

    [Fact]
    public async Task Check_WithinAQuarterOfTheLease_RepeatsItInEveryProcess()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        var first = (await scene.CheckAsync("EA-1", 1)).Lease;

        scene.Time.Advance(TimeSpan.FromMinutes(14));
        var same = (await scene.CheckAsync("EA-1", 1, process: scene.NewProcess())).Lease;
        scene.Time.Advance(TimeSpan.FromMinutes(2));
        var next = (await scene.CheckAsync("EA-1", 1)).Lease;

        Assert.Equal(first, same);
        Assert.NotEqual(first, next);
        Assert.Equal(2, await scene.CountAsync("license_leases"));
    }

    [Fact]
    public async Task Check_OnSevenDays_GrowsTheLeaseToTheLongest()
    {
        await using var scene = await NewAsync();
        var hours = new List<long>();
        for (var day = 0; day < 8; day++)
        {
            hours.Add(Seconds(Read(await scene.CheckAsync("EA-1", 1))!) / 3_600);
            await scene.LastSeen.FlushAsync(LicenseScene.Stop);
            scene.Time.Advance(TimeSpan.FromDays(1));
        }

        Assert.Equal([1, 1, 12, 24, 36, 48, 60, 72], hours);
    }

    [Fact]
    public async Task Check_WhileAnAlertIsOpen_HasAShortLease()
    {
        await using var scene = await NewAsync();
        await SeenForLongAsync(scene);
        Assert.Equal(72 * 3_600, Seconds(Read(await scene.CheckAsync("EA-1", 1))!));
        await scene.Database.ExecuteAsync(
            "select create_suspicious_activity_alert(subscription_id, 'RAPID_IP_CHANGE', 'LOW', 'moves', '{}', 'NONE') from subscriptions");
        scene.Time.Advance(TimeSpan.FromHours(20));

        Assert.Equal(3_600, Seconds(Read(await scene.CheckAsync("EA-1", 1))!));
    }

    [Fact]
    public async Task Check_NearTheEndOfPaidTime_HasALeaseUntilTheEndOfGrace()
    {
        await using var scene = await NewAsync();
        await SeenForLongAsync(scene);
        var expiry = DateTimeOffset.FromUnixTimeSeconds(scene.Time.GetUtcNow().AddDays(-2).ToUnixTimeSeconds());
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = @at", new { at = expiry.UtcDateTime });

        var reply = await scene.CheckAsync("EA-1", 1);

        Assert.Equal(LicenseCode.Grace, reply.Verdict.Code);
        Assert.Equal(expiry.AddDays(3).ToUnixTimeSeconds(), (long)Read(reply)!.Claims["exp"]!);
    }

    [Fact]
    public async Task Check_Refused_HasNoLeaseAndEndsTheCurrentOne()
    {
        await using var scene = await NewAsync();
        var issued = (await scene.CheckAsync("EA-1", 1)).Lease;
        await scene.Database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");

        Assert.Null((await scene.CheckAsync("EA-1", 1)).Lease);
        await scene.Database.ExecuteAsync("update subscriptions set state = 'SYNCED'");
        Assert.Single(await RevocationsAsync(scene, 0, 10));
        scene.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(issued, (await scene.CheckAsync("EA-1", 1)).Lease);
    }

    [Fact]
    public async Task Check_WithATokenThatWasReplaced_EndsNoLease()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        await scene.Rotation.RunAsync(scene.SubscriptionId, null, new TokenRotation(), Actor.System, LicenseScene.Stop);

        Assert.Equal(LicenseCode.Revoked, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        Assert.Empty(await RevocationsAsync(scene, 0, 10));
    }

    [Fact]
    public async Task Issue_AfterASuspensionThatTheCheckHasNotRead_StoresNothing()
    {
        await using var scene = await NewAsync();
        var device = (await scene.CheckAsync("EA-1", 1)).Device!.DeviceId;
        await scene.Database.ExecuteAsync("select end_license_leases(subscription_id, null, '-infinity') from subscriptions");
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, new NewSuspension(
                scene.SubscriptionId, SuspensionCause.Operator, SuspensionTexts.ByOperator("x"), Actor.System), token), LicenseScene.Stop);
        var now = scene.Time.GetUtcNow();

        Assert.False(await scene.Leases.AddAsync(new Lease(Guid.NewGuid(), now, now.AddHours(1)), device, null, LicenseScene.Stop));
    }

    [Fact]
    public async Task DaysSeen_CountsDaysOfChecksAndOfUsage()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);

        foreach (var days in (int[])[1, 2, 2, 3])
        {
            await scene.Database.ExecuteAsync(
                "update license_devices set last_seen_at = date_trunc('day', first_seen_at, 'UTC') + interval '1 day' * @days",
                new { days });
        }

        Assert.Equal(4, await scene.Database.QueryAsync<short>("select days_seen from license_devices"));
    }

    [Fact]
    public async Task Check_WithoutKeys_HasNoLease()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        Assert.Null((await scene.CheckAsync("EA-1", 1)).Lease);
        Assert.Equal(0, await scene.CountAsync("license_leases"));
    }

    [Fact]
    public async Task Check_WhileTheDevicesRowIsLocked_IsAnsweredWithoutANewLease()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromHours(2));
        await scene.Database.Database.InTransactionAsync(async (connection, token) =>
        {
            await Dapper.SqlMapper.ExecuteAsync(connection, "select from license_devices for update");
            var reply = scene.CheckAsync("EA-1", 1);
            while (!reply.IsCompleted)
            {
                scene.Time.Advance(TimeSpan.FromMilliseconds(100));
                await Task.WhenAny(reply, Task.Delay(10, token));
            }

            Assert.Equal((LicenseCode.Valid, true), ((await reply).Verdict.Code, (await reply).Lease is null));
        }, LicenseScene.Stop);

        Assert.NotNull((await scene.CheckAsync("EA-1", 1)).Lease);
    }

    [Fact]
    public async Task Check_FromMemory_HasTheSameLeaseUntilAQuarterIsOver()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 60, leaseKeys: Key);
        await scene.CheckAsync("EA-1", 1);
        var read = (await scene.CheckAsync("EA-1", 1)).Lease;
        var cached = (await scene.CheckAsync("EA-1", 1)).Lease;
        scene.Time.Advance(TimeSpan.FromMinutes(16));
        var next = (await scene.CheckAsync("EA-1", 1)).Lease;

        Assert.Equal(read, cached);
        Assert.NotEqual(read, next);
        Assert.Equal(next, (await scene.CheckAsync("EA-1", 1)).Lease);
    }

    [Theory]
    [InlineData("update subscriptions set state = 'PAUSED_TOXIC'")]
    [InlineData("update subscriptions set is_active = false")]
    [InlineData("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'lost'")]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'")]
    [InlineData("update license_tokens set expires_at = now() - interval '71 hours 30 minutes'")]
    [InlineData("delete from license_tokens; delete from subscriptions")]
    public async Task EndLeases_AfterAChangeByThePlatform_ListsTheLease(string change)
    {
        await using var scene = await NewAsync();
        var lease = Read(await scene.CheckAsync("EA-1", 1))!;
        Assert.Equal(0, (await EndAsync(scene)).Ended);
        await scene.Database.ExecuteAsync(change);

        await EndAsync(scene);

        var revoked = Assert.Single(await RevocationsAsync(scene, 0, 10));
        Assert.Equal(((Guid)lease.Claims["jti"]!, scene.SubscriptionId), (revoked.Jti, revoked.SubscriptionId));
        Assert.Empty(await RevocationsAsync(scene, revoked.Number, 10));
        Assert.Equal(new LeaseCounts(0, 0, 0), await EndAsync(scene));
    }

    [Fact]
    public async Task Suspend_OfALicense_RevokesAllItsLeasesAndTheNextCheckGetsANewOne()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromMinutes(20));
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2);

        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, new NewSuspension(
                scene.SubscriptionId, SuspensionCause.Operator, SuspensionTexts.ByOperator("x"), Actor.System), token), LicenseScene.Stop);
        var revoked = await RevocationsAsync(scene, 0, 10);
        await scene.Reinstating.RunAsync(scene.SubscriptionId, new ReinstateRequest("no"), Actor.System, LicenseScene.Stop);
        var lease = Read(await scene.CheckAsync("EA-1", 1))!;

        Assert.Equal(3, revoked.Count);
        Assert.DoesNotContain((Guid)lease.Claims["jti"]!, revoked.Select(one => one.Jti));
    }

    [Fact]
    public async Task Remove_OfADevice_ListsItsLeasesOnly()
    {
        await using var scene = await NewAsync();
        var removed = await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2);

        await scene.Database.Database.InTransactionAsync(
            (connection, token) => DeviceStore.RemoveAsync(
                connection, scene.SubscriptionId, removed.Device!.DeviceId, scene.Time.GetUtcNow(), token), LicenseScene.Stop);

        var revoked = Assert.Single(await RevocationsAsync(scene, 0, 10));
        Assert.Equal((Guid)Read(removed)!.Claims["jti"]!, revoked.Jti);
    }

    [Fact]
    public async Task Revocations_NumberedWhileAnotherTransactionEnds_MissNone()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2);
        const string End = """
            update license_leases set ended_at = now()
            where device_id = (select device_id from license_devices where ea_instance_id = @ea)
            """;
        await scene.Database.Database.InTransactionAsync(async (connection, token) =>
        {
            await Dapper.SqlMapper.ExecuteAsync(connection, End, new { ea = "EA-1" });
            await scene.Database.ExecuteAsync(End, new { ea = "EA-2" });
            Assert.Single(await RevocationsAsync(scene, 0, 10));
        }, LicenseScene.Stop);

        var seen = await RevocationsAsync(scene, 0, 1);

        Assert.Single(await RevocationsAsync(scene, seen[0].Number, 10));
    }

    [Fact]
    public async Task EndLeases_Deletes_ExpiredOnes()
    {
        await using var scene = await NewAsync();
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            "update license_leases set issued_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'");

        Assert.Equal(new LeaseCounts(0, 1, 0), await EndAsync(scene));
        Assert.Equal(0, await scene.CountAsync("license_leases"));
    }

    private static async Task<IReadOnlyList<Revocation>> RevocationsAsync(LicenseScene scene, long after, int most)
    {
        await scene.Leases.NumberAsync(LicenseScene.Stop);
        return await scene.Leases.RevocationsAsync(after, most, LicenseScene.Stop);
    }

    private Task<LicenseScene> NewAsync() => LicenseScene.NewAsync(postgres, leaseKeys: Key);

    private static Task<LeaseCounts> EndAsync(LicenseScene scene) =>
        new EndLeases(scene.Leases, scene.LeaseSettings, NullLogger<EndLeases>.Instance).RunAsync(LicenseScene.Stop);

    private static async Task SeenForLongAsync(LicenseScene scene)
    {
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update license_devices set first_seen_at = now() - interval '60 days', days_seen = 60");
        scene.Time.Advance(TimeSpan.FromHours(1));
    }

    private sealed record VerifiedLease(JsonNode Header, JsonNode Claims);

    private static long Seconds(VerifiedLease lease) => (long)lease.Claims["exp"]! - (long)lease.Claims["iat"]!;

    /// <summary>Verifies with BouncyCastle.</summary>
    private static VerifiedLease? Read(CheckReply reply)
    {
        if (reply.Lease is not { } lease)
            return null;
        var parts = Encoding.ASCII.GetString(lease).Split('.');
        var verifier = new Ed25519Signer();
        verifier.Init(false, new Ed25519PrivateKeyParameters(Key, 0).GeneratePublicKey());
        var text = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}");
        verifier.BlockUpdate(text, 0, text.Length);
        Assert.True(verifier.VerifySignature(Base64Url.DecodeFromChars(parts[2])));
        return new VerifiedLease(
            JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!, JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!);
    }
}
