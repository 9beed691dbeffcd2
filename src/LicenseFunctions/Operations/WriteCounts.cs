using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>Writes the counts of this process every five seconds. If the process is killed, the unwritten counts are lost.</summary>
public sealed class WriteCounts(ProcessCounts counts, MetricStore store, TimeProvider time, ILogger<WriteCounts> log)
    : PeriodicFlush(TimeSpan.FromSeconds(5), time, log)
{
    // Counts whose last write failed.
    private IReadOnlyList<Counted> kept = [];

    protected override string What => "Counts";

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        kept = [.. kept.Concat(counts.Take())
            .GroupBy(
                counted => (counted.Name, counted.Label),
                (key, all) => new Counted(key.Name, key.Label, all.Sum(counted => counted.Amount)))];
        var rows = kept.Select(counted => new MetricRow(counted.Name, counted.Label, counted.Amount)).ToList();
        var more = await store.AddAsync(rows, cancellationToken);
        kept = [];
        // record_license_usage adds a row for each call, and the ingest server may make thousands of calls per second.
        while (more)
            more = await store.AddAsync([], cancellationToken);
    }
}
