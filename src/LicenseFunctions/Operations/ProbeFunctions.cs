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
        await readiness.MissingAsync(cancellationToken) is { } missing
            ? missing.ToResult()
            : Results.Text(string.Join('\n', ["ready", .. await WarningsAsync(cancellationToken)]));

    private async Task<IEnumerable<string>> WarningsAsync(CancellationToken cancellationToken) =>
        new[] { clock.Warning, await readiness.WarningAsync(cancellationToken) }.OfType<string>().Select(warning => "warning: " + warning);
}
