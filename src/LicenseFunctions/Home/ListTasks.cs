using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Licensing.Home;
using Licensing.Renewals;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Home;

/// <summary>What is charged next for a license automatically.</summary>
/// <param name="At">When the renewal begins; the present time if it is due.</param>
/// <param name="AmountUsd">What the payment charges, with the open amounts of earlier renewals.</param>
/// <param name="PaysWith">nothing, wallet, card or deferred (taken with a later charge).</param>
/// <param name="CardBrand">The brand of the card that pays; null if no card does.</param>
/// <param name="CardLastFour">Its last digits; null if they are not known.</param>
public sealed record PlannedRenewal(
    Guid SubscriptionId, DateTimeOffset At, decimal AmountUsd, string PaysWith, string? CardBrand, string? CardLastFour);

/// <param name="Tasks">The most urgent first; empty if there is nothing to do.</param>
/// <param name="Renewals">The automatic renewals that should succeed.</param>
public sealed record TaskList(IReadOnlyList<CustomerTask> Tasks, IReadOnlyList<PlannedRenewal> Renewals);

/// <summary>Lists what a customer has to do over all of the customer's licenses, and what is charged next.</summary>
public sealed class ListTasks(
    LicenseDatabase database, LicenseListStore licenses, RenewalReads renewals, AlertStore alerts, DeviceStore devices,
    RenewalPolicy policy, TimeProvider time)
{
    private const int MostLicenses = 1_000;

    /// <summary>The tasks of all licenses of the customer, or of the one that <c>subscription_id</c> names.</summary>
    public async Task<Outcome<TaskList>> RunAsync(IQueryCollection query, Guid subscriberId, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var only = parameters.Id("subscription_id", "the id of a license");
        return parameters.Refusal is { } wrong
            ? wrong
            : await database.ReadLatestAsync(token => ReadAsync(subscriberId, only, token), cancellationToken);
    }

    private async Task<Outcome<TaskList>> ReadAsync(Guid subscriberId, Guid? only, CancellationToken cancellationToken)
    {
        if (only is not { } subscriptionId)
        {
            return await OfAsync(
                await licenses.ListAsync(new LicenseFilter(subscriberId), MostLicenses, cancellationToken),
                await renewals.NextOfAsync(subscriberId, cancellationToken), subscriberId, cancellationToken);
        }

        return await licenses.FindAsync(subscriptionId, subscriberId, cancellationToken) is { } license
            ? await OfAsync(
                [license], await renewals.NextAsync(subscriptionId, cancellationToken) is { } one ? [one] : [], subscriberId,
                cancellationToken)
            : LicenseNotFound.Refusal;
    }

    private async Task<TaskList> OfAsync(
        IReadOnlyList<ListedLicense> listed, IReadOnlyList<NextRenewal> renewalsOf, Guid subscriberId, CancellationToken cancellationToken)
    {
        var next = renewalsOf.ToDictionary(one => one.SubscriptionId);
        var questions = (await alerts.QuestionsAsync(subscriberId, cancellationToken)).ToLookup(one => one.SubscriptionId);
        var denied = (await alerts.DeniedAsync(subscriberId, cancellationToken)).ToLookup(one => one.SubscriptionId);
        var refusals = await devices.RefusalsAsync(subscriberId, cancellationToken);
        var now = time.GetUtcNow();
        var rejected = (next.Values.Any(one => one.Status is not null) ? await renewals.DeclinedAsync(subscriberId, cancellationToken) : [])
            .Where(facts => RenewalRequests.NeedsAnotherCard(facts, facts.Price(policy).AmountUsd, policy, now))
            .Select(facts => facts.Renewal.SubscriptionId).ToHashSet();
        var refused = RefusedDevice.Waiting(refusals, now).ToLookup(one => one.SubscriptionId);
        var suspended = listed.Where(license => license.IsSuspended).Select(license => license.SubscriptionId).ToList();
        var suspensions = (await alerts.OpenSuspensionsAsync(suspended, cancellationToken)).ToLookup(one => one.SubscriptionId);
        return new TaskList(CustomerTasks.Of(
            listed.Select(license => new TaskFacts(
                license.SubscriptionId, license.Master, EnumWords.Parse<LicenseCode>(license.Code), license.IsSuspended,
                license.GraceUntil, [.. suspensions[license.SubscriptionId].Select(one => Suspension(one, now))],
                next.TryGetValue(license.SubscriptionId, out var renewal)
                    ? Renewal(renewal, rejected.Contains(license.SubscriptionId), now)
                    : null,
                questions[license.SubscriptionId].FirstOrDefault()?.AlertId, refused[license.SubscriptionId].FirstOrDefault()?.AlertId)
            {
                IsUnused = license is { LastUsedAt: null, DeviceCount: 0 },
                DeniedId = denied[license.SubscriptionId].FirstOrDefault()?.AlertId,
            }),
            now), [.. next.Values.Select(one => Planned(one, now)).OfType<PlannedRenewal>()]);
    }

    private static TaskSuspension Suspension(ListedSuspension open, DateTimeOffset now) => new(
        open.Cause,
        SubscriberLift.IsAllowed(open.Cause, open.LastLiftAt is { } at ? new DateTimeOffset(at, TimeSpan.Zero) : null, now),
        CanAppeal: SuspensionCause.IsLiftable(open.Cause) && !open.IsAppealWaiting,
        IsAppealReviewed: open is { HasAppeal: true, IsAppealWaiting: false });

    private PlannedRenewal? Planned(NextRenewal next, DateTimeOffset now) =>
        next is { IsActive: true, IsChargeOpen: false, Status: null or RenewalStatus.Due }
        && next.Forecast(policy) is { Obstacle: null, With: { } with, DebtsUsd: var debtsUsd }
        && next.Price(policy).AmountUsd is { } priceUsd
            ? new PlannedRenewal(
                next.SubscriptionId, policy.OpensAt(next.ExpiresAt) is var opensAt && opensAt > now ? opensAt : now,
                priceUsd + debtsUsd, EnumWords.Of(with), with is PaidWith.Card ? next.CardBrand : null,
                with is PaidWith.Card ? next.Card?.LastFour : null)
            : null;

    private TaskRenewal Renewal(NextRenewal next, bool isCardRejected, DateTimeOffset now)
    {
        var (price, forecast) = (next.Price(policy), next.Forecast(policy));
        var payment = RenewalForecast.OfPayment(
            next.ExpiresAt, price, next.DebtUsd, next.WalletUsd, next.Card, next.LastDecline, policy);
        return new TaskRenewal(
            next.ExpiresAt, policy.OpensAt(next.ExpiresAt), price.AmountUsd + next.DebtUsd, next.LastPaidUsd,
            HeldBy: forecast.IsHeld && forecast.Obstacle != payment.Obstacle ? forecast.Obstacle : null, payment.Obstacle,
            CanPay: payment.With is not null, next.Status, TakesCards: policy.IdempotencyKeyLifetimes.Count > 0)
        {
            HasUnbookedCharge = next.HasUnbookedCharge,
            IsCardExpired = payment.With is PaidWith.Card && next.Card?.ExpiresAt <= now,
            IsCardRejected = isCardRejected,
        };
    }
}
