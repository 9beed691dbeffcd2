using System.Net;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Stripe;
using ChargeOutcome = Licensing.Renewals.ChargeOutcome;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Stripe's PaymentIntents, off session: created unconfirmed, confirmed with a key, looked up by ID.</summary>
public sealed class StripeGateway(StripeClient client, ILogger<StripeGateway> log) : IPaymentGateway
{
    private readonly PaymentIntentService intents = new(client);

    public string Provider => PaymentProviders.Stripe;

    /// <summary>One hour less than Stripe's 24, because clocks differ. After that time the same key would charge again.</summary>
    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    /// <summary>Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts</summary>
    public decimal MinimumChargeUsd => 0.50m;

    public Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        AskAsync(null, token => intents.CreateAsync(
            new PaymentIntentCreateOptions
            {
                Amount = request.AmountMinor,
                Currency = request.Currency,
                Customer = request.CustomerId,
                Description = request.Description,
                AutomaticPaymentMethods = new PaymentIntentAutomaticPaymentMethodsOptions { Enabled = true, AllowRedirects = "never" },
                Metadata = new Dictionary<string, string>
                {
                    [StripeMetadata.RenewalId] = request.RenewalId.ToString(),
                    [StripeMetadata.SubscriptionId] = request.SubscriptionId.ToString(),
                    [StripeMetadata.UserId] = request.UserId.ToString(),
                },
            },
            new RequestOptions { IdempotencyKey = idempotencyKey }, token), cancellationToken);

    public Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        AskAsync(intentId, token => intents.ConfirmAsync(
            intentId,
            new PaymentIntentConfirmOptions { PaymentMethod = request.PaymentId, OffSession = true },
            new RequestOptions { IdempotencyKey = idempotencyKey }, token), cancellationToken);

    public Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken) =>
        AskAsync(intentId, token => intents.GetAsync(intentId, cancellationToken: token), cancellationToken);

    public Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken) =>
        AskAsync(intentId, token => intents.CancelAsync(
            intentId,
            new PaymentIntentCancelOptions { CancellationReason = "abandoned" },
            new RequestOptions { IdempotencyKey = idempotencyKey }, token), cancellationToken);

    private async Task<IntentSnapshot> AskAsync(
        string? intentId, Func<CancellationToken, Task<PaymentIntent>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return StripeOutcomes.Of(await ask(cancellationToken));
        }
        catch (StripeException refused)
        {
            // The log contains no data of the request or the customer. With these IDs, Stripe's dashboard shows the data.
            if (refused.HttpStatusCode is not HttpStatusCode.PaymentRequired)
            {
                log.LogWarning("Stripe answered {Status} {Type} {Code} about {Intent}, request {Request}", (int)refused.HttpStatusCode,
                    refused.StripeError?.Type, refused.StripeError?.Code, intentId, refused.StripeResponse?.RequestId);
            }

            return StripeOutcomes.Of(refused, intentId);
        }
        catch (WritePaceException queued)
        {
            return new IntentSnapshot(intentId, new ChargeOutcome.Unknown("not_sent", queued.Wait));
        }
        catch (HttpRequestException lost)
        {
            return new IntentSnapshot(intentId, new ChargeOutcome.Unknown($"no_answer: {lost.HttpRequestError}"));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new IntentSnapshot(intentId, new ChargeOutcome.Unknown("time_out"));
        }
    }
}
