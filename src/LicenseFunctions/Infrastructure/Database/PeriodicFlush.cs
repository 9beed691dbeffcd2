using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Writes what a process has gathered in memory, at an interval and when it stops. What can't be written waits for the next time;
/// with the database away the process still stops, and says what it takes with it.
/// </summary>
public abstract class PeriodicFlush(TimeSpan interval, TimeProvider time, ILogger log) : BackgroundService
{
    /// <summary>What is gathered, in the plural, for the log.</summary>
    protected abstract string What { get; }

    /// <summary>Writes what was gathered since; keeps it where that fails.</summary>
    public abstract Task FlushAsync(CancellationToken cancellationToken);

    /// <summary>The flush at each interval; override it if it differs from the flush at the stop.</summary>
    protected virtual Task FlushAtIntervalAsync(CancellationToken stoppingToken) => FlushAsync(stoppingToken);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await FlushAsync(cancellationToken);
        }
#pragma warning disable CA1031 // A process that stops must stop.
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
#pragma warning disable CA1031 // The database may be gone for a while; what was gathered waits for it.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "{What} could not be written and wait", What);
            }
        }
    }
}
