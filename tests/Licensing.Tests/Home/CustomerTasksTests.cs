using Licensing.Devices;
using Licensing.Home;
using Xunit;

namespace Licensing.Tests.Home;

public sealed class CustomerTasksTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Grace = Now.AddDays(2);
    private static readonly TaskFacts Fine = new(Guid.Empty, "m", LicenseCode.Valid, false, null, [], Due(days: 20), null, null);
    private static readonly Guid Alert = new(1, 0, 0, new byte[8]);

    private static TaskRenewal Due(
        double days, string? obstacle = null, bool auto = true, bool authenticates = false, bool cards = true) =>
        new(Now.AddDays(days), Now.AddDays(days - 7), auto, 39.5m, 29.5m, obstacle, authenticates, cards);

    private static TaskFacts Suspended(string cause, bool canLift = false, bool canAppeal = false) =>
        Fine with { Code = LicenseCode.Suspended, IsSuspended = true, Suspensions = [new(cause, canLift, canAppeal)] };

    public static TheoryData<string, TaskFacts, CustomerTaskKind?> Cases => new()
    {
        { "nothing to do", Fine, null },
        { "never expires", Fine with { Renewal = null }, null },
        { "may be lifted", Suspended("DEVICE_LIMIT", canLift: true, canAppeal: true), CustomerTaskKind.LiftSuspension },
        { "was lifted in the last 30 days", Suspended("DEVICE_LIMIT", canAppeal: true), CustomerTaskKind.Appeal },
        { "appealed", Suspended("DETECTOR"), CustomerTaskKind.AwaitReview },
        { "suspended for its expiry", Suspended("EXPIRY"), CustomerTaskKind.RenewExpired },
        { "expired", Fine with { Code = LicenseCode.Expired }, CustomerTaskKind.RenewExpired },
        { "suspended by the platform", Fine with { Code = LicenseCode.Suspended, IsSuspended = true }, CustomerTaskKind.AskPlatform },
        { "locked", Fine with { Code = LicenseCode.LockedNoFunds }, CustomerTaskKind.AskPlatform },
        { "revoked", Fine with { Code = LicenseCode.Revoked }, null },
        { "the bank asks", Fine with { Renewal = Due(1, "requires_action", authenticates: true) }, CustomerTaskKind.ConfirmPayment },
        { "the price rose", Fine with { Renewal = Due(7, "price_consent") }, CustomerTaskKind.AgreeToPrice },
        { "the price rose, too early", Fine with { Renewal = Due(7.1, "price_consent") }, null },
        {
            "in grace with a new price", Fine with { Code = LicenseCode.Grace, GraceUntil = Grace, Renewal = Due(-1, "price_consent") },
            CustomerTaskKind.AgreeToPrice
        },
        {
            "in grace", Fine with { Code = LicenseCode.Grace, GraceUntil = Grace, Renewal = Due(-1, "no_payment_method") },
            CustomerTaskKind.RenewInGrace
        },
        { "nothing pays", Fine with { Renewal = Due(30, "no_payment_method") }, CustomerTaskKind.AddPaymentMethod },
        { "nothing pays, too early", Fine with { Renewal = Due(30.1, "no_payment_method") }, null },
        { "nothing pays, without cards", Fine with { Renewal = Due(30, "no_payment_method", cards: false) }, CustomerTaskKind.AddMoney },
        { "too small for any card", Fine with { Renewal = Due(3, "amount_too_small") }, CustomerTaskKind.AddMoney },
        { "a method of another provider", Fine with { Renewal = Due(3, "unknown_payment_provider") }, CustomerTaskKind.AddMoney },
        { "the card expires", Fine with { Renewal = Due(20, "card_expires") }, CustomerTaskKind.ReplaceCard },
        { "declined", Fine with { Renewal = Due(3, "insufficient_funds") }, CustomerTaskKind.ReplaceCard },
        { "not the customer's to solve", Fine with { Renewal = Due(3, "no_active_price") }, null },
        { "held", Fine with { Renewal = Due(3, "license_suspended") }, null },
        { "manual", Fine with { Renewal = Due(7, "auto_renew_off", auto: false) }, CustomerTaskKind.RenewManually },
        { "manual, too early", Fine with { Renewal = Due(7.1, "auto_renew_off", auto: false) }, null },
        { "a question", Fine with { QuestionId = Alert }, CustomerTaskKind.AnswerAlert },
        { "a refused device", Fine with { RefusedId = Alert }, CustomerTaskKind.DecideDevice },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Of_OneLicense_HasTheTaskOfItsState(string name, TaskFacts license, CustomerTaskKind? expected)
    {
        Assert.NotEmpty(name);
        Assert.Equal(expected is { } kind ? [kind] : [], CustomerTasks.Of([license], Now).Select(task => task.Kind));
    }

    [Fact]
    public void Of_SeveralLicenses_PutsTheMostUrgentFirst()
    {
        var tasks = CustomerTasks.Of(
        [
            Fine with { Master = "manual", Renewal = Due(5, auto: false), RefusedId = Alert },
            Fine with { Master = "later", Renewal = Due(4, "price_consent"), QuestionId = Alert },
            Fine with { Master = "sooner", Renewal = Due(3, "price_consent") },
            Suspended("DEVICE_LIMIT", canLift: true) with { Master = "suspended" },
        ], Now);

        Assert.Equal(
            [
                "LiftSuspension suspended", "AgreeToPrice sooner", "AgreeToPrice later", "AnswerAlert later", "RenewManually manual",
                "DecideDevice manual",
            ],
            tasks.Select(task => $"{task.Kind} {task.Master}"));
        Assert.Equal((39.5m, 29.5m, Now.AddDays(3)), (tasks[1].AmountUsd, tasks[1].OldAmountUsd, tasks[1].Until));
    }
}
