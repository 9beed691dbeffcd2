using System.Globalization;
using System.Net;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

public sealed class LastSeenTests(PostgresFixture postgres)
{
    private static readonly TimeSpan Flush = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    public async Task Flush_ADeviceThatChecksOften_IsWrittenOnceIn30SecondsAndOneWithANewAddressEachTime(int cacheSeconds)
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: cacheSeconds);
        await scene.CheckAsync("EA-OFTEN", 1);
        await scene.CheckAsync("EA-MOVES", 2);
        await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);
        scene.Time.Advance(Flush);
        var writes = 0;
        var written = await AcceptedAtAsync(scene, "EA-OFTEN");

        for (var flush = 1; flush <= 2 * (LastSeen.WrittenEvery / Flush); flush++)
        {
            var address = string.Create(CultureInfo.InvariantCulture, $"203.0.113.{flush}");
            await scene.CheckAsync("EA-OFTEN", 1);
            await scene.CheckAsync("EA-MOVES", 2, address);
            var checkedAt = scene.Time.GetUtcNow().UtcDateTime;
            await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);
            scene.Time.Advance(Flush);

            Assert.Equal(address, await AddressAsync(scene, "EA-MOVES"));
            var now = await AcceptedAtAsync(scene, "EA-OFTEN");
            writes += now == written ? 0 : 1;
            written = now;
            Assert.True(checkedAt - written < LastSeen.WrittenEvery);
        }

        Assert.Equal(2, writes);
    }

    [Fact]
    public async Task Flush_ADeviceThatWasNotSeenFor30Seconds_WritesItImmediately()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);
        scene.Time.Advance(LastSeen.WrittenEvery);
        await scene.CheckAsync("EA-1", 1);

        await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);

        Assert.Equal(1, await scene.CountAsync("license_devices where last_accepted_at = first_seen_at + interval '30 seconds'"));
    }

    [Fact]
    public async Task Unwritten_WhileASightingWaits_IsTheLatest()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var device = (await scene.CheckAsync("EA-1", 1)).Device!.DeviceId;
        await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1);
        Assert.Equal(scene.Time.GetUtcNow(), scene.LastSeen.Unwritten(device)!.Value.At);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1, "203.0.113.9");

        var latest = scene.LastSeen.Unwritten(device)!.Value;
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal((scene.Time.GetUtcNow(), IPAddress.Parse("203.0.113.9")), (latest.At, latest.Address));
        Assert.Null(scene.LastSeen.Unwritten(device));
        Assert.Equal("203.0.113.9", await AddressAsync(scene, "EA-1"));
    }

    [Fact]
    public async Task Stop_WhileSightingsWait_WritesThem()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.LastSeen.FlushAtIntervalAsync(LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1);

        await scene.LastSeen.StopAsync(LicenseScene.Stop);

        Assert.Equal(1, await scene.CountAsync("license_devices where last_accepted_at = first_seen_at + interval '10 seconds'"));
    }

    [Fact]
    public async Task Flush_DoesNotWaitForTheDisk()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var device = (await scene.CheckAsync("EA-1", 1)).Device!.DeviceId;
        await scene.Database.ExecuteAsync(
            """
            create table commits (wait text);
            create function note_commit() returns trigger language plpgsql as $$
            begin insert into commits values (current_setting('synchronous_commit')); return null; end $$;
            create constraint trigger note_commit after update on license_devices deferrable initially deferred
            for each row execute function note_commit();
            """);
        await using var waiting = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(scene.Database.ConnectionString) { Options = "-c synchronous_commit=on" });
        var store = new DeviceStore(new LicenseDatabase(waiting));

        await store.FlushAsync(
            [new DeviceSighting(device, IPAddress.Parse("198.51.100.1"), scene.Time.GetUtcNow().AddSeconds(1))], LicenseScene.Stop);
        await using (var connection = await waiting.OpenConnectionAsync(LicenseScene.Stop))
            await connection.ExecuteAsync("update license_devices set name = 'x'");

        Assert.Equal(["off", "on"], await scene.Database.QueryAllAsync<string>("select wait from commits order by wait"));
    }

    private static Task<DateTime> AcceptedAtAsync(LicenseScene scene, string ea) =>
        scene.Database.QueryAsync<DateTime>("select last_accepted_at from license_devices where ea_instance_id = @ea", new { ea });

    private static Task<string> AddressAsync(LicenseScene scene, string ea) =>
        scene.Database.QueryAsync<string>("select host(ip_address) from license_devices where ea_instance_id = @ea", new { ea });
}
