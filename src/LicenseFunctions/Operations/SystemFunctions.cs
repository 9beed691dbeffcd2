using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The state of the backend, for operators.</summary>
public sealed class SystemFunctions(ShowSystem show, HttpSettings http)
{
    [Function("ShowSystem")]
    [Access(CallerRole.Operator)]
    [Operation("Returns the last runs of the timers, and the waiting work.", Reply = typeof(SystemState))]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/system")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(await show.RunAsync(http.ClientAddresses.AddressOf(request.HttpContext), cancellationToken), Json.Options);
}
