using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Licensing.Suspicion;
using MaxMind.Db;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// Reads databases in MaxMind's format, with nested records (GeoIP2) or flat records (DB-IP Lite). IPv4 and IPv6 may be in separate files.
/// A file that is replaced by renaming is loaded within a minute.
/// </summary>
public sealed class GeoDatabase : IGeolocator, IDisposable
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMinutes(1);

    private readonly string[] files;
    private readonly TimeProvider time;
    private readonly ILogger<GeoDatabase> log;
    private readonly Lock reloading = new();
    private volatile Open[] open;
    private long checkedAt;

    /// <exception cref="IOException">A file can't be read.</exception>
    /// <exception cref="InvalidDatabaseException">A file has another format.</exception>
    public GeoDatabase(IEnumerable<string> files, TimeProvider time, ILogger<GeoDatabase> log)
    {
        (this.files, this.time, this.log) = ([.. files], time, log);
        open = [.. this.files.Select(Open.File)];
        checkedAt = time.GetTimestamp();
    }

    public ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken) => new(Locate(address));

    public Location? LocateHere(IPAddress address) => Locate(address);

    public Location? Locate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (!PublicAddresses.HasLocation(address))
            return null;
        ReloadIfReplaced();

        // In an IPv4 tree, an IPv6 address would be found by its first 32 bits, without an error.
        var isIPv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        foreach (var database in open.Where(database => isIPv6 ? database.IsIPv6 : true).OrderBy(database => database.IsIPv6 != isIPv6))
            if (database.Reader.Find<Dictionary<string, object>>(address) is { } record)
                return Read(record);
        return null;
    }

    public void Dispose()
    {
        foreach (var database in open)
            database.Reader.Dispose();
    }

    private static Location? Read(Dictionary<string, object> record)
    {
        if (record.ContainsKey("country_code"))
        {
            return LocationOf(
                Text(record, "country_code"), Text(record, "city"), Number(record, "latitude"), Number(record, "longitude"), null);
        }

        var location = Map(record, "location");
        return LocationOf(
            Text(Map(record, "country"), "iso_code"), Text(Map(Map(record, "city"), "names"), "en"),
            Number(location, "latitude"), Number(location, "longitude"), Number(location, "accuracy_radius"));
    }

    private static Location? LocationOf(string? country, string? city, double? latitude, double? longitude, double? radius) =>
        country is { Length: 2 } || latitude is not null
            ? new Location(country is { Length: 2 } ? country : null, city, latitude, longitude, radius)
            : null;

    private static Dictionary<string, object>? Map(Dictionary<string, object>? record, string name) =>
        record?.GetValueOrDefault(name) as Dictionary<string, object>;

    private static string? Text(Dictionary<string, object>? record, string name) =>
        record?.GetValueOrDefault(name) is string { Length: > 0 and <= 100 } text ? text : null;

    private static double? Number(Dictionary<string, object>? record, string name) =>
        record?.GetValueOrDefault(name) is { } value
        && double.TryParse(Convert.ToString(value, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private void ReloadIfReplaced()
    {
        if (time.GetElapsedTime(Volatile.Read(ref checkedAt)) < CheckInterval || !reloading.TryEnter())
            return;
        try
        {
            Volatile.Write(ref checkedAt, time.GetTimestamp());
            open = [.. open.Select(Newer)];
        }
        finally
        {
            reloading.Exit();
        }
    }

    /// <summary>Other threads may still read the old database, so it stays open until the garbage collector finalizes it.</summary>
    private Open Newer(Open database)
    {
        try
        {
            if (Open.VersionOf(database.Path) == database.Version)
                return database;
            var newer = Open.File(database.Path);
            log.LogInformation("Geolocation uses the new file {File} of {Date}",
                Path.GetFileName(database.Path), newer.Reader.Metadata.BuildDate);
            return newer;
        }
        catch (Exception broken) when (broken is IOException or UnauthorizedAccessException or InvalidDatabaseException)
        {
            log.LogWarning(broken, "The new file {File} can't be read; geolocation still uses the old one",
                Path.GetFileName(database.Path));
            return database;
        }
    }

    private sealed record Open(string Path, (DateTime WrittenAt, long Length) Version, Reader Reader)
    {
        public bool IsIPv6 => Reader.Metadata.IPVersion == 6;

        public static (DateTime WrittenAt, long Length) VersionOf(string path) =>
            (System.IO.File.GetLastWriteTimeUtc(path), new FileInfo(path).Length);

        public static Open File(string path) => new(path, VersionOf(path), new Reader(path, FileAccessMode.MemoryMapped));
    }
}
