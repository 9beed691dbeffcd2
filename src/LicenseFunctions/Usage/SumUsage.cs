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
    private const int MostRecords = 5_000;

    /// <summary>About the size of a full batch of the queue. A statement sums at least one batch, also a larger one.</summary>
    private const int OneBatch = 1_000;

    private static readonly TimeSpan TimeBudget = TimeSpan.FromSeconds(50);

    public async Task<SumCounts> RunAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var (all, records, most) = (0, 0, TimeSlice.Batch(MostRecords, OneBatch));
        do
        {
            try
            {
                records = await store.SumAsync(most, oneByOne: false, cancellationToken);
            }
            catch (NpgsqlException failure) when (IsCausedByBatch(failure) && !cancellationToken.IsCancellationRequested)
            {
                if (most > OneBatch)
                {
                    // All later statements of this run are small, too: they may contain the same token, or the disk may still be slow.
                    (records, most) = (OneBatch, OneBatch);
                    continue;
                }

                // Only the oldest batch is summed in this way.
                log.LogWarning(failure, "A batch of usage is summed with separate times of last use");
                records = await store.SumAsync(most: 1, oneByOne: true, cancellationToken);
            }

            all += records;
        }
        while (records > 0 && time.GetElapsedTime(began) < TimeBudget && !TimeSlice.IsOver);

        return new SumCounts(all);
    }

    /// <summary>Whether fewer records may succeed: not if the connection, the server or its memory is the cause.</summary>
    private static bool IsCausedByBatch(NpgsqlException failure) =>
        failure is PostgresException refused
            ? refused.SqlState == PostgresErrorCodes.QueryCanceled || refused.SqlState[..2] is not ("08" or "53" or "57" or "58" or "XX")
            : failure.InnerException is TimeoutException;
}
