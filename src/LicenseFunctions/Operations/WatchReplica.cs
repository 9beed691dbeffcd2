using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>Compares the replica of DATABASE_READ_URL with the primary every two seconds.</summary>
public sealed class WatchReplica(
    DatabaseSources sources, LicenseDatabase database, ProcessCounts counts, TimeProvider time, ILogger<WatchReplica> log)
    : BackgroundService
{
    private readonly LogPace pace = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (sources.Replica is not { } replica)
            return;
        using var timer = new PeriodicTimer(ReadReplica.Interval, time);
        try
        {
            do
                await CheckAsync(replica, stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    private async Task CheckAsync(ReadReplica replica, CancellationToken cancellationToken)
    {
        // Lists ask the primary for its position with this pool, too. Its statements have a time limit, those of background work have none.
        DatabaseScope.Enter(DatabasePool.Requests);
        try
        {
            await replica.CheckAsync(database, cancellationToken);
        }
#pragma warning disable CA1031 // Without this reading, the reads run on the primary.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            if (pace.Admits(failure.GetType().Name, out _))
                log.LogWarning(failure, "The read replica can't be compared with the primary, so it is not used");
        }

        var (onReplica, onPrimary) = replica.TakeReads();
        counts.AddReplicaReads(onReplica, onPrimary);
        if (replica.Warning is not null)
            counts.AddReplicaWarning(EnumWords.Of(replica.State));
    }
}
