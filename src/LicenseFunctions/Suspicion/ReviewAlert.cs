using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <param name="Status">INVESTIGATING, RESOLVED or FALSE_POSITIVE; OPEN takes one of these back.</param>
/// <param name="Notes">Up to 2,000 characters; required except with INVESTIGATING.</param>
/// <param name="Reinstate">Only with FALSE_POSITIVE: reinstates the license and sends the customer a mail.</param>
public sealed record AlertReview(string Status, string? Notes = null, bool Reinstate = false);

/// <param name="AlsoClosed">Other alerts about the suspensions that the review lifted: it closed them, too.</param>
public sealed record ReviewedAlert(AlertRow Alert, IReadOnlyList<Guid> AlsoClosed);

/// <summary>An operator's review of an alert. The next scan applies it to the detector's state, like a review by SQL.</summary>
public sealed class ReviewAlert(LicenseDatabase database, AlertStore alerts, SuspensionStore suspensions, TimeProvider time)
{
    private const int MaxNotes = 2000;

    public static readonly Refusal Unknown = new(RefusalKind.NotFound, "ALERT_NOT_FOUND", "There is no such alert.", "alert_id");

    private static readonly Refusal IncidentOpen = new(
        RefusalKind.Conflict, "INCIDENT_OPEN", "A newer alert about the same incident is open.", "status", "Review that alert.");

    public async Task<Outcome<ReviewedAlert>> RunAsync(Guid alertId, AlertReview review, Actor by, CancellationToken cancellationToken)
    {
        if (Fault(review) is { } fault)
            return fault;
        review = review with { Notes = review.Notes?.Trim() is { Length: > 0 } notes ? notes : null };
        if (review.Reinstate && await alerts.FindAsync(alertId, cancellationToken) is { SubscriptionId: { } license })
            DatabaseScope.TakeTurnsBy(license);
        try
        {
            return await database.InTransactionAsync(
                (connection, token) => ReviewAsync(connection, alertId, review, by, token), cancellationToken);
        }
        catch (PostgresException same) when (
            same is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "one_open_alert_an_incident" })
        {
            return IncidentOpen;
        }
    }

    private async Task<Outcome<ReviewedAlert>> ReviewAsync(
        NpgsqlConnection connection, Guid alertId, AlertReview review, Actor by, CancellationToken cancellationToken)
    {
        if (await AlertStore.FindAsync(connection, alertId, cancellationToken) is not { } before)
            return Unknown;
        // Lock order: the license before the alert. Any other order can deadlock with a change of the license.
        var isAppealClosed = before.AppealedAt is not null && !AlertStatus.AllOpen.Contains(review.Status);
        if ((review.Reinstate || isAppealClosed) && before.SubscriptionId is { } locked)
            await SuspensionStore.LockAsync(connection, locked, cancellationToken);
        if (before.Status == review.Status && review.Status == AlertStatus.Open)
        {
            // A repeated request changes nothing. Another one would lose its notes.
            return await AlertStore.IsLastReviewAsync(connection, alertId, review.Notes, by, cancellationToken)
                ? new ReviewedAlert(before, [])
                : Impossible(before.Status, review.Status);
        }

        if (before.Status != review.Status && !await AlertStore.MoveAsync(
            connection, alertId, review.Status, AlertStatus.Before(review.Status), review.Notes, by.Id,
            time.GetUtcNow().UtcDateTime, cancellationToken))
            return Impossible(before.Status, review.Status);
        IReadOnlyList<Guid> alsoClosed = [];
        if (review.Reinstate && before.SubscriptionId is { } subscription)
        {
            alsoClosed = (await suspensions.ReinstateAsync(connection, new Reinstatement(
                subscription, SuspensionCause.Liftable, ClosedHow.FalsePositive, by, review.Notes), cancellationToken)).ClosedAlerts;
        }

        if (isAppealClosed && before.SubscriptionId is { } appealed)
            await AlertStore.MailClosedAppealsAsync(connection, alertId, appealed, cancellationToken);
        await AuditLog.AddAsync(connection, new AuditRow(
            by, review.Status == AlertStatus.Open && !AlertStatus.AllOpen.Contains(before.Status) ? "alert.reopened" : "alert.judged",
            before.SubscriptionId, alertId.ToString(), review.Notes, Before: RowJson.Of(new { before.Status }),
            After: RowJson.Of(new { review.Status, review.Reinstate })), cancellationToken);
        return new ReviewedAlert((await AlertStore.FindAsync(connection, alertId, cancellationToken))!, alsoClosed);
    }

    internal static Refusal? Fault(AlertReview review)
    {
        if (AlertStatus.Before(review.Status).Count == 0)
        {
            return new Refusal(
                RefusalKind.Invalid, "INVALID_STATUS", "status must be OPEN, INVESTIGATING, RESOLVED or FALSE_POSITIVE.", "status");
        }

        if (review.Notes is { Length: > MaxNotes })
            return new Refusal(RefusalKind.Invalid, "NOTES_TOO_LONG", $"notes must have at most {MaxNotes} characters.", "notes");
        if (AlertStatus.NeedsReason(review.Status) && string.IsNullOrWhiteSpace(review.Notes))
            return new Refusal(RefusalKind.Invalid, "NOTES_MISSING", "Notes are required, except with INVESTIGATING.", "notes");
        return review.Reinstate && review.Status != AlertStatus.FalsePositive
            ? new Refusal(
                RefusalKind.Invalid, "NOT_FALSE_POSITIVE", "Only FALSE_POSITIVE can reinstate the license.", "reinstate",
                "Use POST …/reinstate.")
            : null;
    }

    private static Refusal Impossible(string from, string to) => new(
        RefusalKind.Conflict, "INVALID_TRANSITION", $"The alert is {from}; it can't become {to}.", "status");
}
