using System.Net;
using System.Net.Sockets;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// Locations of files in MaxMind's format, with nested records (GeoIP2) or flat records (DB-IP Lite). IPv4 and IPv6 may be in separate
/// files. They are in memory; a file that changes is loaded within a minute, and until then, or if it is damaged, the old one is used.
/// </summary>
public sealed class GeoDatabase : IGeolocator, IDisposable
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LogInterval = TimeSpan.FromHours(1);

    private readonly ProcessCounts counts;
    private readonly TimeProvider time;
    private readonly ILogger<GeoDatabase> log;
    private readonly Lock reloading = new();
    private readonly ITimer timer;
    private readonly Dictionary<string, LocationFileVersion> rejected = [];
    private volatile LocationFile[] files;
    private long loggedAt;

    public GeoDatabase(IEnumerable<LocationFile> files, ProcessCounts counts, TimeProvider time, ILogger<GeoDatabase> log)
    {
        (this.files, this.counts, this.time, this.log) = ([.. files], counts, time, log);
        foreach (var file in this.files.Where(file => file.DamagedShare > 0))
        {
            log.LogWarning("A part of the location file {File} is damaged ({Share:P1}); the locations in it are unknown",
                Path.GetFileName(file.Path), file.DamagedShare);
        }

        loggedAt = time.GetTimestamp() - (long)(LogInterval.TotalSeconds * time.TimestampFrequency);
        timer = time.CreateTimer(_ => ReloadIfChanged(), null, CheckInterval, CheckInterval);
    }

    public Location? LocateHere(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (!PublicAddresses.HasLocation(address))
            return null;
        var isIPv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        // The file of the address's family first.
        foreach (var file in files.OrderBy(file => file.IsIPv6 != isIPv6))
        {
            if (Find(file, address) is { } location)
                return location;
        }

        return null;
    }

    public ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken) => default;

    public void Dispose() => timer.Dispose();

    private Location? Find(LocationFile file, IPAddress address)
    {
        try
        {
            return file.Find(address);
        }
#pragma warning disable CA1031 // A location is optional: no damage of the file may fail the caller's work.
        catch (Exception damage)
#pragma warning restore CA1031
        {
            counts.AddLocationFailure(ProcessCounts.LocationFile);
            var last = Volatile.Read(ref loggedAt);
            if (time.GetElapsedTime(last) >= LogInterval && Interlocked.CompareExchange(ref loggedAt, time.GetTimestamp(), last) == last)
            {
                log.LogWarning(damage, "A record of the location file {File} is damaged; locations of damaged records are unknown",
                    Path.GetFileName(file.Path));
            }

            return null;
        }
    }

    private void ReloadIfChanged()
    {
        if (!reloading.TryEnter())
            return;
        try
        {
            files = [.. files.Select(Newer)];
        }
        finally
        {
            reloading.Exit();
        }
    }

    private LocationFile Newer(LocationFile old)
    {
        var version = LocationFileVersion.Of(old.Path);
        if (version == old.Version || version == rejected.GetValueOrDefault(old.Path))
            return old;
        try
        {
            var newer = LocationFile.Load(old.Path);
            if (newer.DamagedShare > 0)
                throw new InvalidDataException("A part of it is damaged.");
            log.LogInformation("Geolocation uses the new file {File} of {Date}", Path.GetFileName(old.Path), newer.BuiltAt);
            return newer;
        }
#pragma warning disable CA1031 // As above; an exception in the timer would end the process.
        catch (Exception broken)
#pragma warning restore CA1031
        {
            if (version != LocationFileVersion.Of(old.Path))
                return old; // it is being written
            rejected[old.Path] = version;
            counts.AddLocationFailure(ProcessCounts.LocationFile);
            log.LogWarning(broken, "The new location file {File} can't be used; geolocation still uses the old one",
                Path.GetFileName(old.Path));
            return old;
        }
    }
}
