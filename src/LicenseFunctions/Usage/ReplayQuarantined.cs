using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Usage;

namespace LicenseFunctions.Usage;

/// <summary>Replays or discards quarantined usage.</summary>
public sealed class ReplayQuarantined(QuarantineStore quarantine, IngestUsage ingest)
{
    /// <summary>
    /// Ingests the entry again. If its only record is still invalid, the entry stays open with the new reason. If it has several records,
    /// those that are still invalid become separate entries.
    /// </summary>
    /// <remarks>
    /// After a crash between ingest and close, the entry is still open. If it is replayed again, its records are duplicates.
    /// </remarks>
    public async Task<Outcome<IngestedUsage>> RunAsync(Guid quarantineId, Actor by, CancellationToken cancellationToken)
    {
        if (await quarantine.FindAsync(quarantineId, cancellationToken) is not { } entry)
            return ReadQuarantined.Unknown;
        if (entry.State != "OPEN")
            return Closed(entry.State, entry.ClosedAt);

        var done = await ingest.ReplayAsync(quarantineId, new UsageMessage(entry.PayloadBase64), cancellationToken);
        if (done is { Accepted: 0, Duplicates: 0, Quarantined: [var still] })
            return new Refusal(
                RefusalKind.Conflict, still.Code, $"The entry was rejected again: {still.Detail}.",
                Hint: "Fix the cause, or discard the entry.");
        await quarantine.CloseAsync(quarantineId, "REPLAYED", by, cancellationToken);
        return done;
    }

    public async Task<Outcome<QuarantinedUsage>> DiscardAsync(Guid quarantineId, Actor by, CancellationToken cancellationToken)
    {
        if (await quarantine.CloseAsync(quarantineId, "DISCARDED", by, cancellationToken) is { } discarded)
            return discarded;
        return await quarantine.DescribeAsync(quarantineId, cancellationToken) switch
        {
            null => ReadQuarantined.Unknown,
            { State: "DISCARDED" } before => before,
            var entry => Closed(entry.State, entry.ClosedAt),
        };
    }

    private static Refusal Closed(string state, DateTime? at) =>
        new(RefusalKind.Conflict, "ALREADY_CLOSED", $"The entry has been {state} since {at:O}.");
}
