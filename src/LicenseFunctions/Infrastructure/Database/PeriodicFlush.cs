using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Writes data that the process has collected in memory, at an interval and when the process stops. If a write fails, the data is kept for
/// the next one. The process stops even if the last write fails; the loss is logged.
/// </summary>
public abstract class PeriodicFlush(TimeSpan interval, TimeProvider time, ILogger log) : BackgroundService
{
    /// <summary>Name of the data in log lines, in the plural.</summary>
    protected abstract string What { get; }

    /// <summary>Writes the data that was collected since the last successful flush.</summary>
    public abstract Task FlushAsync(CancellationToken cancellationToken);

    /// <summary>The flush at each interval; override it if it differs from the flush at the stop.</summary>
    public virtual Task FlushAtIntervalAsync(CancellationToken stoppingToken) => FlushAsync(stoppingToken);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await FlushAsync(cancellationToken);
        }
#pragma warning disable CA1031 // No failure may prevent the stop.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            log.LogError(failure, "{What} of the last seconds could not be written and are lost", What);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await FlushAtIntervalAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be unavailable for some time; the data is kept.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "{What} could not be written; the next attempt follows", What);
            }
        }
    }
}
