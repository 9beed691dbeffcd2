using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>How a renewal stands, in the customer's terms.</summary>
/// <param name="Status">renewed, pending, declined, authentication_needed, payment_needed, consent_needed, not_renewable or lapsed.</param>
/// <param name="Code">The gateway's or our word for why; null where there is nothing to explain.</param>
/// <param name="Detail">For people: what it means and what to do.</param>
/// <param name="ExpiresAt">The license's expiry as this renewal leaves it.</param>
/// <param name="NextAttemptAt">When it is tried again without being asked; null for never.</param>
public sealed record RenewalReply(
    string Status, string? Code, string Detail, Guid RenewalId, Guid SubscriptionId, decimal? AmountUsd, string? PaidWith,
    DateTimeOffset ExpiresAt, DateTimeOffset? NextAttemptAt)
{
    /// <summary>The status of an answer over HTTP: what isn't paid is never a 200.</summary>
    public int HttpStatus() => Status switch { "renewed" => 200, "pending" => 202, "not_renewable" => 409, _ => 402 };

    public static RenewalReply Of(Renewal renewal)
    {
        var (status, detail) = Say(renewal);
        return new RenewalReply(
            status,
            renewal.Status is RenewalStatus.Applied ? null : renewal.Attempt?.Code,
            detail,
            renewal.RenewalId,
            renewal.SubscriptionId,
            renewal.AmountUsd,
            renewal.PaidWith?.ToString().ToLowerInvariant(),
            renewal.PaidUntil ?? renewal.PeriodStart,
            renewal.Status is RenewalStatus.SoftDeclined && renewal.NextActionAt < renewal.GivesUpAt ? renewal.NextActionAt : null);
    }

    private static (string Status, string Detail) Say(Renewal renewal) => renewal.Status switch
    {
        RenewalStatus.Applied => ("renewed", "The license is renewed."),
        RenewalStatus.Due or RenewalStatus.Charging or RenewalStatus.Unknown or RenewalStatus.Undecided or RenewalStatus.Succeeded =>
            ("pending", "We are checking this payment; you will not be charged twice. The license stays as it is meanwhile."),
        RenewalStatus.SoftDeclined => ("declined", "The card was declined and nothing was charged. Add money to the wallet, use another card, or try again later."),
        RenewalStatus.HardDeclined => ("declined", "The card was declined for good and nothing was charged. Save another card, then renew."),
        RenewalStatus.NeedsAuthentication => ("authentication_needed", "The bank wants you to confirm this payment. Nothing is charged until you do."),
        RenewalStatus.AwaitingConsent => ("consent_needed", "The price has risen. Agree to it by the link in our mail, then the license is renewed."),
        RenewalStatus.PaymentNeeded => ("payment_needed", "There is no card to charge and the wallet holds too little. Save a card or add money, then renew."),
        RenewalStatus.NotRenewable => ("not_renewable", "This subscription has no price at the moment, so it can't be renewed. Nothing was charged."),
        _ => ("lapsed", "The renewal was given up and nothing was charged. Renew again to bring the license back."),
    };
}
