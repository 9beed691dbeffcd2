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

    /// <summary>The license has expired, and its grace has ended.</summary>
    RenewExpired,

    /// <summary>Only the platform can end the suspension.</summary>
    AskPlatform,

    /// <summary>The bank requires a confirmation of the payment.</summary>
    ConfirmPayment,

    /// <summary>The renewal waits for the consent to an increased price.</summary>
    AgreeToPrice,

    /// <summary>The license has expired and works until the end of its grace.</summary>
    RenewInGrace,

    /// <summary>"Was this you?"</summary>
    AnswerAlert,

    /// <summary>The card was declined, or it expires before the renewal.</summary>
    ReplaceCard,

    /// <summary>No card is saved, and the wallet balance is too low.</summary>
    AddPaymentMethod,

    /// <summary>The wallet balance is too low, and another card would not help.</summary>
    AddMoney,

    /// <summary>The license expires soon, and auto-renewal is off.</summary>
    RenewManually,

    /// <summary>A device was refused because all slots were taken.</summary>
    DecideDevice,

    /// <summary>An operator reviews the appeal: there is nothing to do.</summary>
    AwaitReview,
}

/// <param name="Until">When it becomes worse: the end of the grace, or the expiry; null if there is no such time.</param>
/// <param name="AmountUsd">What the next renewal costs; null where no payment is due.</param>
/// <param name="OldAmountUsd">What the last renewal cost; null if it is not known.</param>
/// <param name="Reason">The cause of a suspension, the code of a check, or why the renewal would fail; null for none.</param>
/// <param name="AlertId">The alert to answer, or the one about the refused device.</param>
public sealed record CustomerTask(
    CustomerTaskKind Kind, Guid SubscriptionId, string Master, DateTimeOffset? Until = null, decimal? AmountUsd = null,
    decimal? OldAmountUsd = null, string? Reason = null, Guid? AlertId = null);

/// <param name="CanAppeal">False if the suspension already has an appeal.</param>
public sealed record TaskSuspension(string Cause, bool CanLift, bool CanAppeal);

/// <param name="Until">The license's expiry.</param>
/// <param name="OpensAt">When it can be renewed.</param>
/// <param name="AmountUsd">What the renewal costs, with what earlier ones left open.</param>
/// <param name="Obstacle">Why the renewal would fail; null if it should succeed.</param>
/// <param name="TakesCards">A payment provider is configured.</param>
public sealed record TaskRenewal(
    DateTimeOffset Until, DateTimeOffset OpensAt, bool AutoRenew, decimal? AmountUsd, decimal? OldAmountUsd, string? Obstacle,
    bool NeedsAuthentication, bool TakesCards);

/// <param name="Code">The code of a check, regardless of devices.</param>
/// <param name="GraceUntil">Null for a license that is not in its grace.</param>
/// <param name="Suspensions">Open ones of this backend.</param>
/// <param name="Renewal">Null for a license that never expires.</param>
/// <param name="QuestionId">An alert that the customer can answer; null for none.</param>
/// <param name="RefusedId">The alert about the device that was refused last; null for none.</param>
public sealed record TaskFacts(
    Guid SubscriptionId, string Master, LicenseCode Code, bool IsSuspended, DateTimeOffset? GraceUntil,
    IReadOnlyList<TaskSuspension> Suspensions, TaskRenewal? Renewal, Guid? QuestionId, Guid? RefusedId);

/// <summary>Decides what a customer has to do first.</summary>
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
            .OrderBy(task => task.Kind)
            .ThenBy(task => task.Until ?? DateTimeOffset.MaxValue)
            .ThenBy(task => task.Master, StringComparer.Ordinal),
    ];

    private static IEnumerable<CustomerTask> Of(TaskFacts license, DateTimeOffset now)
    {
        if (OfState(license) is { } state)
            yield return state;
        else if (license.Renewal is { } renewal && OfRenewal(license, renewal, now) is { } due)
            yield return due;
        if (license.QuestionId is { } question)
            yield return new CustomerTask(CustomerTaskKind.AnswerAlert, license.SubscriptionId, license.Master, AlertId: question);
        if (license.RefusedId is { } refused)
            yield return new CustomerTask(CustomerTaskKind.DecideDevice, license.SubscriptionId, license.Master, AlertId: refused);
    }

    /// <summary>For a license that can't trade now.</summary>
    private static CustomerTask? OfState(TaskFacts license)
    {
        CustomerTask Task(CustomerTaskKind kind, string? reason) =>
            new(kind, license.SubscriptionId, license.Master, Reason: reason);

        var liftable = license.Suspensions.Where(one => one.Cause != SuspensionCause.Expiry).ToList();
        if (liftable.Find(one => one.CanLift) is { } own)
            return Task(CustomerTaskKind.LiftSuspension, own.Cause);
        if (liftable.Find(one => one.CanAppeal) is { } open)
            return Task(CustomerTaskKind.Appeal, open.Cause);
        if (liftable is [var first, ..])
            return Task(CustomerTaskKind.AwaitReview, first.Cause);
        if (license.Suspensions.Count > 0 || license.Code is LicenseCode.Expired)
            return Task(CustomerTaskKind.RenewExpired, null) with { AmountUsd = license.Renewal?.AmountUsd };
        return license.IsSuspended
            || license.Code is LicenseCode.Inactive or LicenseCode.LockedNoFunds or LicenseCode.PausedToxic or LicenseCode.Suspended
            ? Task(CustomerTaskKind.AskPlatform, EnumWords.UpperOf(license.Code))
            : null;
    }

    private static CustomerTask? OfRenewal(TaskFacts license, TaskRenewal renewal, DateTimeOffset now)
    {
        CustomerTask Task(CustomerTaskKind kind, DateTimeOffset until) => new(
            kind, license.SubscriptionId, license.Master, until, renewal.AmountUsd, renewal.OldAmountUsd, renewal.Obstacle);

        if (license.Code is not (LicenseCode.Valid or LicenseCode.Grace))
            return null;
        var end = license.GraceUntil ?? renewal.Until;
        if (renewal.NeedsAuthentication)
            return Task(CustomerTaskKind.ConfirmPayment, end);
        if (renewal.Obstacle == PaymentSource.PriceConsent && renewal.OpensAt <= now)
            return Task(CustomerTaskKind.AgreeToPrice, end);
        if (license.GraceUntil is { } grace)
            return Task(CustomerTaskKind.RenewInGrace, grace);
        if (!renewal.AutoRenew)
            return renewal.Until - now <= ExpiresSoon ? Task(CustomerTaskKind.RenewManually, renewal.Until) : null;
        return renewal.Until - now <= PaymentHorizon && OfObstacle(renewal) is { } kind ? Task(kind, renewal.Until) : null;
    }

    private static CustomerTaskKind? OfObstacle(TaskRenewal renewal) => renewal.Obstacle switch
    {
        PaymentSource.NoPaymentMethod when renewal.TakesCards => CustomerTaskKind.AddPaymentMethod,
        PaymentSource.NoPaymentMethod or PaymentSource.UnknownProvider or PaymentSource.AmountTooSmall => CustomerTaskKind.AddMoney,
        // Nothing that the customer can change before the renewal.
        null or PaymentSource.NoActivePrice or PaymentSource.PriceConsent or PaymentSource.PaymentDisputed or PaymentSource.TooManyAttempts
            or RenewalForecast.PaidBefore or RenewalForecast.AutoRenewOff => null,
        _ when Enum.GetValues<RenewalBlock>().Any(block => EnumWords.Of(block) == renewal.Obstacle) => null,
        _ => CustomerTaskKind.ReplaceCard,
    };
}
