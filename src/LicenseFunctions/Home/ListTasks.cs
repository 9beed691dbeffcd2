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
    LicenseDatabase database, LicenseListStore licenses, RenewalReads renewals, AnswerSuspicion suspicion, AlertStore alerts,
    DeviceStore devices, RenewalPolicy policy, TimeProvider time)
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
        var refused = RefusedDevice.Waiting(refusals, time.GetUtcNow()).ToLookup(one => one.SubscriptionId);
        var facts = new List<TaskFacts>();
        foreach (var license in listed)
        {
            var id = license.SubscriptionId;
            facts.Add(new TaskFacts(
                id, license.Master, EnumWords.Parse<LicenseCode>(license.Code), license.IsSuspended, license.GraceUntil,
                await SuspensionsAsync(license, subscriberId, cancellationToken),
                next.TryGetValue(id, out var renewal) ? Renewal(renewal) : null,
                questions[id].FirstOrDefault()?.AlertId, refused[id].FirstOrDefault()?.AlertId));
        }

        return new TaskList(CustomerTasks.Of(facts, time.GetUtcNow()));
    }

    private async Task<IReadOnlyList<TaskSuspension>> SuspensionsAsync(
        ListedLicense license, Guid subscriberId, CancellationToken cancellationToken)
    {
        if (!license.IsSuspended)
            return [];
        var shown = await suspicion.ShowAsync(license.SubscriptionId, subscriberId, cancellationToken);
        return shown.Match<IReadOnlyList<TaskSuspension>>(
            view => [.. view.Suspensions.Select(one => new TaskSuspension(one.Cause, one.CanLift, one.CanAppeal))], _ => []);
    }

    private TaskRenewal Renewal(NextRenewal next) => new(
        next.ExpiresAt, policy.OpensAt(next.ExpiresAt), next.License.AutoRenew, next.Price(policy).AmountUsd + next.DebtUsd,
        next.LastPaidUsd, next.Forecast(policy).Obstacle, next.Status is RenewalStatus.NeedsAuthentication);
}
