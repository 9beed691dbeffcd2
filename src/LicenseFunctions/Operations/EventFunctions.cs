using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The event feed.</summary>
public sealed class EventFunctions(ReadEvents read)
{
    [Function("ListEvents")]
    [Access(CallerRole.Service, CallerRole.Operator)]
    [Operation(
        "Lists what changed for licenses, in order, for 90 days. To poll, pass the value of next as after. wait is in seconds, 0 to 20.",
        Reply = typeof(EventPage), Query = ["after", "wait", "limit"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/events")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await read.RunAsync(request.Query, cancellationToken)).ToResult();
}
