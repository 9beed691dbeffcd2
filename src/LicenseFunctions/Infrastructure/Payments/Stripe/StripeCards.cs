using System.Net;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>What a browser needs to save a card at Stripe directly. The card number never reaches this backend.</summary>
public sealed record CardSetup(string SetupIntentId, string ClientSecret, string PublishableKey)
{
    /// <summary>Keeps the secret out of logs.</summary>
    public override string ToString() => SetupIntentId;
}

/// <summary>Saving and removing cards at Stripe.</summary>
public sealed class StripeCards(StripeClient client, StripeSettings settings, ILogger<StripeCards> log)
{
    private static readonly Refusal NoProvider = new(
        RefusalKind.Conflict, "CARDS_NOT_OFFERED", "Cards can't be saved, because no payment provider is configured.",
        Hint: "Pay from the wallet, or ask the operator to set STRIPE_SECRET_KEY.");

    private readonly CustomerService customers = new(client);
    private readonly SetupIntentService setups = new(client);
    private readonly PaymentMethodService methods = new(client);

    /// <summary>Null if cards can be saved.</summary>
    public Refusal? NotOffered => settings.CanCharge ? null : NoProvider;

    /// <summary>Creates the user's customer at Stripe. The idempotency key makes concurrent calls return the same one.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="replaces">
    /// The customer that Stripe doesn't know any more; null for none. The key that made that customer would return it again.
    /// </param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public Task<Outcome<string>> CreateCustomerAsync(
        Guid userId, string? replaces, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        var customer = await customers.CreateAsync(
            new CustomerCreateOptions { Metadata = new Dictionary<string, string> { [StripeMetadata.UserId] = userId.ToString() } },
            new RequestOptions { IdempotencyKey = $"customer-{userId}" + (replaces is null ? "" : $"-after-{replaces}") },
            cancellationToken);
        return customer.Id;
    }, cancellationToken);

    /// <returns><see cref="StripeRefusals.CustomerMissing"/> if another customer must be created.</returns>
    /// <remarks>
    /// The call has no idempotency key: an unconfirmed intent saves nothing, and one key per user would return an intent that is already
    /// used.
    /// </remarks>
    public Task<Outcome<CardSetup>> StartSetupAsync(
        string customerId, Guid userId, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        var intent = await setups.CreateAsync(
            new SetupIntentCreateOptions
            {
                Customer = customerId,
                Usage = "off_session",
                AutomaticPaymentMethods = new SetupIntentAutomaticPaymentMethodsOptions { Enabled = true, AllowRedirects = "never" },
                Metadata = new Dictionary<string, string> { [StripeMetadata.UserId] = userId.ToString() },
            },
            cancellationToken: cancellationToken);
        return new CardSetup(intent.Id, intent.ClientSecret, settings.PublishableKey!);
    }, cancellationToken);

    /// <summary>Detaches the card from its customer. Also succeeds if the card is already detached or Stripe doesn't know it.</summary>
    public Task<Outcome<string>> DetachAsync(string paymentId, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        try
        {
            await methods.DetachAsync(paymentId, cancellationToken: cancellationToken);
        }
        catch (StripeException gone) when (gone.StripeError is { Type: "invalid_request_error", Param: "payment_method" })
        {
            // Already detached.
        }

        return paymentId;
    }, cancellationToken);

    /// <summary>Reads the card's present state, because events may be old.</summary>
    /// <param name="paymentId">Stripe's ID of the card.</param>
    /// <param name="userId">The user of the card; null if the event names none.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="StripeException">Stripe doesn't answer.</exception>
    public async Task<PaymentFact> ReadAsync(string paymentId, Guid? userId, CancellationToken cancellationToken)
    {
        try
        {
            var method = await methods.GetAsync(paymentId, cancellationToken: cancellationToken);
            return method.CustomerId is null
                ? new PaymentFact.MethodDetached(paymentId)
                : new PaymentFact.MethodSaved(
                    userId, method.CustomerId, paymentId, method.Type, method.Card?.Last4, method.Card?.Brand,
                    (int?)method.Card?.ExpMonth, (int?)method.Card?.ExpYear);
        }
        catch (StripeException gone) when (gone.HttpStatusCode is HttpStatusCode.NotFound)
        {
            return new PaymentFact.MethodDetached(paymentId);
        }
        catch (StripeException invalid) when (invalid.HttpStatusCode is HttpStatusCode.BadRequest)
        {
            // Not an ID of Stripe. Another delivery of the event would have the same answer.
            return new PaymentFact.Ignored();
        }
    }

    private async Task<Outcome<T>> AskAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        if (NotOffered is { } notOffered)
            return notOffered;
        try
        {
            return await ask();
        }
        catch (StripeException refused)
        {
            var refusal = StripeRefusals.Of(refused);
            if (refusal != ProviderRefusals.Unavailable)
            {
                log.LogError("Stripe refused with {Status} {Type} {Code} {Param}, request {Request}", (int)refused.HttpStatusCode,
                    refused.StripeError?.Type, refused.StripeError?.Code, refused.StripeError?.Param, refused.StripeResponse?.RequestId);
            }

            return refusal;
        }
        catch (Exception lost) when (lost is HttpRequestException or WritePaceException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return ProviderRefusals.Unavailable;
        }
    }
}
