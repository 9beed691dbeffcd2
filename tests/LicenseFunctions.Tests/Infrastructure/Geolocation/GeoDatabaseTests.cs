using System.Net;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using LicenseFunctions.Usage;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Geolocation;

public sealed class GeoDatabaseTests(PostgresFixture postgres) : IDisposable
{
    private static readonly Dictionary<string, object> Lagos = Flat("NG", "Lagos", 6.5, 3.4);
    private static readonly Dictionary<string, object> Paris = Flat("FR", "Paris", 48.9, 2.4);

    private readonly string folder = Directory.CreateTempSubdirectory("geo").FullName;
    private readonly FakeTimeProvider time = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("41.58.1.2", "Lagos")]
    [InlineData("::ffff:41.58.1.2", "Lagos")]
    [InlineData("41.59.1.2", null)]
    [InlineData("2a01:cb00::1", "Paris")]
    // The first 32 bits of this address are 41.58.1.2: an IPv4 tree would return Lagos.
    [InlineData("293a:102::1", null)]
    public void Locate_SeparateFilesForIPv4AndIPv6_UsesTheFileOfTheFamily(string address, string? city)
    {
        using var geolocator = Open(File("v4", 4, ("41.58.0.0/16", Lagos)), File("v6", 6, ("2a01:cb00::/24", Paris)));

        Assert.Equal(city, geolocator.Locate(IPAddress.Parse(address))?.City);
    }

    [Theory]
    [InlineData("10.1.2.3")]
    [InlineData("127.0.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("192.0.2.7")]
    [InlineData("fd00::1")]
    [InlineData("fe80::1")]
    [InlineData("::ffff:192.168.1.1")]
    public void Locate_PrivateOrReserved_HasNoLocation(string address)
    {
        using var geolocator = Open(File("all", 6, ("0.0.0.0/1", Lagos), ("128.0.0.0/1", Lagos), ("8000::/1", Lagos)));

        Assert.Null(geolocator.Locate(IPAddress.Parse(address)));
    }

    [Fact]
    public void Locate_NestedRecordOfGeoIP2_HasARadius()
    {
        var record = new Dictionary<string, object>
        {
            ["country"] = new Dictionary<string, object> { ["iso_code"] = "GB" },
            ["city"] = new Dictionary<string, object> { ["names"] = new Dictionary<string, object> { ["en"] = "London" } },
            ["location"] = new Dictionary<string, object> { ["latitude"] = 51.5, ["longitude"] = -0.1, ["accuracy_radius"] = (ushort)20 },
        };
        using var geolocator = Open(File("nested", 6, ("81.2.69.0/24", record)));

        Assert.Equal(new Location("GB", "London", 51.5, -0.1, 20), geolocator.Locate(IPAddress.Parse("81.2.69.142")));
    }

    [Fact]
    public void Locate_FileReplaced_IsLoadedWithinAMinuteUnlessInvalid()
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos));
        using var geolocator = Open(path);

        var replacement = File("new", 4, ("41.58.0.0/16", Flat("NG", "Abuja", 9.1, 7.5)));
        System.IO.File.SetLastWriteTimeUtc(replacement, System.IO.File.GetLastWriteTimeUtc(path).AddDays(30));
        System.IO.File.Move(replacement, path, overwrite: true);
        Assert.Equal("Lagos", geolocator.Locate(IPAddress.Parse("41.58.1.2"))?.City);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("Abuja", geolocator.Locate(IPAddress.Parse("41.58.1.2"))?.City);

        var broken = Path.Combine(folder, "broken");
        System.IO.File.WriteAllText(broken, "half a download");
        System.IO.File.Move(broken, path, overwrite: true);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("Abuja", geolocator.Locate(IPAddress.Parse("41.58.1.2"))?.City);
    }

    [Fact]
    public async Task Ingest_RecordWithoutALocation_GetsTheOneOfTheDatabase()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        using var geolocator = Open(File("v4", 4, ("41.58.0.0/16", Lagos)));
        var ingest = new IngestUsage(scene.Usage, scene.Quarantine, new ProcessCounts(), scene.Time, geolocator);
        var license = await scene.LicenseAsync();
        ReadOnlyMemory<byte>[] messages =
        [
            System.Text.Encoding.UTF8.GetBytes(scene.Record(license, address: "41.58.1.2", secondsAgo: 2)),
            System.Text.Encoding.UTF8.GetBytes(scene.Record(license, address: "192.168.1.2", secondsAgo: 1)),
        ];

        await ingest.RunAsync(messages, "http", TestContext.Current.CancellationToken);

        Assert.Equal(["NG Lagos 6.5", "nowhere"], await scene.Database.QueryAllAsync<string>(
            "select coalesce(country_code || ' ' || city || ' ' || round(latitude::numeric, 1), 'nowhere') from license_usage_log " +
            "order by logged_at"));
    }

    private static Dictionary<string, object> Flat(string country, string city, double latitude, double longitude) =>
        new() { ["country_code"] = country, ["city"] = city, ["latitude"] = latitude, ["longitude"] = longitude };

    private string File(string name, int version, params (string Network, object Record)[] entries)
    {
        var path = Path.Combine(folder, name + ".mmdb");
        MaxMindFile.Write(path, version, entries);
        return path;
    }

    private GeoDatabase Open(params string[] files) => new(files, time, NullLogger<GeoDatabase>.Instance);
}
