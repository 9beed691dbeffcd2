using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Configuration;

namespace DevServices;

/// <summary>Lists the demo persons and signs in as one of them.</summary>
public sealed class DemoSignInFunctions(LicenseDatabase database, HttpSettings http, IConfiguration configuration, TimeProvider time)
{
    private readonly DemoSignIn signIn = new(new DemoPersonStore(database), http, configuration, time);

    [Function("ListDemoPersons")]
    [Access(CallerRole.Anonymous)]
    [Operation(
        "Lists the persons of the demo data; available on this machine only.", Reply = typeof(DemoPersonList), Query = ["language"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "app/demo/persons")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await signIn.ListAsync(request.HttpContext, cancellationToken)).ToResult();

    [Function("SignInAsDemoPerson")]
    [Access(CallerRole.Anonymous), BodyLimit(1024)]
    [Operation("Returns a bearer token for a person of the demo data; available on this machine only.",
        Body = typeof(DemoSignInRequest), Reply = typeof(DemoToken))]
    public async Task<IResult> SignIn(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "app/demo/sign-in")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<DemoSignInRequest>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await signIn.SignInAsync(request.HttpContext, body.Value.UserId, cancellationToken)).ToResult();
    }
}

public sealed record DemoSignInRequest(Guid UserId);
