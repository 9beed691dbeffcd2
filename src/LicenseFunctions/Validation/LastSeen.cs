using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Validation;

/// <summary>
/// When and where devices were last seen. An accepted check only records it in memory; it is written to the database in batches. Unwritten
/// sightings count as well.
/// </summary>
public sealed class LastSeen(DeviceStore store, TimeProvider time, ILogger<LastSeen> log) : PeriodicFlush(Interval, time, log)
{
    // A sighting waits for at most one interval and is written within the next one: in less than five seconds.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Small batches at an even pace. A thousand rows in one statement would make concurrent checks wait.
    private static readonly TimeSpan Pace = 0.8 * Interval;
    private const int PacedBatch = 100;
    private const int LargestBatch = 1_000;

    // Two dictionaries take turns: a new one for each flush would become garbage in an old generation.
    private readonly Lock gate = new();
    private readonly TimeProvider time = time;
    private Dictionary<Guid, DeviceSighting> noted = [];
    private Dictionary<Guid, DeviceSighting> flushing = [];

    protected override string What => "Devices' last_seen_at";

    public void Note(DeviceSighting sighting)
    {
        lock (gate)
            noted[sighting.DeviceId] = sighting;
    }

    /// <summary>The device with its latest sighting, even if that is not written yet.</summary>
    public RegisteredDevice WithUnwritten(RegisteredDevice device) =>
        Unwritten(device.DeviceId) is { } sighting
            ? device with
            {
                LastSeenAt = sighting.At > device.LastSeenAt ? sighting.At : device.LastSeenAt,
                RecentNetworks = [.. device.RecentNetworks, SourceNetwork.Of(sighting.Address)],
            }
            : device;

    /// <summary>The sighting of a device that is not written yet; null if there is none.</summary>
    public DeviceSighting? Unwritten(Guid deviceId)
    {
        lock (gate)
            return noted.TryGetValue(deviceId, out var sighting) || flushing.TryGetValue(deviceId, out sighting) ? sighting : null;
    }

    /// <summary>Writes everything immediately. Sightings that can't be written are kept for the next flush.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => FlushAsync(LargestBatch, TimeSpan.Zero, cancellationToken);

    protected override Task FlushAtIntervalAsync(CancellationToken stoppingToken) => FlushAsync(PacedBatch, Pace, stoppingToken);

    private async Task FlushAsync(int batchSize, TimeSpan within, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        lock (gate)
            (noted, flushing) = (flushing, noted);
        var batches = flushing.Values.Chunk(batchSize).ToList();
        var written = 0;
        try
        {
            for (; written < batches.Count; written++)
            {
                if (within * written / batches.Count - time.GetElapsedTime(began) is { Ticks: > 0 } ahead)
                    await Task.Delay(ahead, time, cancellationToken);
                await store.FlushAsync(batches[written], cancellationToken);
            }
        }
        finally
        {
            lock (gate)
            {
                foreach (var sighting in batches.Skip(written).SelectMany(batch => batch))
                    noted.TryAdd(sighting.DeviceId, sighting);
                flushing.Clear();
            }
        }
    }
}
