using LicenseFunctions.Database;
using LicenseFunctions.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>
/// Writes what this process has counted, every few seconds and when it stops: a process that is killed takes the last seconds with it.
/// </summary>
public sealed class WriteCounts(ProcessCounts counts, MetricStore store, TimeProvider time, ILogger<WriteCounts> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // What could not be written yet.
    private IReadOnlyList<Counted> kept = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        kept = [.. kept.Concat(counts.Take())
            .GroupBy(counted => (counted.Name, counted.Label), (key, all) => new Counted(key.Name, key.Label, all.Sum(counted => counted.Amount)))];
        var more = await store.AddAsync([.. kept.Select(counted => new MetricRow(counted.Name, counted.Label, counted.Amount))], cancellationToken);
        kept = [];
        // The ingest server's calls of record_license_usage may be thousands a second.
        while (more)
            more = await store.AddAsync([], cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await RunAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await RunAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be gone for a while; what was counted waits for it.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "Counts could not be written and wait");
            }
        }
    }
}
