using LicenseFunctions.Infrastructure.Database;
using Licensing.Usage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Usage;

/// <summary>Ingests messages of the broker. Throws only if the database has failed for four minutes.</summary>
public sealed class IngestQueuedUsage(
    IngestUsage ingest, QuarantineStore quarantine, TimeProvider time, ILogger<IngestQueuedUsage> log)
{
    // The broker's lock lasts 5 minutes, and the Functions host doesn't renew it. Retries here don't use up the message's ten deliveries
    // during a failover of the database.
    private static readonly TimeSpan MaxDuration = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(15);

    /// <exception cref="NpgsqlException">The database has failed for four minutes.</exception>
    /// <exception cref="OperationCanceledException">The process stops; the batch is delivered again.</exception>
    public async Task RunAsync(IReadOnlyList<UsageMessage> messages, CancellationToken cancellationToken)
    {
        var done = await RetryAsync(token => ingest.RunAsync(messages, "queue", token), cancellationToken);
        if (done.Quarantined.Count > 0)
            log.LogWarning("{Quarantined} usage records were quarantined, {Accepted} stored", done.Quarantined.Count, done.Accepted);
    }

    /// <summary>Moves a dead letter to the quarantine, where operators can see it. Throws as <see cref="RunAsync"/> does.</summary>
    public async Task DrainDeadLetterAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        var fault = new UsageFault(UsageFault.DeadLettered, "the broker dead-lettered the message; replay it after the cause is fixed");
        var rejected = RejectedUsage.Of(message, fault);
        await RetryAsync(async token =>
        {
            await quarantine.AddAsync("dead_letter", [rejected], token);
            return 1;
        }, cancellationToken);
        log.LogWarning("A dead letter was quarantined");
    }

    private async Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        for (var pause = FirstPause; ; pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, MaxPause.Ticks)))
        {
            try
            {
                return await work(cancellationToken);
            }
            catch (Exception failure) when ((failure is NpgsqlException || ConnectionLoss.IsReportedBy(failure))
                && time.GetElapsedTime(start) + pause < MaxDuration)
            {
                log.LogWarning(failure, "The database failed; the next attempt for this batch is in {Pause}", pause);
                await Task.Delay(pause, time, cancellationToken);
            }
        }
    }
}
