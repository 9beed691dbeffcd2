using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;

namespace LicenseFunctions.Health;

/// <summary>Scores the licenses that are due: because their facts changed, or because of the time.</summary>
public sealed class ScoreLicenses(HealthStore store, HealthSettings settings, RenewalPolicy renewals)
{
    // Small enough for the memory, and for a quick stop between two batches.
    private const int Batch = 5000;

    // While one lane waits for the database, the other computes.
    private const int Lanes = 2;

    /// <returns>The number of licenses that were scored.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await store.MarkAsync(cancellationToken);
        var scored = 0;
        while (await store.DueAsync(Batch, cancellationToken) is { Count: > 0 } due)
        {
            var lanes = await Task.WhenAll(due.Chunk((due.Count + Lanes - 1) / Lanes).Select(lane => ScoreAsync(lane, cancellationToken)));
            scored += lanes.Sum(lane => lane.Count);
            if (due.Count < Batch)
                break;
        }

        return scored;
    }

    /// <returns>The scores, which are stored.</returns>
    public async Task<IReadOnlyList<ScoredHealth>> ScoreAsync(Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        var scored = new List<ScoredHealth>(subscriptionIds.Length);
        await foreach (var row in store.LoadAsync(subscriptionIds, settings.MaxDevices, renewals, cancellationToken))
            scored.Add(Score(row));
        if (scored.Count > 0)
            await store.SaveAsync(scored, cancellationToken);
        return scored;
    }

    private ScoredHealth Score(HealthRow row)
    {
        var now = row.Facts.Now;
        var status = LicenseStatuses.Of(LicenseVerdict.Of(row.License, now, settings.Grace), row.License.ExpiresAt, now);
        var facts = row.Facts with { Status = status };
        var graceEnds = status == LicenseStatus.Grace ? row.License.GraceEnd(settings.Grace) : null;
        return new ScoredHealth(row, status, HealthScore.Of(facts), HealthDue.After(facts, graceEnds));
    }
}
