using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

public sealed class MetricsFunctions(ReadMetrics read)
{
    [Function("Metrics")]
    [Access(CallerRole.Anonymous)]
    [Operation("The backend's numbers in Prometheus' text format; with the bearer token of METRICS_TOKEN where that is set.", Media = "text/plain")]
    public async Task<IResult> Metrics(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "metrics")] HttpRequest request, CancellationToken cancellationToken) =>
        (await read.RunAsync(request.Headers.Authorization.ToString(), cancellationToken))
            .Match(text => Results.Text(text, Exposition.ContentType), Problems.ToResult);
}
