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
/// <param name="Master">The name of the master whose license it is.</param>
/// <param name="AmountUsd">The price now; null while there is none.</param>
/// <param name="DebtUsd">
/// The open amounts of deferred renewals: the payment includes them, in addition to <paramref name="AmountUsd"/>.
/// </param>
/// <param name="PaysWith">nothing, wallet, card or deferred (taken with the next charge); null if nothing can pay.</param>
/// <param name="Brand">Of the card that would pay, for example visa; paypal for PayPal; null if it is not known.</param>
/// <param name="LastFour">The last digits of the card that would pay.</param>
/// <param name="RenewsUntil">The end after a payment now; null once it is paid.</param>
public sealed record PriceConsentState(
    Guid RenewalId, Guid SubscriptionId, string? Master, decimal? AmountUsd, decimal DebtUsd, decimal? OldAmountUsd, string? PaysWith,
    string? Brand, string? LastFour, DateTimeOffset ExpiresAt, DateTimeOffset? RenewsUntil, bool Accepted);

/// <summary>Shows an increased price and records the customer's consent. The signed link of the mail authorizes both.</summary>
public sealed class ConsentToPrice(IRenewalStore store, RenewalReads reads, SignedLinks links, RenewalPolicy policy, TimeProvider clock)
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
                || RenewalRequests.ConsentToPrice(facts, agreed, policy, clock.GetUtcNow()) is not { } change)
                return await QuestionAsync(facts, cancellationToken);
            var writer = new RenewalWriter(Lease: null, CallerActor.OfPriceLink(facts.Renewal.UserId));
            var saved = await store.SaveAsync(change, writer, cancellationToken);
            if (saved is RenewalSave.Saved) return await QuestionAsync(facts with { Renewal = change.After }, cancellationToken);
        }

        return BadLink;
    }

    // With the price as it is now: it may have changed since the mail was sent. Once it is paid, with the price that was agreed to.
    private async Task<PriceConsentState> QuestionAsync(RenewalFacts facts, CancellationToken cancellationToken)
    {
        var (renewal, price) = (facts.Renewal, facts.Price(policy));
        var isPaid = renewal.Status is RenewalStatus.Applied;
        var now = clock.GetUtcNow();
        var forecast = RenewalForecast.OfPayment(
            renewal.PeriodStart, price, facts.DebtUsd, facts.WalletUsd, facts.Card, lastDecline: null, policy);
        var (brand, lastFour) = forecast.With is PaidWith.Card && facts.Card is { } card
            ? await reads.MethodAsync(card.PaymentMethodId, cancellationToken)
            : (null, null);
        return new PriceConsentState(
            renewal.RenewalId,
            renewal.SubscriptionId,
            await reads.MasterAsync(renewal.SubscriptionId, cancellationToken),
            isPaid ? renewal.AmountUsd : price.AmountUsd,
            forecast.DebtsUsd,
            facts.LastPaidUsd,
            EnumWords.Of(forecast.With),
            brand,
            lastFour,
            renewal.PeriodStart,
            isPaid ? null : policy.PaidFrom(renewal.PeriodStart, now, now) + Renewal.Period,
            renewal.PriceAccepted && (isPaid || !price.NeedsConsent));
    }
}
