using System.Text.Json;
using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Health;
using Licensing.Renewals;

namespace LicenseFunctions.Health;

/// <summary>Shows the current health score of a license with its contributions.</summary>
public sealed class ShowHealth(HealthStore store, ScoreLicenses score)
{
    public async Task<Outcome<HealthReply>> RunAsync(Caller caller, Guid subscriptionId, CancellationToken cancellationToken)
    {
        if (!await store.IsVisibleAsync(subscriptionId, caller.SubscriberScope, cancellationToken)
            || await score.ScoreAsync([subscriptionId], cancellationToken) is not [var scored])
        {
            return LicenseNotFound.Refusal;
        }

        var details = await store.DetailsAsync(subscriptionId, cancellationToken);
        var facts = scored.Row.Facts;
        return new HealthReply(
            subscriptionId,
            details.Master,
            EnumWords.UpperOf(scored.Status),
            EnumWords.UpperOf(facts.Code),
            scored.Report.Score,
            EnumWords.UpperOf(HealthGrades.Of(scored.Report.Score)),
            facts.ExpiresAt is { } expiry ? RenewalWarnings.DaysLeft(expiry, facts.Now) : null,
            facts.ExpiresAt,
            facts.DevicesUsed,
            facts.MaxDevices,
            details.Activities,
            [.. scored.Report.Recommendations.Select(contribution => contribution.Recommendation!).Distinct()],
            [.. scored.Report.Contributions.Select(contribution => Describe(subscriptionId, contribution))],
            new UsageReply(
                details.Usage.SignalsReceived24h, details.Usage.SignalsExecuted24h, details.Usage.SignalsRejected24h,
                details.Usage.AvgLatencyMs, facts.LastUsedAt),
            details.Trend,
            [.. details.Changes.Select(change =>
                ChangeReply.Of(change.Day, change.From, change.To, Reasons(change.Gained), Reasons(change.Lost)))],
            facts.Now);
    }

    private static ContributionReply Describe(Guid subscriptionId, HealthContribution contribution) => new(
        contribution.Part, contribution.Points, contribution.Reason, contribution.Action, contribution.Recommendation,
        Link(subscriptionId, contribution.Action), contribution.Code, contribution.Values);

    // The page where the action is done; null if it is done elsewhere.
    private static string? Link(Guid subscriptionId, HealthAction action) => action switch
    {
        HealthAction.Renew or HealthAction.TurnOnAutoRenewal => $"/app/licenses/{subscriptionId}/renewals",
        HealthAction.AddPaymentMethod or HealthAction.ReplaceCard => "/app/payment-methods",
        HealthAction.LiftSuspension or HealthAction.Appeal => $"/app/licenses/{subscriptionId}/suspension",
        HealthAction.RemoveDevice or HealthAction.KeepDevices => $"/app/licenses/{subscriptionId}/devices",
        HealthAction.AnswerAlert => $"/app/licenses/{subscriptionId}/activity",
        _ => null,
    };

    private static ReasonReply[] Reasons(string contributions) =>
        JsonSerializer.Deserialize<ReasonReply[]>(contributions, RowJson.Options)!;
}

/// <param name="Master">The part of the master's address before the @, which names the license.</param>
/// <param name="Code">The code of a check, regardless of devices.</param>
/// <param name="HealthGrade">GOOD, FAIR or POOR.</param>
/// <param name="DaysUntilExpiry">By the calendar (UTC): 0 is today, -1 yesterday; null for a license that never expires.</param>
public sealed record HealthReply(
    Guid SubscriptionId,
    string Master,
    string Status,
    string Code,
    int HealthScore,
    string HealthGrade,
    int? DaysUntilExpiry,
    DateTimeOffset? ExpiresAt,
    int UniqueDevices,
    int MaxDevices,
    IReadOnlyList<string> SuspiciousActivities,
    IReadOnlyList<string> Recommendations,
    IReadOnlyList<ContributionReply> Contributions,
    UsageReply Usage,
    IReadOnlyList<DailyScore> Trend,
    IReadOnlyList<ChangeReply> Changes,
    DateTimeOffset ScoredAt);

/// <param name="Code">The reason as a code, and its values, for other languages.</param>
public sealed record ContributionReply(
    HealthPart Part, int Points, string Reason, HealthAction Action, string? Recommendation, string? Link, HealthReason Code,
    HealthValues Values);

public sealed record UsageReply(
    [property: JsonPropertyName("signals_received_24h")] long SignalsReceived24h,
    [property: JsonPropertyName("signals_executed_24h")] long SignalsExecuted24h,
    [property: JsonPropertyName("signals_rejected_24h")] long SignalsRejected24h,
    int? AvgLatencyMs,
    DateTimeOffset? LastActivity);

/// <param name="Code">The reason as a code, and its values, for other languages; null if an earlier version recorded it.</param>
public sealed record ReasonReply(string Reason, string? Code, JsonElement? Values);

/// <param name="Came">The reasons that were new, as sentences.</param>
/// <param name="CameBecause">The same with their codes.</param>
public sealed record ChangeReply(
    string Day, int? From, int To, IReadOnlyList<string> Came, IReadOnlyList<string> Went, IReadOnlyList<ReasonReply> CameBecause,
    IReadOnlyList<ReasonReply> WentBecause)
{
    public static ChangeReply Of(string day, int? from, int to, IReadOnlyList<ReasonReply> came, IReadOnlyList<ReasonReply> went) =>
        new(day, from, to, [.. came.Select(one => one.Reason)], [.. went.Select(one => one.Reason)], came, went);
}
