using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Saving a PayPal account, and PayPal's events.</summary>
public sealed class PayPalFunctions(SavePayPal save, ReceivePayPalEvent receive)
{
    [Function("StartPayPalSetup")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Starts saving the caller's PayPal account: returns the page of PayPal on which they approve it.",
        Reply = typeof(PayPalSetup), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Start(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payment-methods/paypal")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        var userId = request.HttpContext.Caller().UserId!.Value;
        return (await save.StartAsync(userId, cancellationToken)).ToResult(StatusCodes.Status201Created);
    }

    [Function("CompletePayPalSetup")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Saves the PayPal account that the caller approved. A repeated request has no further effect.",
        Body = typeof(PayPalApproved), Reply = typeof(PayPalSaved))]
    public async Task<IResult> Complete(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payment-methods/paypal/complete")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<PayPalApproved>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await save.CompleteAsync(request.HttpContext.Caller().UserId!.Value, body.Value, cancellationToken)).ToResult();
    }

    // The signature is the credential. PayPal sends a failed event up to 25 times over 3 days.
    [Function("ReceivePayPalEvent")]
    [Access(CallerRole.Anonymous), Unlimited, BodyLimit(512 * 1024)]
    [Operation("Receives a signed event from PayPal. A repeated event has no effect.", Reply = typeof(EventReceipt))]
    public async Task<IResult> Receive(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/paypal/webhook")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellationToken);
        var headers = request.Headers;
        var signature = new PayPalSignature(
            headers["PAYPAL-TRANSMISSION-ID"], headers["PAYPAL-TRANSMISSION-TIME"], headers["PAYPAL-TRANSMISSION-SIG"],
            headers["PAYPAL-CERT-URL"], headers["PAYPAL-AUTH-ALGO"]);
        return (await receive.RunAsync(body.ToArray(), signature, cancellationToken)).ToResult();
    }
}
