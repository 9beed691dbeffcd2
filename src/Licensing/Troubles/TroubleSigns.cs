namespace Licensing.Troubles;

public enum TroubleCause
{
    /// <summary>Too many automatic renewals fail.</summary>
    RenewalsFailing,

    /// <summary>A timer has not succeeded for three of its intervals. The subject is its name.</summary>
    TimerLate,

    /// <summary>The broker dead-lettered usage messages, which are in the quarantine now.</summary>
    DeadLetters,

    /// <summary>Dead letters stay in the broker's queue: they don't reach the quarantine.</summary>
    DeadLettersNotDrained,

    /// <summary>Mails were given up.</summary>
    MailsDead,

    /// <summary>Calls of the alert webhook were given up.</summary>
    WebhookCallsDead,

    /// <summary>An endpoint was disabled after its failures. The subject is its ID.</summary>
    WebhookDisabled,

    /// <summary>A dispute has no evidence yet, and its deadline is far or not known. The subject is its ID, as in the next two.</summary>
    DisputeUnanswered,

    /// <summary>A dispute has no evidence yet, and its deadline is near.</summary>
    DisputeDue,

    /// <summary>The deadline of a dispute passed without evidence.</summary>
    DisputeMissed,
}

/// <param name="SucceededAt">Its last success; when it became known if there was none.</param>
/// <param name="Interval">The longest time between two of its slots.</param>
public sealed record TimerFact(string Name, DateTimeOffset SucceededAt, TimeSpan Interval)
{
    /// <returns>When it should have succeeded again; null if it is not late.</returns>
    public DateTimeOffset? LateSince(TroublePolicy policy, DateTimeOffset now) =>
        SucceededAt + Interval * TroublePolicy.MissedIntervals + policy.TimerLate < now ? SucceededAt + Interval : null;
}

/// <param name="Host">The host of its URL.</param>
public sealed record DisabledEndpoint(Guid EndpointId, string Host, DateTimeOffset DisabledAt);

/// <param name="ProviderId">The provider's ID of the dispute.</param>
/// <param name="EvidenceDueAt">Null if the provider has not said it.</param>
public sealed record UnansweredDispute(
    Guid DisputeId, string ProviderId, Guid? SubscriptionId, DateTimeOffset ChangedAt, DateTimeOffset? EvidenceDueAt);

/// <summary>What is known about the backend now.</summary>
/// <param name="RenewalsFailed">Licenses whose automatic renewal failed within the window, and did not succeed after that.</param>
/// <param name="RenewalsPaid">Licenses whose automatic renewal succeeded within the window.</param>
public sealed record TroubleFacts(
    int RenewalsFailed, int RenewalsPaid, IReadOnlyList<TimerFact> Timers, int DeadLetters, int DeadMails, int DeadCalls,
    IReadOnlyList<DisabledEndpoint> Endpoints, IReadOnlyList<UnansweredDispute> Disputes)
{
    /// <summary>Dead letters in the broker's queue; 0 without a Service Bus, null if unknown.</summary>
    public long? DeadLettersInQueue { get; init; } = 0;

    /// <summary>Whether the facts say if the cause is there. If not, a trouble that is known stays as it is.</summary>
    public bool AreKnownOf(TroubleCause cause) => cause != TroubleCause.DeadLettersNotDrained || DeadLettersInQueue is not null;
}

/// <summary>A cause that is there now.</summary>
/// <param name="Subject">What the cause is about; empty if there is one of its kind only.</param>
public sealed record TroubleSign(TroubleCause Cause, string Subject = "")
{
    /// <summary>How many of <see cref="Total"/>.</summary>
    public int? Count { get; init; }

    public int? Total { get; init; }
    public DateTimeOffset? Since { get; init; }
    public DateTimeOffset? Deadline { get; init; }
    public Guid? SubscriptionId { get; init; }

    /// <summary>A readable name of the subject, if its ID is not readable.</summary>
    public string? Name { get; init; }
}

/// <summary>Finds the causes of trouble in the facts. Pure.</summary>
public static class TroubleSigns
{
    public static IEnumerable<TroubleSign> Find(TroubleFacts facts, TroublePolicy policy, DateTimeOffset now)
    {
        var tried = facts.RenewalsFailed + facts.RenewalsPaid;
        if (tried >= policy.RenewalsAtLeast && facts.RenewalsFailed * 100L > tried * (long)policy.RenewalFailurePercent)
            yield return new TroubleSign(TroubleCause.RenewalsFailing) { Count = facts.RenewalsFailed, Total = tried };
        foreach (var timer in facts.Timers)
        {
            if (timer.LateSince(policy, now) is not null)
                yield return new TroubleSign(TroubleCause.TimerLate, timer.Name) { Since = timer.SucceededAt };
        }

        if (facts.DeadLetters >= policy.DeadLetters)
            yield return new TroubleSign(TroubleCause.DeadLetters) { Count = facts.DeadLetters };
        if (facts.DeadLettersInQueue is { } inQueue && inQueue >= policy.DeadLetters)
            yield return new TroubleSign(TroubleCause.DeadLettersNotDrained) { Count = (int)Math.Min(inQueue, int.MaxValue) };
        if (facts.DeadMails >= policy.DeadMessages)
            yield return new TroubleSign(TroubleCause.MailsDead) { Count = facts.DeadMails };
        if (facts.DeadCalls >= policy.DeadMessages)
            yield return new TroubleSign(TroubleCause.WebhookCallsDead) { Count = facts.DeadCalls };
        foreach (var endpoint in facts.Endpoints)
        {
            yield return new TroubleSign(TroubleCause.WebhookDisabled, endpoint.EndpointId.ToString())
            {
                Since = endpoint.DisabledAt,
                Name = endpoint.Host,
            };
        }

        foreach (var dispute in facts.Disputes)
        {
            yield return new TroubleSign(CauseOf(dispute, now), dispute.DisputeId.ToString())
            {
                Since = dispute.ChangedAt,
                Deadline = dispute.EvidenceDueAt,
                SubscriptionId = dispute.SubscriptionId,
                Name = dispute.ProviderId,
            };
        }
    }

    private static TroubleCause CauseOf(UnansweredDispute dispute, DateTimeOffset now) =>
        dispute.EvidenceDueAt is not { } due ? TroubleCause.DisputeUnanswered
        : due <= now ? TroubleCause.DisputeMissed
        : due - now <= TroublePolicy.DisputeDue ? TroubleCause.DisputeDue
        : TroubleCause.DisputeUnanswered;
}
