using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>Charges with an unknown outcome, and operators' decisions about them.</summary>
public sealed class UnknownChargeFunctions(ListUnknownCharges list, ResolveUnknownCharge resolve)
{
    private const int Rows = 500;

    [Function("ListUnknownCharges")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists charges with an unknown outcome; those that an operator must decide come first. Also as CSV.",
        Reply = typeof(UnknownChargeList), Media = "text/csv")]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals/unknown")] HttpRequest request,
        CancellationToken cancellationToken) =>
        request.Answer(new UnknownChargeList(await list.RunAsync(Rows, cancellationToken)), reply => reply.Charges);

    [Function("DecideRenewal")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Records an operator's decision about an unknown charge, based on the provider's dashboard.",
        Body = typeof(RenewalDecision), Reply = typeof(RenewalReply))]
    public async Task<IResult> Decide(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/renewals/{renewalId:guid}/decision")] HttpRequest request,
        Guid renewalId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<RenewalDecision>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await resolve.RunAsync(renewalId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}

public sealed record UnknownChargeList(IReadOnlyList<UnknownCharge> Charges);
