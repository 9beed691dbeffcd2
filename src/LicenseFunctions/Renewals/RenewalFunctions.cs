using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>The renewals of one license, for its customer and for operators.</summary>
public sealed class RenewalFunctions(
    RequestRenewal renew, ListRenewals list, SetAutoRenewal autoRenew, ConsentToPrice consent, ConfirmPayment confirm)
{
    [Function("RenewLicense")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Renews a license now and returns the renewal's state. A repeated request is safe, with or without an Idempotency-Key.",
        Body = typeof(ManualRenewal), IsBodyOptional = true, Reply = typeof(RenewalReply), OtherStatuses = [202, 402, 409])]
    public async Task<IResult> Renew(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/renew")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        var body = request.HasNoBody() ? new ManualRenewal() : await request.ReadAsync<ManualRenewal>(cancellationToken);
        if (body.Refusal is { } refusal) return refusal.ToResult();
        var renewed = await renew.RunAsync(
            subscriptionId,
            caller.SubscriberScope,
            caller.UserId ?? Guid.Empty,
            caller.ToActor(),
            request.Headers["Idempotency-Key"],
            body.Value,
            cancellationToken);
        return renewed.Match(reply => Results.Json(reply, Json.Options, statusCode: reply.HttpStatus()), Problems.ToResult);
    }

    [Function("ListRenewals")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Shows the license's next renewal and its history.", Reply = typeof(RenewalList))]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/renewals")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await list.RunAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("SwitchAutoRenew")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Switches auto-renewal on or off.", Body = typeof(AutoRenewSwitch), Reply = typeof(AutoRenewState))]
    public async Task<IResult> AutoRenew(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/licenses/{subscriptionId:guid}/auto-renew")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        var body = await request.ReadAsync<AutoRenewSwitch>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await autoRenew.RunAsync(subscriptionId, caller.SubscriberScope, body.Value, caller.ToActor(), cancellationToken))
                .ToResult();
    }

    [Function("ConfirmPayment")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Returns what the browser needs to confirm a renewal's payment with the bank (3-D Secure).", Reply = typeof(PaymentConfirmation))]
    public async Task<IResult> Confirm(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/confirm-payment")]
        HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return (await confirm.RunAsync(request.HttpContext.Caller().UserId!.Value, subscriptionId, cancellationToken)).ToResult();
    }

    [Function("AcceptPrice")]
    [Access(CallerRole.Anonymous)]
    [Operation(
        "Shows an increased price and records the customer's consent. The signed link of the mail authorizes both.",
        Body = typeof(PriceConsent), Reply = typeof(PriceConsentState))]
    public async Task<IResult> AcceptPrice(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/renewals/price-consent")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<PriceConsent>(cancellationToken);
        return body.Refusal is { } refusal ? refusal.ToResult() : (await consent.RunAsync(body.Value, cancellationToken)).ToResult();
    }
}
