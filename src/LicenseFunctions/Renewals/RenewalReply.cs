using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The state of a renewal for the customer.</summary>
/// <param name="Status">renewed, pending, declined, authentication_needed, payment_needed, consent_needed, not_renewable or lapsed.</param>
/// <param name="Code">The provider's code of the decline; null for none.</param>
/// <param name="Detail">Text for the caller, the customer or an operator: what the status means and what to do.</param>
/// <param name="ExpiresAt">The end of the paid period, or the expiry that the renewal is for.</param>
/// <param name="NextAttemptAt">The next automatic attempt; null for none.</param>
public sealed record RenewalReply(
    string Status, string? Code, string Detail, Guid RenewalId, Guid SubscriptionId, decimal? AmountUsd, string? PaidWith,
    DateTimeOffset ExpiresAt, DateTimeOffset? NextAttemptAt)
{
    /// <summary>The HTTP status: 200 only if the renewal is paid.</summary>
    public int HttpStatus() => Status switch { "renewed" => 200, "pending" => 202, "not_renewable" => 409, _ => 402 };

    public static RenewalReply Of(Renewal renewal, bool isOperator = false)
    {
        var (status, detail) = Describe(renewal);
        if (isOperator && ForOperator(renewal) is { } told) detail = told;
        return new RenewalReply(
            status,
            renewal.Status is RenewalStatus.Applied ? null : renewal.Attempt?.Code,
            detail,
            renewal.RenewalId,
            renewal.SubscriptionId,
            renewal.AmountUsd,
            EnumWords.Of(renewal.PaidWith),
            renewal.PaidUntil ?? renewal.PeriodStart,
            renewal.NextAttemptAt);
    }

    // The other texts are the same for both.
    private static string? ForOperator(Renewal renewal) => renewal.Status switch
    {
        var status when status is RenewalStatus.Due || status.IsChargeOpen() =>
            "The payment is being checked. The customer will not be charged twice. Until the result is known, the license is unchanged.",
        RenewalStatus.SoftDeclined when renewal.Attempt?.Code == "provider_refused" =>
            "The payment provider refused the request and nothing was charged. The log has the provider's code.",
        RenewalStatus.SoftDeclined =>
            "The card was declined and nothing was charged. The customer can add money to the wallet or use another card.",
        RenewalStatus.HardDeclined =>
            "The bank rejected the card permanently and nothing was charged. The customer must save another card.",
        RenewalStatus.NeedsAuthentication =>
            "The bank requires the customer to confirm this payment. Nothing is charged until then.",
        RenewalStatus.AwaitingConsent =>
            "Only the customer can agree to the increased price, on the license's Renewals page. If they got our email about it, its link "
            + "works, too.",
        RenewalStatus.PaymentNeeded =>
            "No saved card can pay this amount, and the wallet balance is too low. The customer must save a card or add money.",
        _ => null,
    };

    private static (string Status, string Detail) Describe(Renewal renewal) => renewal.Status switch
    {
        RenewalStatus.Applied => ("renewed", renewal.PaidWith is Licensing.Renewals.PaidWith.Deferred
            ? "The license is renewed. The amount is too small for a card payment, so it is taken with the next charge."
            : "The license is renewed."),
        var status when status is RenewalStatus.Due || status.IsChargeOpen() =>
            ("pending", "We are checking this payment. You will not be charged twice. Until we know the result, the license is unchanged."),
        RenewalStatus.SoftDeclined when renewal.Attempt?.Code == "provider_refused" =>
            ("declined", "The payment provider refused the payment and nothing was charged. Add money to the wallet, or try again later."),
        RenewalStatus.SoftDeclined =>
            ("declined", "The card was declined and nothing was charged. Add money to the wallet, use another card, or try again later."),
        RenewalStatus.HardDeclined when renewal.Attempt?.Code == "payment_method_unusable" =>
            ("declined", "The saved card can no longer be used and nothing was charged. Save another card, then renew."),
        RenewalStatus.HardDeclined =>
            ("declined", "The bank rejected the card permanently and nothing was charged. Save another card, then renew."),
        RenewalStatus.NeedsAuthentication =>
            ("authentication_needed", "The bank requires you to confirm this payment. Nothing is charged until you do."),
        RenewalStatus.AwaitingConsent =>
            ("consent_needed",
                "The price has increased. Agree to it on the license's Renewals page. If you got our email about it, its link works, too."),
        RenewalStatus.PaymentNeeded =>
            ("payment_needed", "No saved card can pay this amount, and the wallet balance is too low. Save a card or add money."),
        RenewalStatus.NotRenewable =>
            ("not_renewable", "This license has no price at present, so it can't be renewed. Nothing was charged."),
        _ => ("lapsed", "The renewal ended without a payment. Nothing was charged. Renew again to reactivate the license."),
    };
}
