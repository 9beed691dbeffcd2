namespace Licensing.Troubles;

/// <summary>What a mail to operators says about a trouble.</summary>
public enum TroubleNews
{
    Opened,
    Reminder,
    Closed,
}

/// <param name="After">Null if nothing is left to remember.</param>
/// <param name="IsOpened">Whether the trouble is opened by this step.</param>
/// <param name="IsClosed">Whether the trouble is closed by this step.</param>
/// <param name="Mail">Null for no mail.</param>
public sealed record TroubleStep(Trouble? After, bool IsOpened, bool IsClosed, TroubleNews? Mail);

/// <summary>
/// A cause that was seen: first it is only remembered; it is opened if it stays, and closed if it stays away. Operators get a mail when it
/// is opened, at most one a day while it is open, and one when it is closed. Pure.
/// </summary>
/// <param name="Sign">As last seen.</param>
/// <param name="SeenSince">The cause was seen in every run since then. No longer updated once the trouble is opened.</param>
/// <param name="OpenedAt">Null before it is opened.</param>
/// <param name="ToldAt">The last mail about it; null before the first one.</param>
public sealed record Trouble(
    TroubleSign Sign, DateTimeOffset SeenSince, DateTimeOffset LastSeenAt, DateTimeOffset? OpenedAt, DateTimeOffset? ToldAt)
{
    /// <summary>The first mail about such a cause comes from the change itself.</summary>
    public static bool IsToldElsewhere(TroubleCause cause) => cause is TroubleCause.WebhookDisabled or TroubleCause.DisputeUnanswered;

    /// <summary>An operator ends such a cause, or nothing can end it, so no mail says that it is closed.</summary>
    public static bool IsClosedSilently(TroubleCause cause) =>
        IsToldElsewhere(cause) || cause is TroubleCause.DisputeDue or TroubleCause.DisputeMissed;

    /// <summary>What one run changes about a cause.</summary>
    /// <param name="known">Null if the cause was not seen before.</param>
    /// <param name="sign">Null if the cause is not seen now.</param>
    /// <param name="canMail">Whether operators have an address. If not, the first mail follows when they have one.</param>
    public static TroubleStep Next(Trouble? known, TroubleSign? sign, TroublePolicy policy, bool canMail, DateTimeOffset now)
    {
        if (sign is not null)
            return Seen(known, sign, policy, canMail, now);
        if (known?.OpenedAt is null)
            return new TroubleStep(null, false, false, null);
        if (now - known.LastSeenAt < policy.Over)
            return new TroubleStep(known, false, false, null);
        var isTold = canMail && known.ToldAt is not null && !IsClosedSilently(known.Sign.Cause);
        return new TroubleStep(null, false, IsClosed: true, isTold ? TroubleNews.Closed : null);
    }

    private static TroubleStep Seen(Trouble? known, TroubleSign sign, TroublePolicy policy, bool canMail, DateTimeOffset now)
    {
        // No run in between: after a stop of all instances, every timer is late for a moment.
        var isGap = known is { OpenedAt: null } && now - known.LastSeenAt > policy.After;
        var after = known is null || isGap ? new Trouble(sign, now, now, null, null) : known with { Sign = sign, LastSeenAt = now };
        var isOpened = after.OpenedAt is null && now - after.SeenSince >= policy.After;
        if (isOpened)
            after = after with { OpenedAt = now, ToldAt = canMail && IsToldElsewhere(sign.Cause) ? now : null };
        if (after.OpenedAt is null || !canMail || now - after.ToldAt < policy.Reminder)
            return new TroubleStep(after, isOpened, false, null);
        return new TroubleStep(
            after with { ToldAt = now }, isOpened, false, after.ToldAt is null ? TroubleNews.Opened : TroubleNews.Reminder);
    }
}
