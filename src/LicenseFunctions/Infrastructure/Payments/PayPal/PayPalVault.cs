using System.Text.Json;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>The approval of a customer that is about to save their PayPal account.</summary>
/// <param name="SetupTokenId">What the page sends back when the customer has approved.</param>
/// <param name="ApproveUrl">PayPal's page, to which the browser goes.</param>
/// <param name="CustomerId">PayPal's id of the customer.</param>
public sealed record PayPalApproval(string SetupTokenId, Uri ApproveUrl, string CustomerId);

/// <summary>Saving and removing PayPal accounts. Only the customer can approve the saving, on PayPal's page.</summary>
public sealed class PayPalVault(PayPalClient client, PayPalSettings settings)
{
    /// <summary>The customer has not approved, or the approval has expired.</summary>
    private static readonly Refusal NotApproved = new(
        RefusalKind.Conflict, "PAYPAL_NOT_APPROVED", "PayPal says that the account is not approved. Nothing was saved.", "setup_token_id",
        "Start again with POST /api/v1/payment-methods/paypal.");

    /// <summary>PayPal refuses an approval for the customer that it was given; it may not know them.</summary>
    internal static readonly Refusal CustomerRefused = ProviderRefusals.Refused with { Field = "customer" };

    /// <param name="userId">The user; PayPal's events about the account name them.</param>
    /// <param name="customerId">The user's customer at PayPal; null before the first account.</param>
    /// <param name="setup">A number of this request, so that a repetition by the network makes no second approval.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<Outcome<PayPalApproval>> StartAsync(
        Guid userId, string? customerId, Guid setup, CancellationToken cancellationToken)
    {
        var customer = new Dictionary<string, string> { ["merchant_customer_id"] = userId.ToString() };
        if (customerId is not null) customer["id"] = customerId;
        var answer = await client.AskAsync("saving of an account", token => client.PostAsync(
            "v3/vault/setup-tokens",
            new
            {
                customer,
                payment_source = new
                {
                    paypal = new
                    {
                        usage_type = "MERCHANT",
                        customer_type = "CONSUMER",
                        // The user may save the same account again after they removed it, and two users may share one.
                        permit_multiple_payment_tokens = true,
                        experience_context = new
                        {
                            shipping_preference = "NO_SHIPPING",
                            return_url = $"{settings.ReturnUrl}?paypal=approved",
                            cancel_url = $"{settings.ReturnUrl}?paypal=canceled",
                        },
                    },
                },
            },
            $"setup-{setup:N}", token), cancellationToken);
        if (answer.Refusal is { } refusal)
            return !PayPalRefusals.IsFinal(refusal) ? refusal : customerId is null ? ProviderRefusals.Refused : CustomerRefused;
        var made = answer.Value;
        return made.Text("id") is { } id && made.Part("customer").Text("id") is { } owner && ApproveUrl(made) is { } url
            ? new PayPalApproval(id, url, owner)
            : ProviderRefusals.Unavailable;
    }

    // The browser goes there, so it must be a page.
    private static Uri? ApproveUrl(JsonElement made) =>
        made.Part("links") is { ValueKind: JsonValueKind.Array } links
            && links.EnumerateArray().FirstOrDefault(link => link.Text("rel") is "approve" or "payer-action") is var approve
            && approve.Part("href") is { ValueKind: JsonValueKind.String } href
            && Uri.TryCreate(href.GetString(), UriKind.Absolute, out var url) && url.Scheme is "https" or "http"
            ? url
            : null;

    /// <summary>Makes the payment token of an approval. A repetition returns the same token.</summary>
    /// <param name="setupTokenId">The approval.</param>
    /// <param name="customerId">The user's customer at PayPal: the approval of another customer is refused.</param>
    /// <param name="userId">The user who gets the account.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<Outcome<PaymentFact.MethodSaved>> CompleteAsync(
        string setupTokenId, string customerId, Guid userId, CancellationToken cancellationToken)
    {
        var approval = await client.AskAsync(
            "approval of an account",
            token => client.GetAsync($"v3/vault/setup-tokens/{Uri.EscapeDataString(setupTokenId)}", token), cancellationToken);
        if (approval.Refusal is { } refusal) return PayPalRefusals.IsFinal(refusal) ? NotApproved : refusal;
        if (approval.Value.Part("customer").Text("id") != customerId) return NotApproved;

        var answer = await client.AskAsync("saving of an account", token => client.PostAsync(
            "v3/vault/payment-tokens",
            new { payment_source = new { token = new { id = setupTokenId, type = "SETUP_TOKEN" } } },
            $"token-{setupTokenId}", token), cancellationToken);
        if (answer.Refusal is { } refused) return PayPalRefusals.IsFinal(refused) ? NotApproved : refused;
        return Saved(answer.Value) is { } saved ? saved with { UserId = userId, CustomerId = customerId } : ProviderRefusals.Unavailable;
    }

    /// <param name="token">A payment token in an answer or a webhook.</param>
    /// <returns>Null if it is not that of a PayPal account.</returns>
    internal static PaymentFact.MethodSaved? Saved(JsonElement token) =>
        token.Text("id") is { } id && token.Part("customer").Text("id") is { } customer
            && token.Part("payment_source").Part("paypal").ValueKind is JsonValueKind.Object
            ? new PaymentFact.MethodSaved(
                token.Part("customer").Id("merchant_customer_id"), customer, id, "paypal", LastFour: null, Brand: "paypal",
                ExpiryMonth: null, ExpiryYear: null)
            : null;

    /// <summary>Deletes the payment token. Also succeeds if PayPal doesn't know it any more.</summary>
    public async Task<Outcome<string>> DeleteAsync(string paymentId, CancellationToken cancellationToken)
    {
        var answer = await client.AskAsync(
            "removal of an account",
            token => client.DeleteAsync($"v3/vault/payment-tokens/{Uri.EscapeDataString(paymentId)}", token), cancellationToken);
        return answer.Refusal is { } refusal && refusal != PayPalRefusals.Missing ? refusal : paymentId;
    }
}
