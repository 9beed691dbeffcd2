using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>Writes what this process has counted: one that is killed takes the last five seconds with it.</summary>
public sealed class WriteCounts(ProcessCounts counts, MetricStore store, TimeProvider time, ILogger<WriteCounts> log)
    : PeriodicFlush(TimeSpan.FromSeconds(5), time, log)
{
    // What could not be written yet.
    private IReadOnlyList<Counted> kept = [];

    protected override string What => "Counts";

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        kept = [.. kept.Concat(counts.Take())
            .GroupBy(counted => (counted.Name, counted.Label), (key, all) => new Counted(key.Name, key.Label, all.Sum(counted => counted.Amount)))];
        var more = await store.AddAsync([.. kept.Select(counted => new MetricRow(counted.Name, counted.Label, counted.Amount))], cancellationToken);
        kept = [];
        // The ingest server's calls of record_license_usage may be thousands a second.
        while (more)
            more = await store.AddAsync([], cancellationToken);
    }
}
