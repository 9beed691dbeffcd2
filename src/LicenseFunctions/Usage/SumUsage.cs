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
    // A statement locks the tokens and devices of its records. More records would not be much faster, and others would wait longer.
    private const int MostRecords = 5_000;

    /// <summary>As many as one stored batch has at most.</summary>
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
                // For the rest of this run: the next batches may contain the same token, or the disk may be as slow.
                if (most > OneBatch)
                {
                    (records, most) = (OneBatch, OneBatch);
                    continue;
                }

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
