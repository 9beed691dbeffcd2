using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>Records a span and a duration for each run of a function, for every kind of trigger.</summary>
public sealed class TraceFunction : IFunctionsWorkerMiddleware
{
    private static readonly Histogram<double> Duration = Telemetry.Meter.CreateHistogram<double>(
        "license_functions.function.duration", "s", "Duration of a function's run.");

    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        var name = context.FunctionDefinition.Name;
        var began = Stopwatch.GetTimestamp();
        using var span = Telemetry.Source.StartActivity(name);
        var outcome = "failed";
        try
        {
            await next(context);
            outcome = "completed";
        }
        finally
        {
            span?.SetStatus(outcome == "failed" ? ActivityStatusCode.Error : ActivityStatusCode.Unset);
            Duration.Record(Stopwatch.GetElapsedTime(began).TotalSeconds, new("function", name), new("outcome", outcome));
        }
    }
}
