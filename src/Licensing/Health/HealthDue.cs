using Licensing.Devices;

namespace Licensing.Health;

/// <summary>When a license is to be judged again although nothing happens to it.</summary>
public static class HealthDue
{
    /// <summary>The longest time between two judgements; what carries no mark of a change is seen within it.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan[] BeforeExpiry =
        [HealthScore.PaymentHorizon, LicenseStatuses.PendingBefore, TimeSpan.FromDays(3), TimeSpan.Zero];

    private static readonly TimeSpan[] Silences =
        [TimeSpan.FromDays(1), TimeSpan.FromDays(3), TimeSpan.FromDays(7), TimeSpan.FromDays(14)];

    /// <returns>
    /// Not later than the next moment at which time alone changes the score, a minute after now at the earliest, and
    /// <see cref="Longest"/> at the latest.
    /// </returns>
    /// <param name="graceEnds">When an expired license's grace ends; null where it isn't in grace.</param>
    public static DateTimeOffset After(HealthFacts facts, DateTimeOffset? graceEnds)
    {
        var silence = HealthScore.Silence(facts);
        // A market that closes meanwhile only makes the silence's next step later.
        var moments = Silences.Where(step => step > silence).Select(step => facts.Now + (step - silence))
            .Concat(BeforeExpiry.Where(_ => facts.ExpiresAt is not null).Select(before => facts.ExpiresAt!.Value - before))
            .Append(graceEnds ?? DateTimeOffset.MaxValue)
            .Where(moment => moment > facts.Now)
            .Append(facts.Now + Longest);
        var next = moments.Min();
        return next < facts.Now + Shortest ? facts.Now + Shortest : next;
    }
}
