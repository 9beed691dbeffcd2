using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Receives Stripe's events. The signature is the credential. Stripe repeats a failed event for three days.</summary>
public sealed class StripeWebhookFunction(ReceiveStripeEvent receive)
{
    [Function("ReceiveStripeEvent")]
    [Access(CallerRole.Anonymous), Unlimited, BodyLimit(512 * 1024)]
    [Operation("Receives a signed event from Stripe. A repeated event has no effect.", Reply = typeof(EventReceipt))]
    public async Task<IResult> Receive(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/stripe/webhook")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(request.Body);
        var body = await reader.ReadToEndAsync(cancellationToken);
        return (await receive.RunAsync(body, request.Headers["Stripe-Signature"], cancellationToken)).ToResult();
    }
}
