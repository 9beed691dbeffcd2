using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Where Stripe posts its events. Its signature is the credential; what fails here is sent again for three days.</summary>
public sealed class StripeWebhookFunction(ReceiveStripeEvent receive)
{
    [Function("ReceiveStripeEvent")]
    [Access(CallerRole.Anonymous), Unlimited, BodyLimit(512 * 1024)]
    [Operation("Takes a signed event of Stripe's, once.", Reply = typeof(EventReceipt))]
    public async Task<IResult> Receive(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/stripe/webhook")] HttpRequest request, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(request.Body);
        var body = await reader.ReadToEndAsync(cancellationToken);
        return (await receive.RunAsync(body, request.Headers["Stripe-Signature"], cancellationToken)).ToResult();
    }
}
