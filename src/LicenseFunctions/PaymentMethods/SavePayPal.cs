using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <param name="SetupTokenId">What the browser sends back when it returns from <paramref name="ApproveUrl"/>.</param>
/// <param name="ApproveUrl">PayPal's page, on which the customer approves later payments.</param>
public sealed record PayPalSetup(string SetupTokenId, Uri ApproveUrl);

/// <param name="SetupTokenId">approval_token_id of the address to which PayPal returned the browser, or that of the setup.</param>
public sealed record PayPalApproved(string? SetupTokenId);

public sealed record PayPalSaved(bool IsSaved);

/// <summary>
/// Saves a customer's PayPal account: a setup token, the approval on PayPal's page, then the payment token, which is saved. If the process
/// crashes before that, PayPal's event about the token saves it.
/// </summary>
public sealed class SavePayPal(PaymentMethodStore store, PayPalServices payPal, TimeProvider clock)
{
    // The limit of cards, for the same reason.
    private const int MostPerHour = 5;

    private static readonly Refusal NotOffered = new(
        RefusalKind.Conflict, "PAYPAL_NOT_OFFERED", "PayPal accounts can't be saved, because PayPal is not configured.",
        Hint: "Save a card, pay from the wallet, or ask the operator to set PAYPAL_CLIENT_ID.");

    private static readonly Refusal TokenInvalid = new(
        RefusalKind.Invalid, "SETUP_TOKEN_INVALID", "setup_token_id is not the id of a setup token.", "setup_token_id",
        "Send the setup_token_id of POST /api/v1/payment-methods/paypal.");

    private static readonly Refusal NothingStarted = new(
        RefusalKind.NotFound, "PAYPAL_NOT_STARTED", "You have not started to save a PayPal account.", "setup_token_id",
        "Start with POST /api/v1/payment-methods/paypal.");

    public async Task<Outcome<PayPalSetup>> StartAsync(Guid userId, CancellationToken cancellationToken)
    {
        if (payPal.Vault is not { } vault) return NotOffered;
        // Counted before the call, so that requests at the same time can't all pass.
        var counted = await store.CountSetupAsync(userId, MostPerHour, TimeSpan.FromHours(1), cancellationToken);
        if (counted.Refusal is { } limit) return limit;

        var known = await store.FindCustomerAsync(userId, PaymentProviders.PayPal, cancellationToken);
        var started = await vault.StartAsync(userId, known, counted.Value, cancellationToken);
        var replaced = started.Refusal == PayPalVault.CustomerRefused ? known : null;
        // PayPal doesn't know the customer any more, for example because the account was changed: it makes another one.
        if (replaced is not null)
        {
            known = null;
            started = await vault.StartAsync(userId, customerId: null, Guid.NewGuid(), cancellationToken);
        }

        if (started.Refusal is { } refusal)
        {
            await store.UncountSetupAsync(userId, counted.Value, cancellationToken);
            return refusal;
        }

        // The customer's id proves later that the approval belongs to this user.
        var approval = started.Value;
        var customer = known ?? await store.AddCustomerAsync(
            userId, PaymentProviders.PayPal, approval.CustomerId, replaced, cancellationToken);
        if (customer is null) return CustomerNotFound.Refusal;
        // Another request of the user has made the first customer meanwhile.
        return customer == approval.CustomerId
            ? new PayPalSetup(approval.SetupTokenId, approval.ApproveUrl)
            : (await vault.StartAsync(userId, customer, Guid.NewGuid(), cancellationToken)).Match<Outcome<PayPalSetup>>(
                second => new PayPalSetup(second.SetupTokenId, second.ApproveUrl), refused => refused);
    }

    public async Task<Outcome<PayPalSaved>> CompleteAsync(Guid userId, PayPalApproved body, CancellationToken cancellationToken)
    {
        if (payPal.Vault is not { } vault) return NotOffered;
        if (body.SetupTokenId is not { Length: > 0 and <= 36 } setup || !setup.All(sign => char.IsAsciiLetterOrDigit(sign) || sign == '-'))
            return TokenInvalid;
        if (await store.FindCustomerAsync(userId, PaymentProviders.PayPal, cancellationToken) is not { } customer) return NothingStarted;

        var completed = await vault.CompleteAsync(setup, customer, userId, cancellationToken);
        if (completed.Refusal is { } refusal) return refusal;
        var saved = completed.Value;
        // Applied as PayPal's event is, with an id of its own, so that a repeated request changes nothing.
        await store.ApplyAsync(
            new PaymentEvent(PaymentProviders.PayPal, $"approved_{setup}", "approved", clock.GetUtcNow(), saved), cancellationToken);
        return new PayPalSaved(true);
    }
}
