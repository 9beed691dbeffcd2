using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Usage;

/// <param name="Records">Records that were summed.</param>
public sealed record SumCounts(int Records);

/// <summary>
/// Sums stored usage records by hour, and writes the times of last use and the arrivals for the detector. A record is summed once, however
/// the process ends: its sum and the removal of its key from unsummed_usage commit together.
/// </summary>
public sealed class SumUsage(UsageStore store, TimeProvider time, ILogger<SumUsage> log)
{
    // A statement locks the tokens and devices of its records. A larger one is hardly faster, and other sessions wait longer for it.
    private const int MostRecords = 20_000;

    private static readonly TimeSpan TimeBudget = TimeSpan.FromSeconds(50);

    public async Task<SumCounts> RunAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var (all, records) = (0, 0);
        do
        {
            records = await SumAsync(TimeSlice.Batch(MostRecords, 1_000), cancellationToken);
            all += records;
        }
        while (records > 0 && time.GetElapsedTime(began) < TimeBudget && !TimeSlice.IsOver);

        return new SumCounts(all);
    }

    /// <summary>If the platform rejects the change of a token, only the batch of its record is summed without times of last use.</summary>
    private async Task<int> SumAsync(int most, CancellationToken cancellationToken)
    {
        try
        {
            return await store.SumAsync(most, lastUse: true, cancellationToken);
        }
        catch (PostgresException refused) when (SkippedRows.IsCausedByData(refused))
        {
            if (most > 1)
                return await SumAsync(most / 2, cancellationToken);
            log.LogWarning(refused, "A batch of usage is summed without times of last use");
            return await store.SumAsync(most, lastUse: false, cancellationToken);
        }
    }
}
