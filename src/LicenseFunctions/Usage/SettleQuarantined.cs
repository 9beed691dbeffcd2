using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Usage;

/// <param name="QuarantineIds">1 to 100.</param>
/// <param name="Action">replay or discard.</param>
public sealed record QuarantineOrder(IReadOnlyList<Guid> QuarantineIds, string Action);

/// <param name="Code">Null if the entry was replayed or discarded; else why it wasn't.</param>
public sealed record QuarantineResult(Guid QuarantineId, string? Code, string? Detail);

/// <param name="Results">In the order of the request, each entry once.</param>
public sealed record QuarantineResults(IReadOnlyList<QuarantineResult> Results);

/// <summary>Replays or discards several quarantined messages one after another: one that fails doesn't affect the others.</summary>
public sealed class SettleQuarantined(ReplayQuarantined replay, ILogger<SettleQuarantined> log)
{
    private const int Most = 100;

    private static readonly Refusal InvalidIds = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"quarantine_ids must have 1 to {Most} ids.", "quarantine_ids");

    private static readonly Refusal InvalidAction = new(
        RefusalKind.Invalid, "INVALID_FIELD", "action must be replay or discard.", "action");

    public async Task<Outcome<QuarantineResults>> RunAsync(QuarantineOrder order, Actor by, CancellationToken cancellationToken)
    {
        if (order.QuarantineIds.Count is 0 or > Most)
            return InvalidIds;
        if (order.Action is not ("replay" or "discard"))
            return InvalidAction;
        var results = new List<QuarantineResult>();
        foreach (var quarantineId in order.QuarantineIds.Distinct())
            results.Add(await SettleAsync(quarantineId, order.Action == "replay", by, cancellationToken));
        return new QuarantineResults(results);
    }

    private async Task<QuarantineResult> SettleAsync(Guid quarantineId, bool replays, Actor by, CancellationToken cancellationToken)
    {
        try
        {
            var refusal = replays
                ? (await replay.RunAsync(quarantineId, by, cancellationToken)).Refusal
                : (await replay.DiscardAsync(quarantineId, by, cancellationToken)).Refusal;
            return new QuarantineResult(quarantineId, refusal?.Code, refusal?.Detail);
        }
#pragma warning disable CA1031 // One message must not stop the others; the operator sees the failure and can try it again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "Quarantined message {QuarantineId} could not be settled", quarantineId);
            return new QuarantineResult(quarantineId, "INTERNAL_ERROR", "This message could not be settled. Try it again.");
        }
    }
}
