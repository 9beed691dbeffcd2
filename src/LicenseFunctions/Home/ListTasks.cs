using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Licensing.Home;
using Licensing.Renewals;

namespace LicenseFunctions.Home;

/// <param name="Tasks">The most urgent first; empty if there is nothing to do.</param>
public sealed record TaskList(IReadOnlyList<CustomerTask> Tasks);

/// <summary>Lists what a customer has to do, over all of the customer's licenses.</summary>
public sealed class ListTasks(
    LicenseDatabase database, LicenseListStore licenses, RenewalReads renewals, AlertStore alerts, DeviceStore devices,
    RenewalPolicy policy, TimeProvider time)
{
    private const int MostLicenses = 100;

    public Task<TaskList> RunAsync(Guid subscriberId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync(token => ReadAsync(subscriberId, token), cancellationToken);

    private async Task<TaskList> ReadAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        var listed = await licenses.ListAsync(new LicenseFilter(subscriberId), MostLicenses, cancellationToken);
        var next = (await renewals.NextOfAsync(subscriberId, cancellationToken)).ToDictionary(one => one.SubscriptionId);
        var questions = (await alerts.QuestionsAsync(subscriberId, cancellationToken)).ToLookup(one => one.SubscriptionId);
        var refusals = await devices.RefusalsAsync(subscriberId, cancellationToken);
        var now = time.GetUtcNow();
        var refused = RefusedDevice.Waiting(refusals, now).ToLookup(one => one.SubscriptionId);
        var suspended = listed.Where(license => license.IsSuspended).Select(license => license.SubscriptionId).ToList();
        var suspensions = (await alerts.OpenSuspensionsAsync(suspended, cancellationToken)).ToLookup(one => one.SubscriptionId);
        return new TaskList(CustomerTasks.Of(
            listed.Select(license => new TaskFacts(
                license.SubscriptionId, license.Master, EnumWords.Parse<LicenseCode>(license.Code), license.IsSuspended,
                license.GraceUntil, [.. suspensions[license.SubscriptionId].Select(one => Suspension(one, now))],
                next.TryGetValue(license.SubscriptionId, out var renewal) ? Renewal(renewal) : null,
                questions[license.SubscriptionId].FirstOrDefault()?.AlertId, refused[license.SubscriptionId].FirstOrDefault()?.AlertId)),
            now));
    }

    private static TaskSuspension Suspension(ListedSuspension open, DateTimeOffset now) => new(
        open.Cause,
        SubscriberLift.IsAllowed(open.Cause, open.LastLiftAt is { } at ? new DateTimeOffset(at, TimeSpan.Zero) : null, now),
        CanAppeal: SuspensionCause.IsLiftable(open.Cause) && !open.HasAppeal);

    private TaskRenewal Renewal(NextRenewal next)
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
        };
    }
}
