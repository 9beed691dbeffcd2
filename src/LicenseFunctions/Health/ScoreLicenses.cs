using Licensing.Devices;
using Licensing.Health;

namespace LicenseFunctions.Health;

/// <summary>Judges the licenses that are due: those whose facts have changed, and those for which the time has come.</summary>
public sealed class ScoreLicenses(HealthStore store, HealthSettings settings)
{
    // Small enough for memory and for a stop in between.
    private const int Batch = 5000;

    // While one lane waits for the database, the other judges and writes out here.
    private const int Lanes = 2;

    /// <returns>How many were judged.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await store.MarkAsync(cancellationToken);
        var judged = 0;
        while (await store.DueAsync(Batch, cancellationToken) is { Count: > 0 } due)
        {
            var lanes = await Task.WhenAll(due.Chunk((due.Count + Lanes - 1) / Lanes).Select(lane => ScoreAsync(lane, cancellationToken)));
            judged += lanes.Sum(lane => lane.Count);
            if (due.Count < Batch)
                break;
        }

        return judged;
    }

    /// <returns>The judgements, stored.</returns>
    public async Task<IReadOnlyList<ScoredHealth>> ScoreAsync(Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        var scored = new List<ScoredHealth>(subscriptionIds.Length);
        await foreach (var row in store.LoadAsync(subscriptionIds, settings.MaxDevices, cancellationToken))
            scored.Add(Judge(row));
        if (scored.Count > 0)
            await store.SaveAsync(scored, cancellationToken);
        return scored;
    }

    private ScoredHealth Judge(HealthRow row)
    {
        var now = row.Facts.Now;
        var status = LicenseStatuses.Of(Verdict.Of(row.License, now, settings.Grace), row.License.ExpiresAt, now);
        var facts = row.Facts with { Status = status };
        var graceEnds = status == LicenseStatus.Grace ? GraceEnd(row.License) : (DateTimeOffset?)null;
        return new ScoredHealth(row, status, HealthScore.Of(facts), HealthDue.After(facts, graceEnds));
    }

    private DateTimeOffset GraceEnd(LicenseFacts license)
    {
        var end = license.ExpiresAt!.Value + settings.Grace;
        return license.GraceUntil > end ? license.GraceUntil.Value : end;
    }
}
