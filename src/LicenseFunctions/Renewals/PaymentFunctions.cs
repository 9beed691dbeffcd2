using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>Refunds, disputes and payments that an operator must decide about.</summary>
public sealed class PaymentFunctions(PaymentReads reads, DecidePaymentCase decide)
{
    private const int Rows = 500;

    private static readonly Refusal DisputeNotFound = new(
        RefusalKind.NotFound, "DISPUTE_NOT_FOUND", "There is no such dispute, or its charge is not known.", "reversal_id");

    [Function("ListPaymentCases")]
    [Access(CallerRole.Operator)]
    [Operation("Lists payments that an operator must decide about; open ones come first.", Reply = typeof(PaymentCaseList))]
    public async Task<IResult> Cases(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/cases")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(new PaymentCaseList(await reads.CasesAsync(Rows, cancellationToken)), Json.Options);

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
    [Operation("Lists disputes; open ones come first, by the deadline for evidence.", Reply = typeof(ReversalList))]
    public async Task<IResult> Disputes(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/disputes")] HttpRequest request,
        CancellationToken cancellationToken) =>
        Results.Json(new ReversalList(await reads.ReversalsAsync("dispute", Rows, cancellationToken)), Json.Options);

    [Function("ShowDisputeEvidence")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Writes evidence for a dispute from the use of the license: days, devices, consent, mails.", Reply = typeof(DisputeEvidenceReply))]
    public async Task<IResult> Evidence(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/disputes/{reversalId:guid}/evidence")]
        HttpRequest request, Guid reversalId, CancellationToken cancellationToken) =>
        await reads.EvidenceAsync(reversalId, cancellationToken) is { } facts
            ? Results.Json(new DisputeEvidenceReply(facts.EvidenceDueAt, DisputeEvidence.Text(facts)), Json.Options)
            : DisputeNotFound.ToResult();
}

public sealed record PaymentCaseList(IReadOnlyList<ListedPaymentCase> Cases);

public sealed record ReversalList(IReadOnlyList<ListedReversal> Disputes);

/// <param name="Text">For the provider's form; the operator completes and sends it.</param>
public sealed record DisputeEvidenceReply(DateTime? DueAt, string Text);
