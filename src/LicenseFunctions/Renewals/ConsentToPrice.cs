using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <param name="Token">From the mail's link.</param>
/// <param name="Accept">Whether the customer agrees; if false, the price is only shown.</param>
/// <param name="AmountUsd">
/// The amount that the customer saw; null for that of the mail. A consent to another amount is not recorded.
/// </param>
public sealed record PriceConsent(string Token, bool Accept = false, decimal? AmountUsd = null);

/// <summary>The increased price, and whether the customer agreed to it.</summary>
public sealed record PriceConsentState(
    Guid RenewalId, Guid SubscriptionId, decimal? AmountUsd, decimal? OldAmountUsd, DateTimeOffset ExpiresAt, bool Accepted);

/// <summary>Shows an increased price and records the customer's consent. The signed link of the mail authorizes both.</summary>
public sealed class ConsentToPrice(IRenewalStore store, SignedLinks links, TimeProvider clock)
{
    /// <summary>The link's purpose and the page's name.</summary>
    public const string Purpose = "price";

    private static readonly Refusal BadLink = new(
        RefusalKind.Forbidden, "LINK_NOT_VALID", "This link is invalid or has expired.", "token", "Renew the license on its page.");

    private static readonly Refusal NoAmount = new(
        RefusalKind.Invalid, "AMOUNT_MISSING", "amount_usd is missing.", "amount_usd", "Send the amount that the customer saw.");

    /// <summary>The amount that the link of a mail states, in cents.</summary>
    internal static long? Stated(Renewal renewal) => renewal.AmountUsd is { } amount ? decimal.ToInt64(amount * 100) : null;

    public async Task<Outcome<PriceConsentState>> RunAsync(PriceConsent consent, CancellationToken cancellationToken)
    {
        if (links.ReadNumber(Purpose, consent.Token) is not var (renewalId, stated)) return BadLink;
        var amount = consent.AmountUsd ?? stated / 100m;
        if (consent.Accept && amount is null) return NoAmount;

        while (await store.FindAsync(renewalId, cancellationToken) is { } facts)
        {
            DatabaseScope.TakeTurnsBy(facts.Renewal.SubscriptionId);
            if (!consent.Accept || amount is not { } agreed
                || RenewalRequests.ConsentToPrice(facts.Renewal, agreed, clock.GetUtcNow()) is not { } change)
                return Question(facts, facts.Renewal.PriceAccepted);
            var writer = new RenewalWriter(Lease: null, CallerActor.OfPriceLink(facts.Renewal.UserId));
            var saved = await store.SaveAsync(change, writer, cancellationToken);
            if (saved is RenewalSave.Saved) return Question(facts, accepted: true);
        }

        return BadLink;
    }

    private static PriceConsentState Question(RenewalFacts facts, bool accepted) => new(
        facts.Renewal.RenewalId,
        facts.Renewal.SubscriptionId,
        facts.Renewal.AmountUsd,
        facts.LastPaidUsd,
        facts.Renewal.PeriodStart,
        accepted);
}
