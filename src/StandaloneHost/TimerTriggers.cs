using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace StandaloneHost;

/// <summary>
/// Optional; an application registers it. While <paramref name="Reason"/> returns a reason, this process claims no slot of a timer, so that
/// another process runs it. A requested run is answered 503 with the reason.
/// </summary>
/// <param name="Reason">Returns null if timers run.</param>
public sealed record TimerPause(Func<string?> Reason);

/// <summary>All timers of the application.</summary>
internal sealed class TimerTriggers(IReadOnlyDictionary<string, TimerLoop> loops, TimerPause? pause) : BackgroundService
{
    /// <summary>The answer to a request waits at most this long for the end of the run. It is 202 in any case.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(15);

    public static TimerTriggers Create(WorkerFunction[] functions, FunctionExecutionDelegate pipeline, IServiceProvider services)
    {
        var settings = services.GetRequiredService<IConfiguration>();
        var logger = services.GetRequiredService<ILogger<TimerTriggers>>();
        var time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var leases = new Lazy<TimerLeases>(() => new(services.GetRequiredService<NpgsqlDataSource>()));
        var pause = services.GetService<TimerPause>();
        var timers = functions.Where(function => function.Trigger is TimerTriggerAttribute
            && !DisabledFunctions.Contain(function.Name, name => settings[name]));
        return new(timers.ToDictionary(
            function => function.Name,
            function => new TimerLoop(function, Read(function, settings, services), pipeline, leases.Value, services, pause, time, logger),
            StringComparer.OrdinalIgnoreCase), pause);
    }

    /// <summary>
    /// Maps <c>POST /admin/functions/{name}</c>, as the host's FunctionsController does: it runs a timer immediately and answers 202, or
    /// 404 for any other name. The application's middleware handles the request as a run of the timer's function with an HttpContext.
    /// </summary>
    public void Map(IEndpointRouteBuilder endpoints, Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware, ILogger logger)
    {
        foreach (var (name, loop) in loops)
        {
            var pipeline = middleware(async run =>
            {
                if (pause?.Reason() is { } reason)
                {
                    ((Invocation)run).Result = Results.Problem(
                        reason, statusCode: StatusCodes.Status503ServiceUnavailable,
                        extensions: new Dictionary<string, object?> { ["code"] = "TIMERS_PAUSED" });
                    return;
                }

                await Task.WhenAny(loop.RunNowAsync(run.CancellationToken), Task.Delay(MaxWait, run.CancellationToken));
                ((Invocation)run).Result = Results.StatusCode(StatusCodes.Status202Accepted);
            });
            endpoints.MapPost($"/admin/functions/{name}", HttpFunctions.Serve(loop.Function, pipeline, logger));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(loops.Values.Select(loop => loop.RunAsync(stoppingToken)));

    private static Schedule Read(WorkerFunction function, IConfiguration settings, IServiceProvider services)
    {
        if (services.GetService<NpgsqlDataSource>() is null)
            throw new StartRefusedException(
                $"Function {function.Name}: timers store their leases in PostgreSQL. Register an NpgsqlDataSource in Program.cs.");
        var text = Settings.Resolve(function.Name, ((TimerTriggerAttribute)function.Trigger).Schedule, settings, "0 0 3 * * *");
        return Schedule.TryParse(text) ?? throw new StartRefusedException(
            $"Function {function.Name}: schedule '{text}' is not a six-field cron expression with a run at least every 400 days. " +
            "Example: 0 0 3 * * * (daily at 03:00 UTC)");
    }
}
