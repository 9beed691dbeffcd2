using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>Refunds, disputes and payments that an operator must decide about.</summary>
public sealed class PaymentFunctions(PaymentReads reads, DecidePaymentCase decide, SubmitEvidence submit)
{
    private const int Rows = 500;

    [Function("ListPaymentCases")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists payments that an operator must decide about; open ones come first. Also as CSV.", Reply = typeof(PaymentCaseList),
        Media = "text/csv")]
    public async Task<IResult> Cases(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/cases")] HttpRequest request,
        CancellationToken cancellationToken) =>
        request.Answer(new PaymentCaseList(await reads.CasesAsync(Rows, cancellationToken)), reply => reply.Cases);

    [Function("DecidePaymentCase")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Credits a charge that paid nothing to the customer's wallet, or dismisses the case.", Body = typeof(PaymentCaseDecision),
        Reply = typeof(ListedPaymentCase))]
    public async Task<IResult> Decide(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payments/cases/{caseId:guid}/decision")] HttpRequest request,
        Guid caseId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<PaymentCaseDecision>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await decide.RunAsync(caseId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("ListDisputes")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists disputes; open ones come first, by the deadline for evidence. Also as CSV.", Reply = typeof(ReversalList),
        Media = "text/csv")]
    public async Task<IResult> Disputes(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/disputes")] HttpRequest request,
        CancellationToken cancellationToken) =>
        request.Answer(new ReversalList(await reads.ReversalsAsync("dispute", Rows, cancellationToken)), reply => reply.Disputes);

    [Function("ShowDisputeEvidence")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Shows the evidence for a dispute with its state. A draft is written from the use of the license: days, devices, consent, mails.",
        Reply = typeof(DisputeEvidenceReply))]
    public async Task<IResult> Evidence(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/disputes/{reversalId:guid}/evidence")]
        HttpRequest request, Guid reversalId, CancellationToken cancellationToken) =>
        await reads.EvidenceAsync(reversalId, cancellationToken) is { } evidence
            ? Results.Json(evidence, Json.Options)
            : SubmitEvidence.NotFound.ToResult();

    [Function("SendDisputeEvidence")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Sends evidence for a dispute to the bank: once, until the deadline. Returns 202 if the provider has not answered yet.",
        Body = typeof(EvidenceBody), Reply = typeof(DisputeEvidenceReply), OtherStatuses = [202])]
    public async Task<IResult> Send(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payments/disputes/{reversalId:guid}/evidence")]
        HttpRequest request, Guid reversalId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<EvidenceBody>(cancellationToken);
        if (body.Refusal is { } refusal) return refusal.ToResult();
        var sent = await submit.RunAsync(reversalId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken);
        return sent.Match(
            reply => Results.Json(reply, Json.Options, statusCode: reply.State == "requested" ? 202 : 200), Problems.ToResult);
    }
}

public sealed record PaymentCaseList(IReadOnlyList<ListedPaymentCase> Cases);

public sealed record ReversalList(IReadOnlyList<ListedReversal> Disputes);
