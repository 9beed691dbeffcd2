using System.Net;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>
/// When and where devices were last seen. An accepted check only records it in memory; it is written to the database in batches. Unwritten
/// sightings count as well.
/// </summary>
/// <remarks>
/// A device that has not been seen for <see cref="WrittenEvery"/>, or that has another address now, is written in less than five seconds.
/// Any other is written once in <see cref="WrittenEvery"/>, however often it checks. Otherwise these writes would be half of the database's
/// work for checks. A device that keeps checking counts as active everywhere. One that stops becomes inactive for other processes up to
/// 34 s too early.
/// </remarks>
public sealed class LastSeen(DeviceStore store, TimeProvider time, ILogger<LastSeen> log) : PeriodicFlush(Interval, time, log)
{
    public static readonly TimeSpan WrittenEvery = TimeSpan.FromSeconds(30);

    // A sighting that can't be put off waits for at most one interval and is written within the next one.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Small batches at an even pace. A thousand rows in one statement would make concurrent checks wait.
    private static readonly TimeSpan Pace = 0.8 * Interval;
    private const int PacedBatch = 100;
    private const int LargestBatch = 1_000;

    // Two dictionaries take turns: a new one for each flush would become garbage in an old generation.
    private readonly Lock gate = new();
    private readonly TimeProvider time = time;
    private Dictionary<Guid, Sighted> noted = [];
    private Dictionary<Guid, Sighted> flushing = [];

    // Sightings that can wait. The flushes take one part each, in turn, so that the writes are spread evenly.
    private readonly Dictionary<Guid, Sighted>[] waiting =
        [.. Enumerable.Range(0, (int)(WrittenEvery / Interval)).Select(_ => new Dictionary<Guid, Sighted>())];
    private int turn;

    /// <summary>A sighting without the device's ID, which is the dictionary's key: a third less memory.</summary>
    /// <param name="At">In UTC.</param>
    private readonly record struct Sighted(IPAddress Address, DateTime At)
    {
        public DeviceSighting Of(Guid deviceId) => new(deviceId, Address, new DateTimeOffset(At, TimeSpan.Zero));
    }

    protected override string What => "Devices' last_seen_at";

    /// <param name="sighting">An accepted check.</param>
    /// <param name="written">The device as the check has read it; null if it was not known or not read.</param>
    /// <returns>Whether it is written with the next flush; otherwise within <see cref="WrittenEvery"/>.</returns>
    public bool Note(DeviceSighting sighting, KnownDevice? written)
    {
        var (device, seen) = (sighting.DeviceId, new Sighted(sighting.Address, sighting.At.UtcDateTime));
        var canWait = written is not null && sighting.At - written.LastSeenAt < WrittenEvery
            && written.AddressHash == sighting.Address.GetHashCode();
        lock (gate)
        {
            if (canWait && !noted.ContainsKey(device))
            {
                ref var kept = ref CollectionsMarshal.GetValueRefOrAddDefault(Part(device), device, out _);
                // Equal addresses share the first object, so that those of later checks don't get into an old generation.
                kept = seen.Address.Equals(kept.Address) ? seen with { Address = kept.Address } : seen;
                return false;
            }

            Part(device).Remove(device);
            noted[device] = seen;
            return true;
        }
    }

    private Dictionary<Guid, Sighted> Part(Guid deviceId) => waiting[(uint)deviceId.GetHashCode() % (uint)waiting.Length];

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
            return noted.TryGetValue(deviceId, out var seen) || Part(deviceId).TryGetValue(deviceId, out seen)
                || flushing.TryGetValue(deviceId, out seen) ? seen.Of(deviceId) : null;
    }

    /// <summary>Writes everything immediately. Sightings that can't be written are kept for the next flush.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) =>
        FlushAsync(waiting, LargestBatch, TimeSpan.Zero, cancellationToken);

    public override Task FlushAtIntervalAsync(CancellationToken stoppingToken) =>
        FlushAsync([waiting[turn++ % waiting.Length]], PacedBatch, Pace, stoppingToken);

    private async Task FlushAsync(
        Dictionary<Guid, Sighted>[] parts, int batchSize, TimeSpan within, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        lock (gate)
        {
            foreach (var part in parts)
            {
                foreach (var (device, seen) in part)
                    noted.Add(device, seen);
                part.Clear();
            }

            (noted, flushing) = (flushing, noted);
        }

        var batches = flushing.Select(one => one.Value.Of(one.Key)).Chunk(batchSize).ToList();
        var kept = new List<DeviceSighting>();
        PostgresException? failed = null;
        var done = 0;
        try
        {
            for (; done < batches.Count; done++)
            {
                if (within * done / batches.Count - time.GetElapsedTime(began) is { Ticks: > 0 } ahead)
                    await Task.Delay(ahead, time, cancellationToken);
                // If the server answers, the other batches may succeed.
                if (await WriteAsync(batches[done], kept, cancellationToken) is { } failure)
                    failed = failure;
            }
        }
        finally
        {
            lock (gate)
            {
                foreach (var sighting in kept.Concat(batches.Skip(done).SelectMany(batch => batch)))
                {
                    if (!Part(sighting.DeviceId).ContainsKey(sighting.DeviceId))
                        noted.TryAdd(sighting.DeviceId, new Sighted(sighting.Address, sighting.At.UtcDateTime));
                }

                flushing.Clear();
            }
        }

        if (failed is not null)
            ExceptionDispatchInfo.Throw(failed);
    }

    /// <param name="kept">Receives the sightings that are not written: those of locked devices, and those that the server refuses.</param>
    /// <returns>The server's refusal of a sighting; null if there is none.</returns>
    private async Task<PostgresException?> WriteAsync(
        DeviceSighting[] batch, List<DeviceSighting> kept, CancellationToken cancellationToken)
    {
        try
        {
            var locked = await store.FlushAsync(batch, cancellationToken);
            kept.AddRange(batch.Where(sighting => locked.Contains(sighting.DeviceId)));
            return null;
        }
        catch (PostgresException failure) when (batch.Length > 1 && SkippedRows.IsCausedByData(failure))
        {
            var first = await WriteAsync(batch[..(batch.Length / 2)], kept, cancellationToken);
            return await WriteAsync(batch[(batch.Length / 2)..], kept, cancellationToken) ?? first;
        }
        catch (PostgresException failure)
        {
            kept.AddRange(batch);
            return failure;
        }
    }
}
