using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;
using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Health;

/// <summary>Scores the licenses that are due: because their facts changed, or because of the time.</summary>
public sealed class ScoreLicenses(HealthStore store, HealthSettings settings, RenewalPolicy renewals, SkippedRows skipped)
{
    // Small enough for the memory, and for a quick stop between two batches.
    private const int Batch = 5000;

    /// <summary>
    /// Number of licenses whose platform columns one run compares. They take turns, so that the cost of a run doesn't depend on the number
    /// of licenses. Every license is also scored after <see cref="HealthDue.Longest"/>.
    /// </summary>
    public const int Compared = 2000;

    // While one part waits for the database, the other computes.
    private const int Parts = 2;

    private HashSet<Guid> lockedBefore = [];

    /// <returns>The number of licenses that were scored.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await skipped.ReportUnusableValuesAsync(cancellationToken);
        // If many of these are new, as after the installation on a platform with many licenses, the run continues with the next ones.
        int added;
        do
            added = await store.CompareAsync(Compared, cancellationToken);
        while (added >= Compared / 10 && !TimeSlice.IsOver);
        await store.MarkAsync(cancellationToken);
        var (scored, batch, left, locked) = (0, TimeSlice.Batch(Batch, 500), new List<Guid>(), new HashSet<Guid>());
        while (await store.DueAsync(batch, [.. left], cancellationToken) is { Count: > 0 } due)
        {
            var parts = await Task.WhenAll(
                due.Chunk((due.Count + Parts - 1) / Parts).Select(part => ScorePartAsync(part, cancellationToken)));
            scored += parts.Sum(part => part.Scored.Count - part.Locked.Count);
            locked.UnionWith(parts.SelectMany(part => part.Locked));
            if (due.Count < batch || TimeSlice.IsOver)
                break;
            foreach (var part in parts)
                left.AddRange([.. part.Unreadable, .. part.Locked]);
        }

        // A page that is shown locks a license for a moment. Only a lock that lasts until the next run is a trouble.
        foreach (var id in locked.Intersect(lockedBefore))
            await skipped.ReportAsync("health", id, new TimeoutException("Another session has locked the license."), cancellationToken);
        lockedBefore = locked;
        return scored;
    }

    /// <returns>The scores. They are stored, except those of licenses that another session has locked.</returns>
    public async Task<IReadOnlyList<ScoredHealth>> ScoreAsync(Guid[] subscriptionIds, CancellationToken cancellationToken) =>
        (await ScorePartAsync(subscriptionIds, cancellationToken)).Scored;

    /// <summary>
    /// Scores those of these licenses whose stored score is missing or may be out of date. A change in this backend's own data may be
    /// missing from it for 10 seconds.
    /// </summary>
    /// <returns>The present scores by license.</returns>
    public async Task<IReadOnlyDictionary<Guid, int>> ScoreOutdatedAsync(Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        var outdated = await store.OutdatedAsync(subscriptionIds, cancellationToken);
        return outdated.Length == 0
            ? new Dictionary<Guid, int>()
            : (await ScoreAsync(outdated, cancellationToken)).ToDictionary(one => one.Row.SubscriptionId, one => one.Report.Score);
    }

    /// <param name="Locked">Licenses whose scores are not stored. They stay due.</param>
    private sealed record ScoredPart(IReadOnlyList<ScoredHealth> Scored, IReadOnlyCollection<Guid> Unreadable, List<Guid> Locked);

    private async Task<ScoredPart> ScorePartAsync(Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        var unreadable = new Dictionary<Guid, Exception>();
        var rows = await LoadAsync(subscriptionIds, unreadable, cancellationToken);
        var scored = new List<ScoredHealth>(rows.Count);
        foreach (var row in rows)
        {
            try
            {
                scored.Add(Score(row));
            }
#pragma warning disable CA1031 // Unexpected facts of one license must not stop the scores of the others.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                unreadable[row.SubscriptionId] = failure;
            }
        }

        var locked = scored.Count > 0 ? await store.SaveAsync(scored, cancellationToken) : [];
        foreach (var (id, failure) in unreadable)
            await skipped.ReportAsync("health", id, failure, cancellationToken);
        if (unreadable.Count > 0)
            await store.PostponeAsync([.. unreadable.Keys], cancellationToken);
        return new ScoredPart(scored, unreadable.Keys, locked);
    }

    // If an expression of the statement fails for one license, halves are read until that license is alone.
    private async Task<List<HealthRow>> LoadAsync(
        Guid[] subscriptionIds, Dictionary<Guid, Exception> unreadable, CancellationToken cancellationToken)
    {
        try
        {
            return await store.LoadAsync(
                subscriptionIds, settings.MaxDevices, renewals, (id, failure) => unreadable[id] = failure, cancellationToken);
        }
        // Not for a lock: a read waits only for one of a whole table, so halves would wait, too.
        catch (PostgresException failure) when (SkippedRows.IsCausedByData(failure))
        {
            if (subscriptionIds is [var alone])
            {
                unreadable[alone] = failure;
                return [];
            }

            var half = subscriptionIds.Length / 2;
            return
            [
                .. await LoadAsync(subscriptionIds[..half], unreadable, cancellationToken),
                .. await LoadAsync(subscriptionIds[half..], unreadable, cancellationToken),
            ];
        }
    }

    private ScoredHealth Score(HealthRow row)
    {
        var now = row.Facts.Now;
        var verdict = LicenseVerdict.Of(row.License, now, settings.Grace);
        var status = LicenseStatuses.Of(verdict, row.License.ExpiresAt, now);
        var facts = row.Facts with { Status = status, Code = verdict.Code };
        var graceEnds = status == LicenseStatus.Grace ? row.License.GraceEnd(settings.Grace) : null;
        return new ScoredHealth(row with { Facts = facts }, status, HealthScore.Of(facts), HealthDue.After(facts, graceEnds));
    }
}
