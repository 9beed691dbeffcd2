using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

public sealed class MetricsFunctions(ReadMetrics read)
{
    [Function("Metrics")]
    [Access(CallerRole.Anonymous)]
    [Operation("Returns the metrics in Prometheus' text format. If METRICS_TOKEN is set, it is required as the bearer token.",
        Media = "text/plain")]
    public async Task<IResult> Metrics(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "metrics")] HttpRequest request, CancellationToken cancellationToken) =>
        (await read.RunAsync(request.Headers.Authorization.ToString(), cancellationToken))
            .Match(text => Results.Text(text, Exposition.ContentType), Problems.ToResult);
}
