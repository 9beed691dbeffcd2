namespace Licensing.Troubles;

/// <summary>From when on something is a trouble, and how often operators are notified.</summary>
public sealed record TroublePolicy
{
    /// <summary>Automatic renewals of this period are counted, up to now.</summary>
    public static readonly TimeSpan RenewalWindow = TimeSpan.FromHours(6);

    /// <summary>Mails and calls that were given up within this period are counted, up to now.</summary>
    public static readonly TimeSpan DeadWindow = TimeSpan.FromDays(1);

    /// <summary>A dispute without evidence is due when its deadline is this near; inclusive.</summary>
    public static readonly TimeSpan DisputeDue = TimeSpan.FromDays(3);

    /// <summary>How long a missed deadline is a trouble: once, because nothing more can be sent.</summary>
    public static readonly TimeSpan DisputeMissed = TimeSpan.FromHours(20);

    /// <summary>A timer is late after so many of its longest intervals, and <see cref="TimerLate"/>.</summary>
    public const int MissedIntervals = 3;

    /// <summary>Share of failed licenses among those whose automatic renewal was tried, in percent; exclusive.</summary>
    public int RenewalFailurePercent { get; init; } = 50;

    /// <summary>With fewer licenses, a failure of one bank would already be a trouble.</summary>
    public int RenewalsAtLeast { get; init; } = 5;

    public TimeSpan TimerLate { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Dead letters in the quarantine, or in the broker's queue; inclusive.</summary>
    public int DeadLetters { get; init; } = 1;

    /// <summary>Mails, or calls of the alert webhook, that were given up; inclusive.</summary>
    public int DeadMessages { get; init; } = 1;

    /// <summary>How long a cause must be seen until it is opened.</summary>
    public TimeSpan After { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an open cause must not be seen until it is closed, so that one that comes and goes is one trouble.</summary>
    public TimeSpan Over { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The time between two mails about an open cause.</summary>
    public TimeSpan Reminder { get; init; } = TimeSpan.FromDays(1);
}
