using Licensing.Devices;
using Licensing.Renewals;

namespace Licensing.Home;

/// <summary>What a customer has to do about a license; the most urgent comes first.</summary>
public enum CustomerTaskKind
{
    /// <summary>The license is suspended for too many devices, and the customer may lift it.</summary>
    LiftSuspension,

    /// <summary>The license is suspended, and the customer may ask for a review.</summary>
    Appeal,

    /// <summary>The license has expired, its grace has ended, and something can pay its renewal.</summary>
    RenewExpired,

    /// <summary>Only the platform can end the suspension, the pause or the lock.</summary>
    AskPlatform,

    /// <summary>The bank requires a confirmation of the payment.</summary>
    ConfirmPayment,

    /// <summary>The renewal waits for the consent to an increased price.</summary>
    AgreeToPrice,

    /// <summary>The license has expired and works until the end of its grace, and something can pay its renewal.</summary>
    RenewInGrace,

    /// <summary>"Was this you?"</summary>
    AnswerAlert,

    /// <summary>The customer said "it was somebody else", who may have the token.</summary>
    ChangeToken,

    /// <summary>No expert advisor has used the license yet.</summary>
    ConnectEa,

    /// <summary>The card was declined or has expired, or it expires before the renewal.</summary>
    ReplaceCard,

    /// <summary>No card is saved, and the wallet balance is too low.</summary>
    AddPaymentMethod,

    /// <summary>The wallet balance is too low, and another card would not help.</summary>
    AddMoney,

    /// <summary>The license expires soon, and it is not renewed automatically.</summary>
    RenewManually,

    /// <summary>It is not renewed automatically, and no expert advisor has used the license yet, or nothing could pay a renewal.</summary>
    SetUpRenewal,

    /// <summary>
    /// The license ends soon or has ended, and nobody can renew it: the master has no price, an account is closed, or the subscription
    /// has ended.
    /// </summary>
    EndsForGood,

    /// <summary>A device was refused because all slots were taken.</summary>
    DecideDevice,

    /// <summary>An operator answered the appeal, and the suspension stayed. Only what is new can change that.</summary>
    AppealReviewed,

    /// <summary>An operator reviews the appeal: there is nothing to do.</summary>
    AwaitReview,

    /// <summary>The license was revoked before its end: only support can help.</summary>
    AskSupport,
}

/// <summary>What a license can do when the customer reads the task.</summary>
public enum TaskStage
{
    /// <summary>It works.</summary>
    Running,

    /// <summary>It has expired, and works until the end of its grace.</summary>
    InGrace,

    /// <summary>It doesn't work.</summary>
    Ended,
}

/// <param name="Until">When it becomes worse: the end of the grace, or the expiry; null if there is no such time.</param>
/// <param name="AmountUsd">What the next renewal costs; null where no payment is due.</param>
/// <param name="OldAmountUsd">What the last renewal cost; null if it is not known.</param>
/// <param name="Reason">
/// The cause of a suspension, the code of a check, or why the renewal would fail or is not automatic; null for none.
/// </param>
/// <param name="AlertId">The alert to answer, or the one about the refused device.</param>
public sealed record CustomerTask(
    CustomerTaskKind Kind, Guid SubscriptionId, string Master, DateTimeOffset? Until = null, decimal? AmountUsd = null,
    decimal? OldAmountUsd = null, string? Reason = null, Guid? AlertId = null)
{
    public TaskStage Stage { get; init; }
}

/// <param name="CanAppeal">False while an appeal against the suspension is reviewed.</param>
/// <param name="IsAppealReviewed">An operator answered an appeal, and the suspension stayed. Another appeal is possible.</param>
public sealed record TaskSuspension(string Cause, bool CanLift, bool CanAppeal, bool IsAppealReviewed = false);

/// <param name="Until">The license's expiry.</param>
/// <param name="OpensAt">When it can be renewed.</param>
/// <param name="AmountUsd">What the renewal costs, with the open amounts of earlier ones.</param>
/// <param name="HeldBy">
/// Why it is not renewed automatically, apart from the payment: a <see cref="RenewalBlock"/>, auto_renew_off, paid_before,
/// lapsed or payment_disputed; null if it is.
/// </param>
/// <param name="Obstacle">Why its payment would fail; null if it should succeed.</param>
/// <param name="CanPay">Whether something can pay, even if it was declined before.</param>
/// <param name="Status">Null before the renewal is opened.</param>
/// <param name="TakesCards">A payment provider is configured.</param>
public sealed record TaskRenewal(
    DateTimeOffset Until, DateTimeOffset OpensAt, decimal? AmountUsd, decimal? OldAmountUsd, string? HeldBy, string? Obstacle, bool CanPay,
    RenewalStatus? Status, bool TakesCards)
{
    /// <summary>A charge of the license succeeded and is not booked yet: its period may be paid.</summary>
    public bool HasUnbookedCharge { get; init; }

    /// <summary>Only a card could pay, and its printed month is over.</summary>
    public bool IsCardExpired { get; init; }

    /// <summary>Only a card could pay, and the bank has rejected this one permanently.</summary>
    public bool IsCardRejected { get; init; }

    /// <summary>Only another card could pay: this one has expired, or was rejected permanently.</summary>
    public bool NeedsAnotherCard => IsCardExpired || (IsCardRejected && Obstacle is not null);

    /// <summary>Nobody can renew it, not even on request.</summary>
    public bool IsImpossible => Obstacle is PaymentSource.NoActivePrice
        || IsHeldBy(RenewalBlock.AccountClosed, RenewalBlock.MasterClosed, RenewalBlock.SubscriptionInactive);

    /// <summary>It can be renewed after the platform has ended its suspension, pause or lock.</summary>
    public bool WaitsForPlatform => IsHeldBy(RenewalBlock.LicenseSuspended, RenewalBlock.PausedToxic, RenewalBlock.LockedNoFunds);

    private bool IsHeldBy(params ReadOnlySpan<RenewalBlock> blocks)
    {
        foreach (var block in blocks)
            if (EnumWords.Of(block) == HeldBy) return true;
        return false;
    }
}

/// <param name="Code">The code of a check, regardless of devices.</param>
/// <param name="GraceUntil">Null for a license that is not in its grace.</param>
/// <param name="Suspensions">Open ones of this backend.</param>
/// <param name="Renewal">Null for a license that never expires.</param>
/// <param name="QuestionId">An alert that the customer can answer; null for none.</param>
/// <param name="RefusedId">The alert about the device that was refused last; null for none.</param>
public sealed record TaskFacts(
    Guid SubscriptionId, string Master, LicenseCode Code, bool IsSuspended, DateTimeOffset? GraceUntil,
    IReadOnlyList<TaskSuspension> Suspensions, TaskRenewal? Renewal, Guid? QuestionId, Guid? RefusedId)
{
    /// <summary>No expert advisor has used it yet.</summary>
    public bool IsUnused { get; init; }

    /// <summary>
    /// The open alert about which the customer said "it was somebody else", if the token was changed neither after the use nor after the
    /// answer; null for none.
    /// </summary>
    public Guid? DeniedId { get; init; }

    public bool CanTrade => !IsSuspended && Code is LicenseCode.Valid or LicenseCode.Grace;
}

/// <summary>Decides what a customer has to do first. It lists only what can be done.</summary>
public static class CustomerTasks
{
    /// <summary>A license that isn't renewed automatically is a task from this long before its expiry.</summary>
    public static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(7);

    /// <summary>A payment that would fail is a task from this long before the expiry.</summary>
    public static readonly TimeSpan PaymentHorizon = TimeSpan.FromDays(30);

    /// <returns>The tasks of all licenses, the most urgent first.</returns>
    public static IReadOnlyList<CustomerTask> Of(IEnumerable<TaskFacts> licenses, DateTimeOffset now) =>
    [
        .. licenses.SelectMany(license => Of(license, now))
            .OrderBy(Urgency)
            .ThenBy(task => task.Until ?? DateTimeOffset.MaxValue)
            .ThenBy(task => task.Master, StringComparer.Ordinal),
    ];

    // A payment that keeps a license from working is as urgent as its renewal.
    private static CustomerTaskKind Urgency(CustomerTask task) => task switch
    {
        { Kind: not (CustomerTaskKind.AddPaymentMethod or CustomerTaskKind.AddMoney or CustomerTaskKind.ReplaceCard) } => task.Kind,
        { Stage: TaskStage.Ended } => CustomerTaskKind.RenewExpired,
        { Stage: TaskStage.InGrace } => CustomerTaskKind.RenewInGrace,
        _ => task.Kind,
    };

    private static IEnumerable<CustomerTask> Of(TaskFacts license, DateTimeOffset now)
    {
        var suspension = OfSuspension(license);
        if ((suspension ?? OfRenewal(license, now)) is { } task)
            yield return task;
        // No answer and no choice of devices makes it work again.
        if (license.Code is LicenseCode.Revoked)
            yield break;
        if (license is { IsUnused: true, CanTrade: true })
            yield return new CustomerTask(CustomerTaskKind.ConnectEa, license.SubscriptionId, license.Master);
        if (license.QuestionId is { } question)
            yield return new CustomerTask(CustomerTaskKind.AnswerAlert, license.SubscriptionId, license.Master, AlertId: question);
        if (license.DeniedId is { } denied)
            yield return new CustomerTask(CustomerTaskKind.ChangeToken, license.SubscriptionId, license.Master, AlertId: denied);
        // The suspension comes first: the same refusal may be its cause, and its page names the device.
        if (suspension is null && license.RefusedId is { } refused)
            yield return new CustomerTask(CustomerTaskKind.DecideDevice, license.SubscriptionId, license.Master, AlertId: refused);
    }

    private static bool IsExpired(TaskFacts license) =>
        license.Code is LicenseCode.Expired || license.Suspensions.Any(one => one.Cause == SuspensionCause.Expiry);

    /// <summary>For a license that can't trade now, and that a renewal would not help.</summary>
    private static CustomerTask? OfSuspension(TaskFacts license)
    {
        CustomerTask Task(CustomerTaskKind kind, string? reason) =>
            new(kind, license.SubscriptionId, license.Master, Reason: reason) { Stage = TaskStage.Ended };

        var liftable = license.Suspensions.Where(one => one.Cause != SuspensionCause.Expiry).ToList();
        if (liftable.Find(one => one.CanLift) is { } own)
            return Task(CustomerTaskKind.LiftSuspension, own.Cause);
        if (liftable.Find(one => one is { CanAppeal: true, IsAppealReviewed: false }) is { } open)
            return Task(CustomerTaskKind.Appeal, open.Cause);
        if (liftable.Find(one => !one.IsAppealReviewed) is { } waiting)
            return Task(CustomerTaskKind.AwaitReview, waiting.Cause);
        if (liftable is [var first, ..])
            return Task(CustomerTaskKind.AppealReviewed, first.Cause);
        return !IsExpired(license) && (license.IsSuspended
            || license.Code is LicenseCode.Inactive or LicenseCode.LockedNoFunds or LicenseCode.PausedToxic or LicenseCode.Suspended)
            ? Task(CustomerTaskKind.AskPlatform, EnumWords.UpperOf(license.Code))
            : null;
    }

    private static CustomerTask? OfRenewal(TaskFacts license, DateTimeOffset now)
    {
        var stage = IsExpired(license) ? TaskStage.Ended
            : license.Code is LicenseCode.Grace ? TaskStage.InGrace
            : TaskStage.Running;
        CustomerTask Task(CustomerTaskKind kind, string? reason = null) =>
            new(kind, license.SubscriptionId, license.Master, Reason: reason) { Stage = stage };

        if (license.Code is LicenseCode.Revoked)
        {
            // After the expiry, no paid time is left, so there is nothing to ask support for.
            return license.Renewal is null || license.Renewal.Until > now
                ? Task(CustomerTaskKind.AskSupport, EnumWords.UpperOf(license.Code)) with
                {
                    Until = license.Renewal?.Until,
                    Stage = TaskStage.Ended,
                }
                : null;
        }

        if (license.Renewal is not { } renewal)
            return null;
        return OfPayment(license, renewal, stage, now) is { } kind
            ? Task(kind, ReasonOf(kind, renewal)) with
            {
                Until = stage is TaskStage.Ended ? null : license.GraceUntil ?? renewal.Until,
                AmountUsd = renewal.AmountUsd,
                OldAmountUsd = renewal.OldAmountUsd,
            }
            : null;
    }

    private static string? ReasonOf(CustomerTaskKind kind, TaskRenewal renewal) => kind switch
    {
        CustomerTaskKind.RenewManually or CustomerTaskKind.AskPlatform => renewal.HeldBy,
        CustomerTaskKind.ReplaceCard when renewal.IsCardExpired => "expired_card",
        CustomerTaskKind.EndsForGood => renewal.Obstacle is PaymentSource.NoActivePrice ? renewal.Obstacle : renewal.HeldBy,
        _ => renewal.Obstacle,
    };

    private static CustomerTaskKind? OfPayment(TaskFacts license, TaskRenewal renewal, TaskStage stage, DateTimeOffset now)
    {
        var isRunning = stage is TaskStage.Running;
        // The payment may have succeeded: the outcome comes by itself, or an operator decides it.
        if (renewal.HasUnbookedCharge || renewal.Status?.IsChargeOpen() is true)
            return null;
        if (renewal.Status is RenewalStatus.NeedsAuthentication)
            return CustomerTaskKind.ConfirmPayment;
        if (isRunning && renewal.Until - now > (renewal.HeldBy is null && !renewal.IsImpossible ? PaymentHorizon : ExpiresSoon))
        {
            // After the first use, auto-renewal that is off counts as the customer's decision, unless nothing could pay a renewal.
            return (license.IsUnused || !renewal.CanPay) && renewal is { HeldBy: RenewalForecast.AutoRenewOff, IsImpossible: false }
                ? CustomerTaskKind.SetUpRenewal
                : null;
        }

        if (renewal.IsImpossible)
            return CustomerTaskKind.EndsForGood;
        if (renewal.WaitsForPlatform)
            return CustomerTaskKind.AskPlatform;
        if (renewal.Obstacle is PaymentSource.PriceConsent)
            return !isRunning || renewal.OpensAt <= now ? CustomerTaskKind.AgreeToPrice : null;
        if (!renewal.CanPay)
            return renewal is { Obstacle: PaymentSource.NoPaymentMethod, TakesCards: true }
                ? CustomerTaskKind.AddPaymentMethod
                : CustomerTaskKind.AddMoney;
        return stage switch
        {
            TaskStage.Ended or TaskStage.InGrace when renewal.NeedsAnotherCard => CustomerTaskKind.ReplaceCard,
            TaskStage.Ended => CustomerTaskKind.RenewExpired,
            TaskStage.InGrace => CustomerTaskKind.RenewInGrace,
            _ when renewal.HeldBy is not null => renewal.OpensAt <= now ? CustomerTaskKind.RenewManually : null,
            _ => renewal.Obstacle is null ? null : CustomerTaskKind.ReplaceCard,
        };
    }
}
