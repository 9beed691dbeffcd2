using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The state of the backend, for operators.</summary>
public sealed class SystemFunctions(ShowSystem show, ShowTrends trends, HttpSettings http)
{
    [Function("ShowSystem")]
    [Access(CallerRole.Operator)]
    [Operation("Returns the last runs of the timers, and the waiting work.", Reply = typeof(SystemState))]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/system")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(await show.RunAsync(http.ClientAddresses.AddressOf(request.HttpContext), cancellationToken), Json.Options);

    [Function("ShowTrends")]
    [Access(CallerRole.Operator)]
    [Operation("Returns checks, refusals, revenue, failed and recovered payments, and alerts by day (UTC): the last 1 to 90 days.",
        Reply = typeof(Trends), Query = ["days"])]
    public async Task<IResult> Trends(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/trends")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await trends.RunAsync(request.Query, cancellationToken)).ToResult();
}
