using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Licenses;

/// <summary>Who is signed in.</summary>
public sealed class SignedInFunctions(ShowSignedIn show)
{
    [Function("GetSignedIn")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Shows who the token's user is.", Reply = typeof(SignedIn))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/me")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(await show.RunAsync(request.HttpContext.Caller(), cancellationToken), Json.Options);
}
