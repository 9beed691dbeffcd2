using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>The payments of a license, and refunds of them.</summary>
public sealed class RefundFunctions(PaymentReads reads, RefundPayment refund)
{
    private const int Rows = 500;

    [Function("ListPayments")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists a license's payments with what was refunded or lost in disputes, and the refunds that operators requested.",
        Reply = typeof(PaymentList))]
    public async Task<IResult> Payments(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/payments")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var list = await reads.OfLicenseAsync(subscriptionId, Rows, cancellationToken);
        return list is null ? LicenseNotFound.Refusal.ToResult() : Results.Json(list, Json.Options);
    }

    [Function("ListRefunds")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists refunds that operators requested; those without an answer come first. Also as CSV.", Reply = typeof(RefundList),
        Media = "text/csv")]
    public async Task<IResult> Refunds(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/refunds")] HttpRequest request,
        CancellationToken cancellationToken) =>
        request.Answer(
            new RefundList(await reads.RefundsAsync(subscriptionId: null, Rows, cancellationToken)), reply => reply.Refunds);

    [Function("PreviewRefund")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Shows what a refund would do: amount, what is left, expiry, auto-renewal, and the mail to the customer. Changes nothing.",
        Body = typeof(RefundBody), Reply = typeof(RefundPreview))]
    public async Task<IResult> Preview(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payments/{renewalId:guid}/refund/preview")]
        HttpRequest request, Guid renewalId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<RefundBody>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await refund.PreviewAsync(renewalId, body.Value, cancellationToken)).ToResult();
    }

    [Function("RefundPayment")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Refunds a payment in whole or in part, to the card or the wallet that paid. Returns 202 if the provider has not answered yet.",
        Body = typeof(RefundBody), Reply = typeof(ListedRefund), OtherStatuses = [202])]
    public async Task<IResult> Refund(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payments/{renewalId:guid}/refund")] HttpRequest request,
        Guid renewalId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<RefundBody>(cancellationToken);
        if (body.Refusal is { } refusal) return refusal.ToResult();
        var made = await refund.RunAsync(renewalId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken);
        return made.Match(
            reply => Results.Json(reply, Json.Options, statusCode: reply.State == "requested" ? 202 : 200), Problems.ToResult);
    }
}

public sealed record PaymentList(IReadOnlyList<ListedPayment> Payments, IReadOnlyList<ListedRefund> Refunds);

public sealed record RefundList(IReadOnlyList<ListedRefund> Refunds);
