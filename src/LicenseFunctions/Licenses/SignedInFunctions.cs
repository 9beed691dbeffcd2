using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Licenses;

/// <summary>Who is signed in, and in which language they get mails.</summary>
public sealed class SignedInFunctions(ShowSignedIn show, ChooseLanguage choose)
{
    [Function("GetSignedIn")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Shows who the token's user is.", Reply = typeof(SignedIn))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/me")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(await show.RunAsync(request.HttpContext.Caller(), cancellationToken), Json.Options);

    [Function("ChooseLanguage")]
    [Access(CallerRole.Subscriber)]
    [Operation("Keeps the customer's language for mails.", Body = typeof(LanguageChoice), Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> Choose(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/me/language")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<LanguageChoice>(cancellationToken);
        if (body.Refusal is { } refusal)
            return refusal.ToResult();
        var chosen = await choose.RunAsync(request.HttpContext.Caller().UserId!.Value, body.Value, cancellationToken);
        return chosen.Match(_ => Results.NoContent(), Problems.ToResult);
    }
}
