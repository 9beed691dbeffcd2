using System.Net;
using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>The result of a run of the scan.</summary>
/// <param name="Licenses">Licenses with new usage.</param>
/// <param name="Records">Usage records that were read.</param>
/// <param name="Alerts">New alerts.</param>
/// <param name="Suspended">Licenses that were suspended.</param>
public sealed record ScanCounts(int Licenses, int Records, int Alerts, int Suspended)
{
    public static ScanCounts operator +(ScanCounts a, ScanCounts b) =>
        new(a.Licenses + b.Licenses, a.Records + b.Records, a.Alerts + b.Alerts, a.Suspended + b.Suspended);
}

/// <summary>
/// Runs the detector over all usage that has arrived, from every source and however late, and acts on its findings. A batch is one
/// transaction: claimed rows, states, alerts, suspensions and mails commit together. If it fails, the next run claims the same rows.
/// </summary>
public sealed class ScanUsage(
    SuspicionStore store, SuspensionStore suspensions, SuspicionSettings settings, SignedLinks links, SkippedRows skipped,
    TimeProvider time, ILogger<ScanUsage> log, IGeolocator? geolocator = null)
{
    private const int LicensesABatch = 1_500;
    private const int MaxViolation = 380;
    private static readonly TimeSpan TimeBudget = TimeSpan.FromSeconds(50);
    private static readonly TimeSpan LinkLifetime = TimeSpan.FromDays(14);
    private static readonly TimeSpan MailPause = TimeSpan.FromMinutes(10);

    public async Task<ScanCounts> RunAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var total = new ScanCounts(0, 0, 0, 0);
        ScanCounts batch;
        do
        {
            var left = new Dictionary<Guid, Exception>();
            batch = await store.Database.InTransactionAsync((connection, token) =>
            {
                left.Clear();
                return BatchAsync(connection, left, token);
            }, cancellationToken);
            foreach (var (id, failure) in left)
                await skipped.ReportAsync("detection", id, failure, cancellationToken);
            total += batch;
            if (left.Count >= batch.Licenses)
                break; // Only licenses that were put back are waiting.
        }
        while (batch.Licenses > 0 && time.GetElapsedTime(began) < TimeBudget && !TimeSlice.IsOver);

        await store.NotifyOperatorsAsync(
            settings.AlertEmail, settings.WebhookUrl is not null, MailPause, time.GetUtcNow().UtcDateTime, cancellationToken);
        if (total.Licenses > 0)
            log.LogInformation("Scanned new usage: {Counts}", total);
        return total;
    }

    /// <param name="left">Receives the licenses that are left out; the others are scanned.</param>
    private async Task<ScanCounts> BatchAsync(
        NpgsqlConnection connection, Dictionary<Guid, Exception> left, CancellationToken cancellationToken)
    {
        var arrived = await SuspicionStore.ClaimAsync(connection, TimeSlice.Batch(LicensesABatch, 100), cancellationToken);
        if (arrived.Count == 0)
            return new ScanCounts(0, 0, 0, 0);

        var ids = arrived.Select(one => one.SubscriptionId).ToArray();
        await SuspicionStore.MarkUsedAsync(connection, ids, cancellationToken);
        var licenses = await SuspicionStore.LoadAsync(connection, ids, (id, failure) => left[id] = failure, cancellationToken);
        void Isolate(Guid id, Action<ScannedLicense> work)
        {
            if (!licenses.TryGetValue(id, out var license))
                return;
            try
            {
                work(license);
            }
#pragma warning disable CA1031 // An unexpected state of one license must not stop the others. It stays unchanged.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                licenses.Remove(id);
                left[id] = failure;
            }
        }

        var scannedAt = time.GetUtcNow();
        var shadow = await ShadowScan.LoadAsync(connection, settings.Shadow, ids, scannedAt, cancellationToken);
        foreach (var reviews in await SuspicionStore.ReviewsAsync(connection, ids, cancellationToken))
        {
            Isolate(reviews.Key, license => licenses[reviews.Key] = reviews.Aggregate(license, (before, review) => before.After(review)));
            shadow?.Restart(reviews.Key);
        }

        var records = 0;
        var found = new List<(Guid SubscriptionId, Finding Finding)>();
        var located = new Dictionary<(Guid, IPAddress), LocatedUsage>();
        await SuspicionStore.ReadUsageAsync(connection, arrived, (id, samples) => Isolate(id, license =>
        {
            if (geolocator is not null)
                FillLocations(geolocator, id, samples, located);
            var observed = samples.ConvertAll(sample => sample with { ArrivedAt = scannedAt });
            shadow?.Observe(id, license.State, observed);
            var observation = Detector.Observe(license.State, observed, settings.Policy);
            licenses[id] = license with { State = observation.State };
            found.AddRange(observation.Findings.Select(finding => (id, finding)));
            records += samples.Count;
        }), cancellationToken);

        if (located.Count > 0)
            await SuspicionStore.FillLocationsAsync(connection, located.Values, cancellationToken);
        var (alerts, suspended) = (0, 0);
        foreach (var finding in found.ToLookup(one => one.SubscriptionId, one => one.Finding))
        {
            var (alertsBefore, suspendedBefore, reviewedAt) = (alerts, suspended, licenses[finding.Key].ReviewedAt);
            var failure = await TryAsync(connection, async () =>
            {
                foreach (var one in finding)
                {
                    var done = await ActAsync(connection, licenses[finding.Key], one, cancellationToken);
                    licenses[finding.Key] = done.License;
                    alerts += done.IsNew ? 1 : 0;
                    suspended += done.Suspended ? 1 : 0;
                }

                if (licenses[finding.Key].ReviewedAt != reviewedAt)
                    shadow?.Restart(finding.Key);
            }, cancellationToken);
            if (failure is not null)
            {
                (alerts, suspended) = (alertsBefore, suspendedBefore);
                licenses.Remove(finding.Key);
                await LeaveAsync(finding.Key, failure);
            }
        }

        foreach (var opened in await OpeningStore.FindAsync(connection, arrived, settings.Grace, scannedAt, cancellationToken))
        {
            var failure = await TryAsync(
                connection, () => OpeningStore.RaiseAsync(connection, opened, scannedAt.UtcDateTime, cancellationToken), cancellationToken);
            if (failure is null)
                alerts++;
            else
                await LeaveAsync(opened.SubscriptionId, failure);
        }

        async Task LeaveAsync(Guid id, Exception failure)
        {
            left[id] = failure;
            await SuspicionStore.RequeueAsync(connection, arrived.First(one => one.SubscriptionId == id), cancellationToken);
        }

        await SuspicionStore.SaveAsync(connection, licenses.Values, cancellationToken);
        if (shadow is not null)
            await SaveAsync(connection, shadow, licenses.Keys, cancellationToken);
        return new ScanCounts(arrived.Count, records, alerts, suspended);
    }

    /// <summary>Undoes the work for one license if it fails, for example because another session has locked the license.</summary>
    private static async Task<PostgresException?> TryAsync(
        NpgsqlConnection connection, Func<Task> work, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(new CommandDefinition(
            "savepoint license; set local lock_timeout = '500ms'", cancellationToken: cancellationToken));
        try
        {
            await work();
            await connection.ExecuteAsync(new CommandDefinition("release savepoint license", cancellationToken: cancellationToken));
            return null;
        }
        catch (PostgresException failure) when (SkippedRows.ConcernsOneRow(failure))
        {
            await connection.ExecuteAsync(new CommandDefinition("rollback to savepoint license", cancellationToken: cancellationToken));
            return failure;
        }
    }

    private async Task SaveAsync(
        NpgsqlConnection connection, ShadowScan shadow, IReadOnlyCollection<Guid> scanned, CancellationToken cancellationToken)
    {
        await shadow.SaveAsync(connection, scanned, cancellationToken);
        if (shadow.Failure is { } failure)
            log.LogWarning(failure, "The policy in shadow left out licenses of a batch; the policy in force is not affected");
    }

    /// <summary>
    /// Adds locations to records of the SQL function, which have none. It uses only the data in this process, because no network call
    /// happens inside a transaction.
    /// </summary>
    private static void FillLocations(
        IGeolocator geolocator, Guid id, List<UsageSample> samples, Dictionary<(Guid, IPAddress), LocatedUsage> located)
    {
        for (var i = 0; i < samples.Count; i++)
        {
            if (samples[i] is not { Location: null, Address: { } address } || geolocator.LocateHere(address) is not { } location)
                continue;
            samples[i] = samples[i] with { Location = location };
            var at = samples[i].LoggedAt.UtcDateTime;
            var before = located.GetValueOrDefault((id, address)) ?? new LocatedUsage(id, address, at, at, location);
            located[(id, address)] = before with { LatestAt = at };
        }
    }

    private async Task<(ScannedLicense License, bool IsNew, bool Suspended)> ActAsync(
        NpgsqlConnection connection, ScannedLicense license, Finding finding, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (finding.Action == FindingAction.Suspend
            && await suspensions.CloseIfReinstatedManuallyAsync(connection, license.SubscriptionId, cancellationToken))
        {
            // An operator reinstated the license by SQL, as in the integration guide's runbook. That is a review of this incident, too.
            var trusted = finding.Evidence.Devices.Select(device => (device.EaInstanceId, device.Account));
            var state = Detector.ApplyReview(license.State, time.GetUtcNow(), trusted);
            return (license with { State = state, ReviewedAt = now }, false, false);
        }

        // The incident keeps its strongest action: devices that are refused stay refused when the evidence gets weaker.
        var known = license.State.Incidents.Find(incident => incident.Key == finding.Incident);
        var strongest = known is not null && known.Action > finding.Action ? known.Action : finding.Action;
        var evidence = JsonSerializer.Serialize(
            finding.Evidence with { Measure = strongest.StrongestEffect() }, SuspicionStore.Json);
        var raise = new NewAlert(
            license.SubscriptionId, EnumWords.UpperOf(finding.Type), finding.Severity, finding.Description, evidence,
            finding.Action.AutoActionTaken(), now);
        var alert = await AlertLog.RaiseAsync(connection, raise with { Incident = finding.Incident }, cancellationToken);
        var suspended = finding.Action == FindingAction.Suspend && await suspensions.SuspendAsync(connection, new NewSuspension(
            license.SubscriptionId, SuspensionCause.Detector, SuspensionTexts.Automatic(Cut(finding.Description)), Actor.System,
            evidence, AlertId: alert.AlertId, Summary: AlertSummary.Of(finding.Evidence)), cancellationToken) is not null;
        if (strongest is FindingAction.Ask or FindingAction.Refuse)
            await AlertStore.MarkAskedAsync(connection, alert.AlertId, now, cancellationToken);
        if (strongest is FindingAction.Notify or FindingAction.Ask or FindingAction.Refuse && alert.UserId is { } userId)
            await AskAsync(connection, license.SubscriptionId, finding, strongest, alert.AlertId, userId, cancellationToken);
        return (license, alert.IsNew, suspended);
    }

    /// <summary>One mail for each measure of an alert, because "new devices wait" is news after "we noticed unusual use".</summary>
    private Task AskAsync(
        NpgsqlConnection connection, Guid subscriptionId, Finding finding, FindingAction action, Guid alertId, Guid userId,
        CancellationToken cancellationToken) =>
        EmailOutbox.AddAsync(
            connection, action == FindingAction.Notify ? $"device-alert:{alertId}" : $"device-alert:{alertId}:{action.StrongestEffect()}",
            "device_alert", userId, new
            {
                subscriptionId,
                finding.Description,
                Summary = AlertSummary.Of(finding.Evidence),
                Measure = action.StrongestEffect(),
                OccurredAt = finding.Evidence.To,
                Link = links.Path(AnswerSuspicion.Purpose, alertId, time.GetUtcNow() + LinkLifetime),
            }, cancellationToken);

    private static string Cut(string text) => text.Length <= MaxViolation ? text : text[..(MaxViolation - 1)] + "…";
}
