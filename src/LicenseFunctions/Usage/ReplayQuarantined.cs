using System.Text;
using Licensing;

namespace LicenseFunctions.Usage;

/// <summary>An operator's two answers to what lies in quarantine.</summary>
public sealed class ReplayQuarantined(QuarantineStore quarantine, IngestUsage ingest)
{
    private static readonly Refusal Unknown = new(RefusalKind.NotFound, "NOT_FOUND", "Nothing in quarantine has this id.");

    /// <summary>Ingests it again. Of a message of many records those that are still bad get entries of their own.</summary>
    /// <remarks>A crash after the ingest leaves it open; replayed again, its records are duplicates and it is closed.</remarks>
    public async Task<Outcome<IngestedUsage>> RunAsync(Guid quarantineId, Guid? operatorId, CancellationToken cancellationToken)
    {
        if (await quarantine.FindAsync(quarantineId, cancellationToken) is not { } entry) return Unknown;
        if (entry.State != "OPEN") return Closed(entry);

        var done = await ingest.RunAsync([Encoding.UTF8.GetBytes(entry.Payload)], "replay", cancellationToken);
        if (done is { Accepted: 0, Duplicates: 0, Quarantined: [var still] })
            return new Refusal(RefusalKind.Conflict, still.Code, $"It is refused again: {still.Detail}.", Hint: "Fix the cause, or discard it.");
        await quarantine.CloseAsync(quarantineId, "REPLAYED", operatorId, cancellationToken);
        return done;
    }

    public async Task<Outcome<QuarantinedUsage>> DiscardAsync(Guid quarantineId, Guid? operatorId, CancellationToken cancellationToken)
    {
        if (await quarantine.CloseAsync(quarantineId, "DISCARDED", operatorId, cancellationToken) is { } discarded) return discarded;
        return await quarantine.FindAsync(quarantineId, cancellationToken) switch
        {
            null => Unknown,
            { State: "DISCARDED" } before => before,
            var entry => Closed(entry),
        };
    }

    private static Refusal Closed(QuarantinedUsage entry) =>
        new(RefusalKind.Conflict, "ALREADY_CLOSED", $"It is {entry.State} since {entry.ClosedAt:O}.");
}
