using System.Globalization;
using System.Net;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Stripe;
using ChargeOutcome = Licensing.Renewals.ChargeOutcome;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Stripe's PaymentIntents, off session: created unconfirmed, confirmed with a key, looked up by ID.</summary>
public sealed class StripeGateway(StripeClient client, ILogger<StripeGateway> log) : IPaymentGateway
{
    // The most that Stripe lists at once. A charge with more refunds is not expected.
    private const int MostRefunds = 100;

    private readonly PaymentIntentService intents = new(client);
    private readonly ChargeService charges = new(client);
    private readonly RefundService refunds = new(client);
    private readonly DisputeService disputes = new(client);

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
                Metadata = Metadata(request),
            },
            new RequestOptions { IdempotencyKey = idempotencyKey }, token), cancellationToken);

    // A request that is repeated with the same key must not change, even if an earlier version of this program sent it first. That
    // version sent no debts, so a request without debts must not have the entry.
    private static Dictionary<string, string> Metadata(ChargeRequest request)
    {
        var metadata = new Dictionary<string, string>
        {
            [StripeMetadata.RenewalId] = request.RenewalId.ToString(),
            [StripeMetadata.SubscriptionId] = request.SubscriptionId.ToString(),
            [StripeMetadata.UserId] = request.UserId.ToString(),
        };
        if (request.DebtsMinor > 0)
            metadata[StripeMetadata.DebtsMinor] = request.DebtsMinor.ToString(CultureInfo.InvariantCulture);
        return metadata;
    }

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

    public Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken) => AskAsync<ChargeLookup?>(
        $"charge {chargeId}",
        async token => StripeCharges.IsIntent(chargeId)
            ? StripeCharges.Of(await intents.GetAsync(chargeId, cancellationToken: token))
            : StripeCharges.Of(await charges.GetAsync(chargeId, cancellationToken: token)),
        (code, _) => code == "resource_missing" ? new ChargeLookup.Missing() : new ChargeLookup.Unknown(code),
        reason => new ChargeLookup.Unknown(reason),
        cancellationToken);

    public Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        AskAsync<RefundOutcome>(
            $"refund of {request.IntentId}",
            async token => StripeRefunds.Of(await refunds.CreateAsync(
                new RefundCreateOptions
                {
                    PaymentIntent = request.IntentId,
                    Amount = request.AmountMinor,
                    Metadata = new Dictionary<string, string> { [StripeMetadata.RefundId] = request.RefundId.ToString() },
                },
                new RequestOptions { IdempotencyKey = idempotencyKey }, token)),
            (code, detail) => new RefundOutcome.Refused(code, detail),
            reason => new RefundOutcome.Unknown(reason),
            cancellationToken);

    public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) => AskAsync<RefundOutcome?>(
        $"refunds of {request.IntentId}",
        async token => StripeRefunds.Find(
            await refunds.ListAsync(
                new RefundListOptions { PaymentIntent = request.IntentId, Limit = MostRefunds }, cancellationToken: token),
            request.RefundId),
        (code, _) => new RefundOutcome.Unknown(code),
        reason => new RefundOutcome.Unknown(reason),
        cancellationToken);

    public Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken) => AskAsync<EvidenceOutcome>(
            $"evidence for {disputeId}",
            async token =>
            {
                await disputes.UpdateAsync(
                    disputeId,
                    new DisputeUpdateOptions { Evidence = new DisputeEvidenceOptions { UncategorizedText = text }, Submit = true },
                    new RequestOptions { IdempotencyKey = idempotencyKey }, token);
                return new EvidenceOutcome.Sent();
            },
            (code, detail) => new EvidenceOutcome.Refused(code, detail),
            reason => new EvidenceOutcome.Unknown(reason),
            cancellationToken);

    public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) => AskAsync<EvidenceOutcome?>(
        $"dispute {disputeId}",
        async token => (await disputes.GetAsync(disputeId, cancellationToken: token)).EvidenceDetails is { SubmissionCount: > 0 }
            ? new EvidenceOutcome.Sent()
            : null,
        (code, _) => new EvidenceOutcome.Unknown(code),
        reason => new EvidenceOutcome.Unknown(reason),
        cancellationToken);

    // A refusal that a repetition can't change is told from an uncertain answer. A key that was used with other parameters is uncertain,
    // too: the first request with it may have been executed.
    private async Task<T> AskAsync<T>(
        string about, Func<CancellationToken, Task<T>> ask, Func<string, string, T> refuse, Func<string, T> unknown,
        CancellationToken cancellationToken)
    {
        try
        {
            return await ask(cancellationToken);
        }
        catch (StripeException refused)
        {
            log.LogWarning("Stripe answered {Status} {Type} {Code} about the {Subject}, request {Request}", (int)refused.HttpStatusCode,
                refused.StripeError?.Type, refused.StripeError?.Code, about, refused.StripeResponse?.RequestId);
            var code = refused.StripeError?.Code ?? refused.StripeError?.Type ?? "no_answer";
            return StripeRefusals.IsFinal(refused) ? refuse(code, refused.StripeError?.Message ?? code) : unknown(code);
        }
        catch (WritePaceException)
        {
            return unknown("not_sent");
        }
        catch (HttpRequestException lost)
        {
            return unknown($"no_answer: {lost.HttpRequestError}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return unknown("time_out");
        }
    }

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
