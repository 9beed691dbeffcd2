namespace Licensing.Renewals;

/// <summary>What the refunds and disputes of a renewal have changed so far.</summary>
/// <param name="Share">The part of the period that was taken back: 0 for nothing, 1 for everything that was left.</param>
/// <param name="Taken">How much earlier the license expires.</param>
/// <param name="StoppedAutoRenewal">Auto-renewal was on and was switched off, for this renewal or for another one as well.</param>
/// <param name="RefundedMinor">Refunded, in minor units; booked in the ledger.</param>
/// <param name="ChargedBackMinor">Lost by disputes, in minor units; booked in the ledger.</param>
public sealed record ReversalEffect(
    decimal Share, TimeSpan Taken, bool StoppedAutoRenewal, long RefundedMinor, long ChargedBackMinor)
{
    /// <summary>Auto-renewal was switched on or off by request after it was stopped. That stays, even if the dispute is won.</summary>
    public bool IsSwitchedSince { get; init; }

    public static readonly ReversalEffect None = new(0, TimeSpan.Zero, false, 0, 0);
}

/// <summary>Everything that a decision about a renewal's refunds and disputes needs, read together.</summary>
/// <param name="Renewal">The renewal.</param>
/// <param name="ExpiresAt">The license's expiry now; null for never.</param>
/// <param name="AutoRenew">Whether auto-renewal is on now.</param>
/// <param name="IsLatestPaid">No later time of the license is paid, whichever expiry it was paid for.</param>
/// <param name="Kept">All its refunds and disputes.</param>
/// <param name="Effect">What they changed so far.</param>
public sealed record ReversalFacts(
    Renewal Renewal, DateTimeOffset? ExpiresAt, bool AutoRenew, bool IsLatestPaid, IReadOnlyList<KeptReversal> Kept, ReversalEffect Effect)
{
    /// <summary>Another renewal of the license has switched auto-renewal off, and has not given it back.</summary>
    public bool IsStoppedByAnother { get; init; }

    /// <summary>The refunds that operators requested and the provider didn't refuse, the oldest first.</summary>
    public IReadOnlyList<RefundChoice> Choices { get; init; } = [];

    /// <summary>The license has no token, so that neither its expiry nor its auto-renewal can be changed.</summary>
    public bool IsGone { get; init; }
}

/// <summary>What refunds and disputes change: everything is committed in one transaction.</summary>
/// <param name="Effect">All changes, with this one.</param>
/// <param name="PaidUntil">End of the paid period.</param>
public sealed record ReversalChange(ReversalEffect Effect, DateTimeOffset PaidUntil)
{
    /// <summary>The license's new expiry; null if it stays.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Switches auto-renewal on or off; null if it stays.</summary>
    public bool? AutoRenew { get; init; }

    /// <summary>Refunded since the last change, in minor units; negative if a refund failed.</summary>
    public long RefundedMinor { get; init; }

    /// <summary>Lost by disputes since the last change, in minor units; negative if a lost dispute was won.</summary>
    public long ChargedBackMinor { get; init; }

    /// <summary>Only the money is booked. The rest is applied when the license has a token again.</summary>
    public bool WaitsForToken { get; init; }

    /// <summary>A mail to the customer.</summary>
    public RenewalNotice? Notice { get; init; }

    /// <summary>Actions of audit rows, with their reasons.</summary>
    public IReadOnlyList<(string Action, string? Reason)> Audits { get; init; } = [];
}

/// <summary>
/// What refunds and disputes do to a paid period. They come in any order, repeatedly, and before the charge's success; so the effect is
/// computed from all of them, and only the difference to what was done before is changed.
/// </summary>
public static class Reversals
{
    /// <summary>
    /// A full refund and a lost dispute of the full amount end the period. A partial refund shortens nothing. A lost dispute of a part
    /// takes that part of the period, counted from its end. An operator may choose what a refund does to the period. What was taken is
    /// given back if a refund fails or a dispute is won after all.
    /// </summary>
    /// <param name="facts">The renewal with its refunds and disputes.</param>
    /// <param name="grace">How long after expiry a license is valid.</param>
    /// <param name="now">The present time.</param>
    /// <returns>
    /// Null while the renewal isn't paid by card: the refunds and disputes are kept until it is. A payment from the wallet has only refunds
    /// that operators requested.
    /// </returns>
    public static ReversalChange? Apply(ReversalFacts facts, TimeSpan grace, DateTimeOffset now)
    {
        if (facts.Renewal is not
            { Status: RenewalStatus.Applied, PaidFrom: { } from, PaidUntil: { } until, ChargedMinor: > 0, PaidWith: var with })
            return null;
        if (with is not PaidWith.Card && !(with is PaidWith.Wallet && facts.Choices.Count > 0)) return null;

        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)); // PostgreSQL's precision
        var before = facts.Effect;
        var (refunded, lost) = Booked(facts);
        var share = Share(facts, refunded + lost);
        var mustStop = Lost(facts) > 0 || (share >= 1 && (facts.IsLatestPaid || before.StoppedAutoRenewal));
        var waits = facts.IsGone && (share != before.Share || mustStop != before.StoppedAutoRenewal);
        var change = new ReversalChange(before with { Share = share, RefundedMinor = refunded, ChargedBackMinor = lost }, until)
        {
            RefundedMinor = refunded - before.RefundedMinor,
            ChargedBackMinor = lost - before.ChargedBackMinor,
            Audits = [.. Audits(facts, isAll: refunded + lost >= facts.Renewal.ChargedMinor, refunded, withDisputes: !waits)],
            WaitsForToken = waits,
        };
        if (waits)
        {
            change = change with { Effect = before with { RefundedMinor = refunded, ChargedBackMinor = lost } };
            return change with { Notice = Notice(facts, change, until) };
        }

        if (share > before.Share) change = Take(facts, change, from, until, now);
        if (share < before.Share) change = GiveBack(facts, change, until, grace, now);
        var hasNewReason = facts.Kept.Any(
                one => one is { Reversal: { Kind: ReversalKind.Dispute, State: ReversalState.Lost }, Applied: not ReversalState.Lost })
            || (share >= 1 && before.Share < 1 && facts.IsLatestPaid);
        change = SwitchAutoRenewal(facts, change, mustStop, hasNewReason);
        return change with { Notice = Notice(facts, change, until) };
    }

    // A provider may report the same money twice: as a refund and as a dispute that was lost. No more goes back than was charged. What is
    // booked already stays, so that the later report books nothing.
    private static (long Refunded, long Lost) Booked(ReversalFacts facts)
    {
        var refunded = Refunded(facts);
        var total = Math.Min(facts.Renewal.ChargedMinor, refunded + ChargedBack(facts));
        var lost = Math.Min(Math.Min(Lost(facts), total), Math.Max(total - refunded, facts.Effect.ChargedBackMinor));
        return (total - lost, lost);
    }

    /// <summary>Refunded in all. Each of the provider's two reports may be missing or late, so the larger one counts.</summary>
    internal static long Refunded(ReversalFacts facts)
    {
        // A refund that failed later is still contained in the total.
        var total = facts.Kept.Select(one => one.Reversal).Where(one => one.Kind is ReversalKind.RefundTotal)
            .Select(all => all.AmountMinor - OfKind(facts, ReversalKind.Refund)
                .Where(one => one.State is ReversalState.Failed && one.ChangedAt >= all.ChangedAt).Sum(one => one.AmountMinor))
            .Sum();
        return Math.Max(Single(facts), total);
    }

    /// <summary>Requested refunds that the provider has not reported yet, neither singly nor in the total.</summary>
    internal static long Outstanding(ReversalFacts facts) =>
        facts.Choices.Where(choice => choice.ProviderId is null).Sum(choice => choice.AmountMinor)
        - Counted(facts).Where(counted => counted.Choice.ProviderId is null).Sum(counted => counted.Choice.AmountMinor);

    // The provider makes the refund with the decision. A later one is other money.
    private static readonly TimeSpan LatestCausedRefund = TimeSpan.FromHours(12);

    /// <summary>Lost by disputes, without the refunds that they caused: those are reported as refunds, too.</summary>
    internal static long ChargedBack(ReversalFacts facts)
    {
        var losses = Losses(facts).ToList();
        var lost = losses.Select(one => one.Dispute).OfType<PaymentReversal>().Where(one => one.State is ReversalState.Lost).ToList();
        // The provider refuses other refunds during a dispute.
        var caused = OfKind(facts, ReversalKind.Refund)
            .Where(one => one.State is not ReversalState.Failed && !facts.Choices.Any(choice => choice.ProviderId == one.ProviderId))
            .ToLookup(refund => Cause(lost.Where(dispute => dispute.OpenedAt is not null), refund), refund => refund.AmountMinor);
        return losses.Sum(one => Math.Max(0, one.AmountMinor - (one.Dispute is null ? 0 : caused[one.Dispute].Sum())));
    }

    private static long Lost(ReversalFacts facts) => Losses(facts).Sum(one => one.AmountMinor);

    // What each dispute cost. The provider reports what it took back for a dispute in addition to the lost dispute, or instead of it, so
    // the larger one counts; if the dispute is won later, this loss is removed. What was taken back without a dispute is other money.
    private static IEnumerable<(PaymentReversal? Dispute, long AmountMinor)> Losses(ReversalFacts facts)
    {
        var all = OfKind(facts, ReversalKind.Dispute).ToList();
        var disputes = all.FindAll(one => !one.IsTakenBack);
        var takenBack = all.Where(one => one is { IsTakenBack: true, State: ReversalState.Lost }).ToLookup(one => Cause(disputes, one));
        yield return (null, takenBack[null].Sum(one => one.AmountMinor));
        foreach (var dispute in disputes)
        {
            var taken = takenBack[dispute]
                .Where(one => dispute.State is not ReversalState.Won || one.ChangedAt > dispute.ChangedAt).Sum(one => one.AmountMinor);
            yield return (dispute, Math.Max(taken, dispute.State is ReversalState.Lost ? dispute.AmountMinor : 0));
        }
    }

    // The dispute that was open when the money went back, or was decided shortly before. If there are several, one with the same amount. A
    // dispute of the same amount may also follow what was taken back. Null if there is none.
    private static PaymentReversal? Cause(IEnumerable<PaymentReversal> disputes, PaymentReversal moved)
    {
        bool IsDuring(PaymentReversal dispute) => !(moved.ChangedAt < dispute.OpenedAt)
            && (dispute.State is ReversalState.Open || moved.ChangedAt <= dispute.ChangedAt + LatestCausedRefund);
        bool IsSameAmount(PaymentReversal dispute) => dispute.AmountMinor == moved.AmountMinor;
        return disputes.Where(one => IsDuring(one) || (moved.IsTakenBack && IsSameAmount(one)))
            .OrderByDescending(IsSameAmount).ThenByDescending(IsDuring).ThenBy(one => one.OpenedAt).FirstOrDefault();
    }

    private static long Single(ReversalFacts facts) =>
        OfKind(facts, ReversalKind.Refund).Where(one => one.State is not ReversalState.Failed).Sum(one => one.AmountMinor);

    private static IEnumerable<PaymentReversal> OfKind(ReversalFacts facts, ReversalKind kind) =>
        facts.Kept.Select(one => one.Reversal).Where(one => one.Kind == kind);

    // Choices whose refund is made and didn't fail. The total may be reported before the refund itself: then the oldest choice that
    // explains it counts.
    private static IEnumerable<(RefundChoice Choice, bool IsNew)> Counted(ReversalFacts facts)
    {
        var unexplained = Refunded(facts) - Single(facts);
        foreach (var choice in facts.Choices)
        {
            var report = facts.Kept.FirstOrDefault(
                one => one.Reversal.Kind is ReversalKind.Refund && one.Reversal.ProviderId == choice.ProviderId);
            if (report is not null)
            {
                if (report.Reversal.State is not ReversalState.Failed) yield return (choice, report.Applied is null);
            }
            else if (choice.AmountMinor <= unexplained)
            {
                unexplained -= choice.AmountMinor;
                yield return (choice, true);
            }
        }
    }

    // Everything that went back ends the period, except what was refunded although the customer keeps the time.
    private static decimal Share(ReversalFacts facts, long gone)
    {
        var chosen = Counted(facts).Select(counted => counted.Choice).ToLookup(choice => choice.Period, choice => choice.AmountMinor);
        if (chosen[RefundPeriod.End].Any()) return 1;
        var charged = facts.Renewal.ChargedMinor;
        var taken = gone >= charged ? charged - chosen[RefundPeriod.Keep].Sum() : Lost(facts) + chosen[RefundPeriod.Shorten].Sum();
        return Math.Clamp((decimal)taken / charged, 0, 1);
    }

    // The platform may have moved the expiry, or a later period was paid. Then as much time is taken as the period has left.
    private static ReversalChange Take(
        ReversalFacts facts, ReversalChange change, DateTimeOffset from, DateTimeOffset until, DateTimeOffset now)
    {
        // At least one second after its start: an expiry identifies a period, and the start identifies this one already.
        var earliest = RenewalPolicy.Later(now, from + TimeSpan.FromSeconds(1));
        var whole = until + facts.Effect.Taken - from;
        var endsAt = RenewalPolicy.Later(from + Part(whole, 1 - change.Effect.Share), earliest);
        if (endsAt >= until) return change;
        var ended = change with { PaidUntil = endsAt };
        if (facts.ExpiresAt is not { } expiry || expiry <= earliest) return ended;

        var moved = RenewalPolicy.Later(expiry - (until - endsAt), earliest);
        return ended with
        {
            ExpiresAt = moved,
            Effect = ended.Effect with { Taken = ended.Effect.Taken + (expiry - moved) },
        };
    }

    // The time starts where it ended if the license was still valid, because of the grace; otherwise it starts now.
    private static ReversalChange GiveBack(
        ReversalFacts facts, ReversalChange change, DateTimeOffset until, TimeSpan grace, DateTimeOffset now)
    {
        var before = facts.Effect;
        var time = change.Effect.Share <= 0 ? before.Taken : Part(before.Taken, (before.Share - change.Effect.Share) / before.Share);
        if (time <= TimeSpan.Zero || facts.ExpiresAt is not { } expiry) return change;

        var restored = (now < expiry + grace ? expiry : now) + time;
        return change with
        {
            ExpiresAt = restored,
            PaidUntil = !facts.IsLatestPaid ? until : expiry == until ? restored : until + time,
            Effect = change.Effect with { Taken = before.Taken - time },
        };
    }

    // After a lost dispute, the customer is not charged automatically, even if another dispute of the license is won. If the customer has
    // switched auto-renewal on or off since, that stays until another dispute is lost, or the whole payment has gone back.
    private static ReversalChange SwitchAutoRenewal(ReversalFacts facts, ReversalChange change, bool mustStop, bool hasNewReason) =>
        (mustStop, facts.Effect.StoppedAutoRenewal) switch
        {
            (true, _) when hasNewReason && (facts.AutoRenew || facts.IsStoppedByAnother) => change with
            {
                AutoRenew = facts.AutoRenew ? false : null,
                Effect = change.Effect with { StoppedAutoRenewal = true, IsSwitchedSince = false },
            },
            (false, true) => change with
            {
                AutoRenew = facts.IsStoppedByAnother || facts.Effect.IsSwitchedSince ? null : true,
                Effect = change.Effect with { StoppedAutoRenewal = false, IsSwitchedSince = false },
            },
            _ => change,
        };

    private static RenewalNotice? Notice(ReversalFacts facts, ReversalChange change, DateTimeOffset until)
    {
        // The customer gets a mail about every refund by an operator, even if the license stays as it is.
        if (change.RefundedMinor > 0 && Counted(facts).LastOrDefault(counted => counted.IsNew).Choice is { } refund)
        {
            return new RenewalNotice("refunded", $"refunded:{refund.RefundId}", EnumWords.Of(refund.Period))
            {
                PaidWith = facts.Renewal.PaidWith,
            };
        }

        if (change is { ExpiresAt: null, AutoRenew: null } && change.PaidUntil == until)
            return HasChosenFailed(facts) ? new RenewalNotice("refund_failed", $"refund_failed:{IdOfMail(facts)}") : null;
        var id = IdOfMail(facts);
        if (change.Effect.Share < facts.Effect.Share || change.AutoRenew is true)
        {
            // The money of a license without a token was booked before.
            var hasFailed = change.RefundedMinor < 0 || facts.Kept.Any(
                one => one is { Reversal: { Kind: ReversalKind.Refund, State: ReversalState.Failed }, Applied: { } applied }
                    && applied is not ReversalState.Failed);
            var why = hasFailed ? "refund_failed" : "dispute_won";
            return new RenewalNotice("period_restored", $"period_restored:{id}", why);
        }

        return new RenewalNotice(
            "period_ended", $"period_ended:{id}",
            !IsLost(facts, change) ? "refunded" : change.Effect.Share >= 1 ? "dispute_lost" : "dispute_lost_in_part");
    }

    private static string IdOfMail(ReversalFacts facts) =>
        $"{facts.Renewal.RenewalId}:{facts.Kept.Max(one => one.Reversal.ChangedAt):yyyyMMddHHmmss}";

    // The customer got a mail that announced this refund, because an operator chose its effect.
    private static bool HasChosenFailed(ReversalFacts facts) => facts.Kept.Any(
        one => one is { Reversal: { Kind: ReversalKind.Refund, State: ReversalState.Failed }, Applied: not (null or ReversalState.Failed) }
            && facts.Choices.Any(choice => choice.ProviderId == one.Reversal.ProviderId));

    private static bool IsLost(ReversalFacts facts, ReversalChange change) => change.ChargedBackMinor > 0
        || (change.RefundedMinor == 0 && facts.Kept.Any(
            one => one.Reversal is { Kind: ReversalKind.Dispute, State: ReversalState.Lost } && one.Applied is not ReversalState.Lost));

    private static IEnumerable<(string, string?)> Audits(ReversalFacts facts, bool isAll, long refunded, bool withDisputes)
    {
        var of = $"{refunded} of {facts.Renewal.ChargedMinor}";
        if (refunded > facts.Effect.RefundedMinor) yield return (isAll ? "renewal.refunded" : "renewal.refunded_in_part", of);
        if (refunded < facts.Effect.RefundedMinor) yield return ("renewal.refund_failed", of);
        foreach (var (dispute, applied) in facts.Kept)
        {
            if (!withDisputes || dispute.Kind is not ReversalKind.Dispute || dispute.State == applied) continue;
            var action = dispute.State switch
            {
                ReversalState.Open => "renewal.disputed",
                ReversalState.Lost => "renewal.dispute_lost",
                _ => "renewal.dispute_won",
            };
            yield return (action, $"{dispute.ProviderId} {dispute.AmountMinor} {dispute.Reason}".TrimEnd());
        }
    }

    private static TimeSpan Part(TimeSpan whole, decimal part) =>
        TimeSpan.FromSeconds(decimal.ToInt64(decimal.Truncate((decimal)whole.TotalSeconds * part)));
}
