using Licensing.Devices;

namespace Licensing.Health;

/// <summary>When a license is scored again although none of its facts change.</summary>
public static class HealthDue
{
    /// <summary>The longest time between two scores. A change that marks no license as due is noticed within this time.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan[] BeforeExpiry =
        [HealthScore.PaymentHorizon, LicenseStatuses.PendingBefore, TimeSpan.FromDays(3), TimeSpan.Zero];

    private static readonly TimeSpan[] Silences =
        [TimeSpan.FromDays(1), TimeSpan.FromDays(3), TimeSpan.FromDays(7), TimeSpan.FromDays(14)];

    /// <returns>
    /// The next time at which the score changes although no fact changes, or an earlier time. It is from one minute to
    /// <see cref="Longest"/> after now.
    /// </returns>
    /// <param name="graceEnds">When the grace of an expired license ends; null if it isn't in grace.</param>
    public static DateTimeOffset After(HealthFacts facts, DateTimeOffset? graceEnds)
    {
        var silence = HealthScore.Silence(facts);
        // If the market closes before then, the silence reaches its next step only later.
        var moments = Silences.Where(step => step > silence).Select(step => facts.Now + (step - silence))
            .Concat(BeforeExpiry.Where(_ => facts.ExpiresAt is not null).Select(before => facts.ExpiresAt!.Value - before))
            .Append(graceEnds ?? DateTimeOffset.MaxValue)
            .Where(moment => moment > facts.Now)
            .Append(facts.Now + Longest);
        var next = moments.Min();
        return next < facts.Now + Shortest ? facts.Now + Shortest : next;
    }
}
