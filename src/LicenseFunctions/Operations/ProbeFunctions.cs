using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The liveness and readiness probes.</summary>
public sealed class ProbeFunctions(ReadinessStore readiness, DatabaseClock clock)
{
    [Function("Healthz")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Returns ok while the process runs; checks nothing else.", Media = "text/plain")]
    public static IResult Healthz([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "healthz")] HttpRequest request) =>
        Results.Text("ok");

    [Function("Readyz")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Reports whether the database answers and has the schema that this version needs.", Media = "text/plain")]
    public async Task<IResult> Readyz(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "readyz")] HttpRequest request, CancellationToken cancellationToken) =>
        await readiness.ReadAsync(cancellationToken) switch
        {
            { Missing: { } missing } => missing.ToResult(),
            { Warnings: var warnings } => Results.Text(string.Join('\n', ["ready", .. All(warnings)])),
        };

    private IEnumerable<string> All(IEnumerable<string> warnings) =>
        warnings.Prepend(clock.Warning).OfType<string>().Select(warning => "warning: " + warning);
}
