using System.Globalization;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Leases;

/// <summary>Public keys and revoked leases, for those who verify leases; and the timer that ends leases.</summary>
public sealed class LeaseFunctions(LeaseSigner signer, LeaseStore store, EndLeases end)
{
    private const int MostRevocations = 1_000;

    private static readonly Refusal BadAfter = new(
        RefusalKind.Invalid, "INVALID_FIELD", "after must be a whole number of 0 or more.", "after",
        "Send the value of next in the previous answer, or leave it out to read from the beginning.");

    [Function("GetLeaseKeys")]
    [Access(CallerRole.Anonymous)]
    [Operation("Returns the public keys of leases as a JSON Web Key Set.", Reply = typeof(LeaseKeySet))]
    public IResult Keys([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = ".well-known/jwks.json")] HttpRequest request)
    {
        request.HttpContext.Response.Headers.CacheControl = "public, max-age=3600";
        return Results.Json(new LeaseKeySet(signer.PublicKeys), Json.Options);
    }

    [Function("ListRevocations")]
    [Access(CallerRole.Service, CallerRole.Operator)]
    [Operation(
        "Lists leases that ended early, until they expire. To poll, pass the value of next as after.",
        Reply = typeof(RevocationPage), Query = ["after"])]
    public async Task<IResult> Revocations(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/revocations")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var after = 0L;
        if (request.Query["after"].ToString() is { Length: > 0 } text
            && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out after))
            return BadAfter.ToResult();
        await store.NumberAsync(cancellationToken);
        var found = await store.RevocationsAsync(after, MostRevocations, cancellationToken);
        return Results.Json(new RevocationPage(found, found is [.., var last] ? last.Number : after), Json.Options);
    }

    [Function("EndLeases")]
    public Task<LeaseCounts> End([TimerTrigger("%LEASE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        end.RunAsync(cancellationToken);
}

public sealed record LeaseKeySet(IReadOnlyList<PublicKeyEntry> Keys);

/// <param name="Next">The after of the next request. With 1,000 revocations, there may be more.</param>
public sealed record RevocationPage(IReadOnlyList<Revocation> Revocations, long Next);
