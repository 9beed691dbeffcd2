using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <param name="Status">INVESTIGATING, RESOLVED or FALSE_POSITIVE.</param>
/// <param name="Notes">Up to 2,000 characters; required to close an alert.</param>
/// <param name="Reinstate">With FALSE_POSITIVE: lift the license's suspension, and tell the customer.</param>
public sealed record AlertJudgement(string Status, string? Notes = null, bool Reinstate = false);

/// <summary>An operator's judgement of an alert. What it means for the detector is taken up by the next scan, as a judgement by hand is.</summary>
public sealed class JudgeAlert(LicenseDatabase database, SuspensionStore suspensions, TimeProvider time)
{
    private const int MaxNotes = 2000;

    public static readonly Refusal Unknown = new(RefusalKind.NotFound, "ALERT_NOT_FOUND", "There is no such alert.", "alert_id");

    public async Task<Outcome<AlertRow>> RunAsync(Guid alertId, AlertJudgement judgement, Actor by, CancellationToken cancellationToken) =>
        Fault(judgement) is { } fault
            ? fault
            : await database.InTransactionAsync<Outcome<AlertRow>>(async (connection, token) =>
            {
                if (await AlertStore.FindAsync(connection, alertId, token) is not { } before)
                    return Unknown;
                // Whoever changes a license locks it first; after the alert's row this would wait on one who waits on us.
                if (judgement.Reinstate && before.SubscriptionId is { } locked)
                    await SuspensionStore.LockAsync(connection, locked, token);
                if (before.Status != judgement.Status && !await AlertStore.MoveAsync(
                    connection, alertId, judgement.Status, AlertStatus.Before(judgement.Status), judgement.Notes, by.Id, time.GetUtcNow().UtcDateTime, token))
                    return Impossible(before.Status, judgement.Status);
                if (judgement.Reinstate && before.SubscriptionId is { } subscription)
                {
                    await suspensions.ReinstateAsync(connection, new Reinstatement(
                        subscription, SuspensionCause.Liftable, ClosedHow.FalsePositive, by, judgement.Notes), token);
                }

                await AuditLog.AddAsync(connection, new AuditRow(
                    by, "alert.judged", before.SubscriptionId, alertId.ToString(), judgement.Notes,
                    Before: RowJson.Of(new { before.Status }), After: RowJson.Of(new { judgement.Status, judgement.Reinstate })), token);
                return (await AlertStore.FindAsync(connection, alertId, token))!;
            }, cancellationToken);

    private static Refusal? Fault(AlertJudgement judgement)
    {
        if (AlertStatus.Before(judgement.Status).Count == 0)
            return new Refusal(RefusalKind.Invalid, "INVALID_STATUS", "INVESTIGATING, RESOLVED or FALSE_POSITIVE is required.", "status");
        if (judgement.Notes is { Length: > MaxNotes })
            return new Refusal(RefusalKind.Invalid, "NOTES_TOO_LONG", $"Notes have up to {MaxNotes} characters.", "notes");
        if (judgement.Status != AlertStatus.Investigating && string.IsNullOrWhiteSpace(judgement.Notes))
            return new Refusal(RefusalKind.Invalid, "NOTES_MISSING", "Say why: the next one who sees this license reads it.", "notes");
        return judgement.Reinstate && judgement.Status != AlertStatus.FalsePositive
            ? new Refusal(RefusalKind.Invalid, "NOT_FALSE_POSITIVE", "Only FALSE_POSITIVE reinstates here.", "reinstate", "Or POST …/reinstate.")
            : null;
    }

    private static Refusal Impossible(string from, string to) => new(
        RefusalKind.Conflict, "INVALID_TRANSITION", $"The alert is {from}: it can't become {to}.", "status");
}
