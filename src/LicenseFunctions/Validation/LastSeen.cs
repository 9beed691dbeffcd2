using Licensing.Devices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Validation;

/// <summary>
/// When and where devices were last seen: noted in memory at each accepted check, so that it writes nothing, and written in
/// batches. What isn't written yet counts all the same.
/// </summary>
public sealed class LastSeen(DeviceStore store, TimeProvider time, ILogger<LastSeen> log) : BackgroundService
{
    // What is noted waits for at most one interval, and is written within the next: under five seconds.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Small batches at an even pace: a thousand at once would keep the checks beside them waiting.
    private static readonly TimeSpan Pace = 0.8 * Interval;
    private const int PacedBatch = 100;
    private const int LargestBatch = 1_000;

    // Two tables by turns: a new one each time would be garbage that had grown old.
    private readonly Lock gate = new();
    private Dictionary<Guid, Sighting> noted = [];
    private Dictionary<Guid, Sighting> flushing = [];

    public void Note(Sighting sighting)
    {
        lock (gate)
            noted[sighting.DeviceId] = sighting;
    }

    /// <summary>The device as of now, what isn't written yet included.</summary>
    public RegisteredDevice Bring(RegisteredDevice device) =>
        Bring(device.DeviceId) is { } sighting
            ? device with { LastSeenAt = sighting.At > device.LastSeenAt ? sighting.At : device.LastSeenAt, RecentNetworks = [.. device.RecentNetworks, SourceNetwork.Of(sighting.Address)] }
            : device;

    /// <summary>What isn't written yet of a device.</summary>
    public Sighting? Bring(Guid deviceId)
    {
        lock (gate)
            return noted.TryGetValue(deviceId, out var sighting) || flushing.TryGetValue(deviceId, out sighting) ? sighting : null;
    }

    /// <summary>Writes what was noted, at once; what can't be written is kept for the next time.</summary>
    public Task FlushAsync(CancellationToken cancellationToken) => FlushAsync(LargestBatch, TimeSpan.Zero, cancellationToken);

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

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await FlushAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            log.LogWarning("{Count} devices' last_seen_at could not be written before the stop", noted.Count);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await FlushAsync(PacedBatch, Pace, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be gone for a while; what was noted waits for it.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "{Count} devices' last_seen_at could not be written and wait", noted.Count);
            }
        }
    }
}
