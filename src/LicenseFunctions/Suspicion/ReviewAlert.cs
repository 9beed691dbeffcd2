using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <param name="Status">INVESTIGATING, RESOLVED or FALSE_POSITIVE; OPEN takes one of these back.</param>
/// <param name="Notes">Up to 2,000 characters; required except with INVESTIGATING.</param>
/// <param name="Reinstate">Only with FALSE_POSITIVE: reinstates the license and sends the customer a mail.</param>
/// <param name="Answer">
/// To the customer, up to 2,000 characters. Only with RESOLVED or FALSE_POSITIVE, for an alert with an appeal, if the license stays
/// suspended. The customer gets a mail also without an answer.
/// </param>
public sealed record AlertReview(string Status, string? Notes = null, bool Reinstate = false, string? Answer = null);

/// <param name="AlsoClosed">Other alerts about the suspensions that the review lifted: it closed them, too.</param>
public sealed record ReviewedAlert(AlertRow Alert, IReadOnlyList<Guid> AlsoClosed);

/// <summary>An operator's review of an alert. The next scan applies it to the detector's state, like a review by SQL.</summary>
public sealed class ReviewAlert(LicenseDatabase database, AlertStore alerts, SuspensionStore suspensions, TimeProvider time)
{
    private const int MaxNotes = 2000;

    /// <summary>How long the mail about an answer can be taken back.</summary>
    private static readonly TimeSpan UndoDelay = TimeSpan.FromMinutes(1);

    public static readonly Refusal Unknown = new(RefusalKind.NotFound, "ALERT_NOT_FOUND", "There is no such alert.", "alert_id");

    private static readonly Refusal NoAppeal = new(
        RefusalKind.Conflict, "NO_APPEAL", "The alert has no appeal against an open suspension, so nobody would read the answer.", "answer",
        "Leave the answer out.");

    private static readonly Refusal IncidentOpen = new(
        RefusalKind.Conflict, "INCIDENT_OPEN", "A newer alert about the same incident is open.", "status", "Review that alert.");

    public async Task<Outcome<ReviewedAlert>> RunAsync(Guid alertId, AlertReview review, Actor by, CancellationToken cancellationToken)
    {
        if (Fault(review) is { } fault)
            return fault;
        review = review with
        {
            Notes = review.Notes?.Trim() is { Length: > 0 } notes ? notes : null,
            Answer = review.Answer?.Trim() is { Length: > 0 } answer ? answer : null,
        };
        if (LocksLicense(review) && await alerts.FindAsync(alertId, cancellationToken) is { SubscriptionId: { } license })
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
        if (LocksLicense(review) && before.SubscriptionId is { } locked)
        {
            await SuspensionStore.LockAsync(connection, locked, cancellationToken);
            before = (await AlertStore.FindAsync(connection, alertId, cancellationToken))!;
        }

        if (before.Status == review.Status && review.Status == AlertStatus.Open)
        {
            // A repeated request changes nothing. Another one would lose its notes.
            return await AlertStore.IsLastReviewAsync(connection, alertId, review.Notes, by, cancellationToken)
                ? new ReviewedAlert(before, [])
                : Impossible(before.Status, review.Status);
        }

        if (review.Answer is { } answer && before.Status == review.Status)
        {
            return await AlertStore.WasAnsweredAsync(connection, alertId, answer, cancellationToken)
                ? new ReviewedAlert(before, [])
                : Impossible(before.Status, review.Status);
        }

        if (review.Answer is not null && !before.HasOpenAppeal)
            return NoAppeal;
        var now = time.GetUtcNow().UtcDateTime;
        if (before.Status != review.Status && !await AlertStore.MoveAsync(
            connection, alertId, review.Status, AlertStatus.Before(review.Status), review.Notes, by.Id, now, cancellationToken))
            return Impossible(before.Status, review.Status);
        IReadOnlyList<Guid> alsoClosed = [];
        if (review.Reinstate && before.SubscriptionId is { } subscription)
        {
            alsoClosed = (await suspensions.ReinstateAsync(connection, new Reinstatement(
                subscription, SuspensionCause.Liftable, ClosedHow.FalsePositive, by, review.Notes), cancellationToken)).ClosedAlerts;
            // A repeated request lifts nothing, and its reply still names what an undo must reopen.
            if (before.Status == review.Status && alsoClosed.Count == 0)
                alsoClosed = await AlertStore.ClosedWithAsync(connection, alertId, subscription, review.Notes, by, cancellationToken);
        }

        // After a reinstatement, no appeal is left to answer.
        if (IsClosing(review.Status) && before.Status != review.Status)
            await AnswerAsync(connection, alertId, review.Answer, cancellationToken);
        else if (review.Status == AlertStatus.Open && IsClosing(before.Status))
            await EmailOutbox.RemoveUnsentAsync(connection, [await KeyAsync(connection, alertId, cancellationToken)], cancellationToken);
        await AuditLog.AddAsync(connection, new AuditRow(
            by, review.Status == AlertStatus.Open && IsClosing(before.Status) ? "alert.reopened" : "alert.judged",
            before.SubscriptionId, alertId.ToString(), review.Notes, Before: RowJson.Of(new { before.Status }),
            After: RowJson.Of(new { review.Status, review.Reinstate, IsAnswered = review.Answer is not null })), cancellationToken);
        return new ReviewedAlert((await AlertStore.FindAsync(connection, alertId, cancellationToken))!, alsoClosed);
    }

    private static bool IsClosing(string status) => !AlertStatus.AllOpen.Contains(status);

    /// <summary>
    /// Whether the review locks the license. An appeal that is sent during the review then waits, so that its alert is not closed before it
    /// is read.
    /// </summary>
    private static bool LocksLicense(AlertReview review) => review.Reinstate || IsClosing(review.Status);

    private static async Task AnswerAsync(NpgsqlConnection connection, Guid alertId, string? answer, CancellationToken cancellationToken)
    {
        foreach (var appeal in await AlertStore.AnswerAppealsAsync(connection, alertId, answer, cancellationToken))
        {
            await EmailOutbox.AddAsync(
                connection,
                [
                    new OutboxMail(
                        await KeyAsync(connection, alertId, cancellationToken), "appeal_answered", appeal.SubscriberId,
                        new { appeal.SubscriptionId, appeal.SuspensionId, appeal.Cause, answer })
                    {
                        Delay = UndoDelay,
                    },
                ],
                cancellationToken);
        }
    }

    /// <summary>The key of the mail about an answer. A reopened alert can be closed with another answer, which is another mail.</summary>
    private static async Task<string> KeyAsync(NpgsqlConnection connection, Guid alertId, CancellationToken cancellationToken)
    {
        var reopenings = await AlertStore.ReopeningsAsync(connection, alertId, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"appeal_answered:{alertId}:{reopenings}");
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
        if (review.Answer is { Length: > MaxNotes })
            return new Refusal(RefusalKind.Invalid, "ANSWER_TOO_LONG", $"answer must have at most {MaxNotes} characters.", "answer");
        if (review.Answer is { Length: > 0 } && (review.Reinstate || !IsClosing(review.Status)))
        {
            return new Refusal(
                RefusalKind.Invalid, "ANSWER_NOT_SENT", "answer is sent only when the alert is closed and the license stays suspended.",
                "answer", "Leave the answer out.");
        }

        return review.Reinstate && review.Status != AlertStatus.FalsePositive
            ? new Refusal(
                RefusalKind.Invalid, "NOT_FALSE_POSITIVE", "Only FALSE_POSITIVE can reinstate the license.", "reinstate",
                "Use POST …/reinstate.")
            : null;
    }

    private static Refusal Impossible(string from, string to) => new(
        RefusalKind.Conflict, "INVALID_TRANSITION", $"The alert is {from}; it can't become {to}.", "status");
}
