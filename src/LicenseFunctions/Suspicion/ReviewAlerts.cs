using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Suspicion;

/// <summary>One decision about several alerts.</summary>
/// <param name="AlertIds">1 to 100.</param>
/// <param name="Status">INVESTIGATING, RESOLVED or FALSE_POSITIVE; OPEN takes one of these back.</param>
/// <param name="Notes">Up to 2,000 characters; required except with INVESTIGATING.</param>
/// <param name="Reinstate">Only with FALSE_POSITIVE: reinstates the licenses and sends the customers mails.</param>
/// <param name="Answer">To each customer, as <see cref="AlertReview.Answer"/>.</param>
public sealed record AlertReviews(
    IReadOnlyList<Guid> AlertIds, string Status, string? Notes = null, bool Reinstate = false, string? Answer = null);

/// <param name="Code">Null if the alert was reviewed; else why it wasn't.</param>
public sealed record AlertReviewResult(Guid AlertId, string? Code, string? Detail, string? Hint)
{
    /// <summary>Other alerts about the suspensions that the review lifted: it closed them, too.</summary>
    public IReadOnlyList<Guid> AlsoClosed { get; init; } = [];
}

/// <param name="Results">In the order of the request, each alert once.</param>
public sealed record AlertReviewResults(IReadOnlyList<AlertReviewResult> Results);

/// <summary>Reviews several alerts, each in its own transaction: one that can't be reviewed doesn't affect the others.</summary>
public sealed class ReviewAlerts(ReviewAlert review, ILogger<ReviewAlerts> log)
{
    private const int Most = 100;

    private static readonly Refusal Invalid = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"alert_ids must have 1 to {Most} ids.", "alert_ids");

    public async Task<Outcome<AlertReviewResults>> RunAsync(AlertReviews order, Actor by, CancellationToken cancellationToken)
    {
        if (order.AlertIds.Count is 0 or > Most)
            return Invalid;
        var decision = new AlertReview(order.Status, order.Notes, order.Reinstate, order.Answer);
        if (ReviewAlert.Fault(decision) is { } fault)
            return fault;
        var results = new List<AlertReviewResult>();
        foreach (var alertId in order.AlertIds.Distinct())
            results.Add(await ReviewAsync(alertId, decision, by, cancellationToken));
        return new AlertReviewResults(results);
    }

    private async Task<AlertReviewResult> ReviewAsync(Guid alertId, AlertReview decision, Actor by, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await review.RunAsync(alertId, decision, by, cancellationToken);
            return outcome.Refusal is { } refusal
                ? new AlertReviewResult(alertId, refusal.Code, refusal.Detail, refusal.Hint)
                : new AlertReviewResult(alertId, null, null, null) { AlsoClosed = outcome.Value.AlsoClosed };
        }
#pragma warning disable CA1031 // One alert must not stop the others; the operator sees the failure and can try it again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "Alert {AlertId} could not be reviewed", alertId);
            return new AlertReviewResult(alertId, "INTERNAL_ERROR", "This alert could not be reviewed.", "Try it again.");
        }
    }
}
