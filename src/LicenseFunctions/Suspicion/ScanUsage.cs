using System.Net;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>What a tick did.</summary>
public sealed record ScanCounts(int Licenses, int Records, int Alerts, int Suspended)
{
    public static ScanCounts operator +(ScanCounts a, ScanCounts b) =>
        new(a.Licenses + b.Licenses, a.Records + b.Records, a.Alerts + b.Alerts, a.Suspended + b.Suspended);
}

/// <summary>
/// Shows the detector what has arrived, whichever way and however late, and does what the policy says. A batch is one transaction: claimed rows,
/// states, alerts, suspensions and mails commit together, or the rows are there again for the next tick.
/// </summary>
public sealed class ScanUsage(
    SuspicionStore store, SuspensionStore suspensions, SuspicionSettings settings, SignedLinks links, TimeProvider time, ILogger<ScanUsage> log,
    IGeolocator? places = null)
{
    private const int LicensesABatch = 1_500;
    private const int WordsOfReason = 400;
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(50);
    private static readonly TimeSpan LinkLife = TimeSpan.FromDays(14);
    private static readonly TimeSpan MailPause = TimeSpan.FromMinutes(10);

    public async Task<ScanCounts> RunAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var total = new ScanCounts(0, 0, 0, 0);
        ScanCounts batch;
        do
        {
            batch = await store.Database.InTransactionAsync(BatchAsync, cancellationToken);
            total += batch;
        }
        while (batch.Licenses > 0 && time.GetElapsedTime(began) < Budget);

        await store.TellOperatorsAsync(
            settings.AlertEmail, settings.WebhookUrl is not null, MailPause, time.GetUtcNow().UtcDateTime, cancellationToken);
        if (total.Licenses > 0)
            log.LogInformation("Use scanned: {Counts}", total);
        return total;
    }

    private async Task<ScanCounts> BatchAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var arrived = await SuspicionStore.ClaimAsync(connection, LicensesABatch, cancellationToken);
        if (arrived.Count == 0)
            return new ScanCounts(0, 0, 0, 0);

        var ids = arrived.Select(one => one.SubscriptionId).ToArray();
        var licenses = await SuspicionStore.LoadAsync(connection, ids, cancellationToken);
        foreach (var judged in await SuspicionStore.JudgementsAsync(connection, ids, cancellationToken))
            licenses[judged.Key] = judged.Aggregate(licenses[judged.Key], (license, judgement) => license.Judged(judgement));

        var records = 0;
        var found = new List<(Guid SubscriptionId, Finding Finding)>();
        var placed = new Dictionary<(Guid, IPAddress), PlacedUse>();
        await SuspicionStore.ReadUsesAsync(connection, arrived, (id, uses) =>
        {
            if (!licenses.TryGetValue(id, out var license))
                return;
            if (places is not null)
                FillPlaces(places, id, uses, placed);
            var observation = Detector.Observe(license.State, uses, settings.Policy);
            licenses[id] = license with { State = observation.State };
            found.AddRange(observation.Findings.Select(finding => (id, finding)));
            records += uses.Count;
        }, cancellationToken);

        if (placed.Count > 0)
            await SuspicionStore.FillPlacesAsync(connection, [.. placed.Values], cancellationToken);
        var (alerts, suspended) = (0, 0);
        foreach (var (id, finding) in found)
        {
            var done = await ActAsync(connection, licenses[id], finding, cancellationToken);
            licenses[id] = done.License;
            alerts += done.IsNew ? 1 : 0;
            suspended += done.Suspended ? 1 : 0;
        }

        await SuspicionStore.SaveAsync(connection, licenses.Values, cancellationToken);
        return new ScanCounts(arrived.Count, records, alerts, suspended);
    }

    /// <summary>The SQL function's records come without places. Only those that are known in this process: no network call in a transaction.</summary>
    private static void FillPlaces(IGeolocator places, Guid id, List<Use> uses, Dictionary<(Guid, IPAddress), PlacedUse> placed)
    {
        for (var i = 0; i < uses.Count; i++)
        {
            if (uses[i] is not { Place: null, Address: { } address } || places.LocateHere(address) is not { } place)
                continue;
            uses[i] = uses[i] with { Place = place };
            var at = uses[i].LoggedAt.UtcDateTime;
            var before = placed.GetValueOrDefault((id, address)) ?? new PlacedUse(id, address, at, at, place);
            placed[(id, address)] = before with { LatestAt = at };
        }
    }

    private async Task<(ScannedLicense License, bool IsNew, bool Suspended)> ActAsync(
        NpgsqlConnection connection, ScannedLicense license, Finding finding, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (finding.Action == FindingAction.Suspend
            && await suspensions.CloseIfReinstatedByHandAsync(connection, license.SubscriptionId, cancellationToken))
        {
            // The guide's runbook, noticed only now: what led to the suspension is judged with it.
            var trusted = finding.Evidence.Devices.Select(device => (device.EaInstanceId, device.Account));
            return (license with { State = Detector.Forgive(license.State, time.GetUtcNow(), trusted), ForgivenAt = now }, false, false);
        }

        var autoAction = finding.Action switch { FindingAction.Suspend => "SUSPENDED", FindingAction.Alert => "NONE", _ => "NOTIFIED" };
        var alert = await SuspicionStore.AlertAsync(connection, license.SubscriptionId, finding, autoAction, now, cancellationToken);
        var suspended = finding.Action == FindingAction.Suspend && await suspensions.SuspendAsync(connection, new NewSuspension(
            license.SubscriptionId, SuspensionCause.Detector, Cut($"License suspended: {finding.Description}"),
            Cut($"Auto-suspended: {finding.Description}"), Actor.System,
            JsonSerializer.Serialize(finding.Evidence, SuspicionStore.Json), AlertId: alert.AlertId), cancellationToken) is not null;
        if (finding.Action is FindingAction.Notify or FindingAction.Refuse && alert.UserId is { } userId)
        {
            await EmailOutbox.AddAsync(connection, $"device-alert:{alert.AlertId}", "device_alert", userId, new
            {
                license.SubscriptionId,
                finding.Description,
                OccurredAt = finding.Evidence.To,
                Link = links.Path(AnswerSuspicion.Purpose, alert.AlertId, time.GetUtcNow() + LinkLife),
            }, cancellationToken);
        }

        return (license, alert.IsNew, suspended);
    }

    private static string Cut(string text) => text.Length <= WordsOfReason ? text : text[..(WordsOfReason - 1)] + "…";
}
