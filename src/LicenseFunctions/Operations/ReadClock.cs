using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>Reads the database's clock at the start, before any other work, and then every 15 s.</summary>
public sealed class ReadClock(LicenseDatabase database, DatabaseClock clock, ProcessCounts counts, ILogger<ReadClock> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private const string Now = "select clock_timestamp()";

    private bool wasWrong;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryReadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await TryReadAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    // Without an answer, the clock continues from the last reading.
    private async Task TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(cancellationToken).WaitAsync(Limit, clock, cancellationToken);
        }
        catch (Exception lost) when (lost is NpgsqlException || ConnectionLoss.IsReportedBy(lost))
        {
            log.LogDebug(lost, "The database's clock could not be read");
        }

        if (clock.IsMachineWrong != wasWrong)
        {
            wasWrong = clock.IsMachineWrong;
            if (wasWrong)
                log.LogError("The clock of this machine differs from the database's by {Difference}; its timers stop", clock.Difference);
            else
                log.LogWarning("The clock of this machine agrees with the database's again; its timers continue");
        }

        if (wasWrong)
            counts.AddWrongClock();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var asked = clock.GetTimestamp();
        var now = await session.Connection.ExecuteScalarAsync<DateTime>(new CommandDefinition(Now, cancellationToken: session.Token));
        clock.Read(new DateTimeOffset(now, TimeSpan.Zero), asked, clock.GetTimestamp());
    }
}
