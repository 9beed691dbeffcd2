using Licensing.Devices;
using Licensing.Home;
using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests.Home;

public sealed class CustomerTasksTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly TaskFacts Fine = new(Guid.Empty, "m", LicenseCode.Valid, false, null, [], Due(20), null, null);
    private static readonly Guid Alert = new(1, 0, 0, new byte[8]);

    private static TaskRenewal Due(
        double days, string? obstacle = null, string? heldBy = null, bool canPay = true, RenewalStatus? status = null,
        bool cards = true) =>
        new(Now.AddDays(days), Now.AddDays(days - 7), 39.5m, 29.5m, heldBy, obstacle, canPay, status, cards);

    /// <summary>A license that works for 20 or 5 more days, that is in its grace, or that has ended.</summary>
    private static TaskFacts InState(string state, TaskRenewal renewal) => state switch
    {
        "20 days" => Fine with { Renewal = At(renewal, 20) },
        "5 days" => Fine with { Renewal = At(renewal, 5) },
        "grace" => Fine with { Code = LicenseCode.Grace, GraceUntil = Now.AddDays(2), Renewal = At(renewal, -1) },
        "expired" => Fine with { Code = LicenseCode.Expired, Renewal = At(renewal, -9) },
        "expired, suspended for it" => Fine with
        {
            Code = LicenseCode.Expired,
            IsSuspended = true,
            Suspensions = [new(SuspensionCause.Expiry, CanLift: false, CanAppeal: false)],
            Renewal = At(renewal, -9),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(state)),
    };

    private static TaskRenewal At(TaskRenewal renewal, double days) =>
        renewal with { Until = Now.AddDays(days), OpensAt = Now.AddDays(days - 7) };

    private static TaskRenewal Renewed(double days, string renewal) => At(Renewals[renewal], days);

    private static readonly Dictionary<string, TaskRenewal> Renewals = new()
    {
        ["paid automatically"] = Due(0),
        ["free"] = Due(0) with { AmountUsd = 0 },
        ["declined"] = Due(0, "insufficient_funds", status: RenewalStatus.SoftDeclined),
        ["the card expires"] = Due(0, RenewalForecast.CardExpires),
        ["the card has expired"] = Due(0, RenewalForecast.CardExpires) with { IsCardExpired = true },
        ["the bank rejects the card"] = Due(0, "stolen_card", status: RenewalStatus.HardDeclined) with { IsCardRejected = true },
        ["the bank rejected the card, lapsed"] = Due(0, "stolen_card", status: RenewalStatus.Lapsed) with { IsCardRejected = true },
        ["nothing pays"] = Due(0, PaymentSource.NoPaymentMethod, canPay: false),
        ["nothing pays, no provider"] = Due(0, PaymentSource.NoPaymentMethod, canPay: false, cards: false),
        ["a method of another provider"] = Due(0, PaymentSource.UnknownProvider, canPay: false),
        ["too small for a card"] = Due(0, PaymentSource.AmountTooSmall, canPay: false),
        ["no price"] = Due(0, PaymentSource.NoActivePrice, canPay: false),
        ["a new price"] = Due(0, PaymentSource.PriceConsent),
        ["off"] = Due(0, heldBy: RenewalForecast.AutoRenewOff),
        ["off, declined"] = Due(0, "insufficient_funds", RenewalForecast.AutoRenewOff),
        ["off, nothing pays"] = Due(0, PaymentSource.NoPaymentMethod, RenewalForecast.AutoRenewOff, canPay: false),
        ["off, empty wallet"] = Due(0, PaymentSource.NoPaymentMethod, RenewalForecast.AutoRenewOff, canPay: false, cards: false),
        ["off, no price"] = Due(0, PaymentSource.NoActivePrice, RenewalForecast.AutoRenewOff, canPay: false),
        ["off, a new price"] = Due(0, PaymentSource.PriceConsent, RenewalForecast.AutoRenewOff),
        ["the master left"] = Due(0, heldBy: "master_closed"),
        ["the account is closed"] = Due(0, heldBy: "account_closed"),
        ["the subscription has ended"] = Due(0, heldBy: "subscription_inactive"),
        ["suspended by the platform"] = Due(0, heldBy: "license_suspended"),
        ["paused"] = Due(0, heldBy: "paused_toxic"),
        ["locked"] = Due(0, PaymentSource.NoPaymentMethod, "locked_no_funds", canPay: false),
        ["paid before"] = Due(0, heldBy: RenewalForecast.PaidBefore),
        ["lapsed after a refund"] = Due(0, heldBy: RenewalForecast.Lapsed, status: RenewalStatus.Lapsed),
        ["disputed"] = Due(0, heldBy: PaymentSource.PaymentDisputed),
        ["the bank asks"] = Due(0, "requires_action", status: RenewalStatus.NeedsAuthentication),
        ["being charged"] = Due(0, status: RenewalStatus.Charging),
        ["unknown"] = Due(0, status: RenewalStatus.Unknown),
        ["undecided"] = Due(0, status: RenewalStatus.Undecided),
        ["being booked"] = Due(0, status: RenewalStatus.Succeeded),
        ["paid, not booked"] = Due(0, PaymentSource.NoPaymentMethod, canPay: false) with { HasUnbookedCharge = true },
        ["paid after a decline, not booked"] = Due(0, "insufficient_funds", status: RenewalStatus.SoftDeclined) with
        {
            HasUnbookedCharge = true,
        },
    };

    // A task for 20 days, 5 days, in the grace, and after the end; "-" for none.
    private const string Expected = """
        paid automatically           | -                | -                | RenewInGrace     | RenewExpired
        free                         | -                | -                | RenewInGrace     | RenewExpired
        declined                     | ReplaceCard      | ReplaceCard      | RenewInGrace     | RenewExpired
        the card expires             | ReplaceCard      | ReplaceCard      | RenewInGrace     | RenewExpired
        the card has expired         | ReplaceCard      | ReplaceCard      | ReplaceCard      | ReplaceCard
        the bank rejects the card    | ReplaceCard      | ReplaceCard      | ReplaceCard      | ReplaceCard
        the bank rejected the card, lapsed | ReplaceCard | ReplaceCard     | ReplaceCard      | ReplaceCard
        nothing pays                 | AddPaymentMethod | AddPaymentMethod | AddPaymentMethod | AddPaymentMethod
        nothing pays, no provider    | AddMoney         | AddMoney         | AddMoney         | AddMoney
        a method of another provider | AddMoney         | AddMoney         | AddMoney         | AddMoney
        too small for a card         | AddMoney         | AddMoney         | AddMoney         | AddMoney
        no price                     | -                | EndsForGood      | EndsForGood      | EndsForGood
        a new price                  | -                | AgreeToPrice     | AgreeToPrice     | AgreeToPrice
        off                          | -                | RenewManually    | RenewInGrace     | RenewExpired
        off, declined                | -                | RenewManually    | RenewInGrace     | RenewExpired
        off, nothing pays            | SetUpRenewal     | AddPaymentMethod | AddPaymentMethod | AddPaymentMethod
        off, empty wallet            | SetUpRenewal     | AddMoney         | AddMoney         | AddMoney
        off, no price                | -                | EndsForGood      | EndsForGood      | EndsForGood
        off, a new price             | -                | AgreeToPrice     | AgreeToPrice     | AgreeToPrice
        the master left              | -                | EndsForGood      | EndsForGood      | EndsForGood
        the account is closed        | -                | EndsForGood      | EndsForGood      | EndsForGood
        the subscription has ended   | -                | EndsForGood      | EndsForGood      | EndsForGood
        suspended by the platform    | -                | AskPlatform      | AskPlatform      | AskPlatform
        paused                       | -                | AskPlatform      | AskPlatform      | AskPlatform
        locked                       | -                | AskPlatform      | AskPlatform      | AskPlatform
        paid before                  | -                | RenewManually    | RenewInGrace     | RenewExpired
        lapsed after a refund        | -                | RenewManually    | RenewInGrace     | RenewExpired
        disputed                     | -                | RenewManually    | RenewInGrace     | RenewExpired
        the bank asks                | ConfirmPayment   | ConfirmPayment   | ConfirmPayment   | ConfirmPayment
        being charged                | -                | -                | -                | -
        unknown                      | -                | -                | -                | -
        undecided                    | -                | -                | -                | -
        being booked                 | -                | -                | -                | -
        paid, not booked             | -                | -                | -                | -
        paid after a decline, not booked | -            | -                | -                | -
        """;

    private static readonly string[] States = ["20 days", "5 days", "grace", "expired", "expired, suspended for it"];

    public static TheoryData<string, string, string> Table =>
    [
        .. from line in Expected.Split('\n')
           let cells = line.Split('|', StringSplitOptions.TrimEntries)
           from column in Enumerable.Range(0, States.Length)
           select (cells[0], States[column], cells[Math.Min(column + 1, 4)]),
    ];

    [Fact]
    public void Table_HasEveryRenewal() =>
        Assert.Equal(Renewals.Keys.Order(), Table.Select(row => row.Data.Item1).Distinct().Order());

    [Theory]
    [MemberData(nameof(Table))]
    public void Of_EachRenewalInEachState_HasTheTaskThatCanBeDone(string renewal, string state, string expected) =>
        Assert.Equal(expected, Kinds(InState(state, Renewals[renewal])));

    private static TaskFacts Suspended(string cause, bool canLift = false, bool canAppeal = false) =>
        Fine with { Code = LicenseCode.Suspended, IsSuspended = true, Suspensions = [new(cause, canLift, canAppeal)] };

    public static TheoryData<string, TaskFacts, string> WhateverTheRenewal => new()
    {
        { "may be lifted", Suspended("DEVICE_LIMIT", canLift: true, canAppeal: true), "LiftSuspension" },
        { "was lifted in the last 30 days", Suspended("DEVICE_LIMIT", canAppeal: true), "Appeal" },
        { "appealed", Suspended("DETECTOR"), "AwaitReview" },
        {
            "appeal reviewed", Suspended("DETECTOR") with { Suspensions = [new TaskSuspension("DETECTOR", false, true, true)] },
            "AppealReviewed"
        },
        {
            "one of two appeals reviewed", Suspended("DETECTOR") with
            {
                Suspensions = [new TaskSuspension("DETECTOR", false, true, true), new TaskSuspension("DEVICE_LIMIT", false, false)],
            },
            "AwaitReview"
        },
        { "suspended by the platform", Fine with { Code = LicenseCode.Suspended, IsSuspended = true }, "AskPlatform" },
        { "inactive", Fine with { Code = LicenseCode.Inactive }, "AskPlatform" },
        { "locked", Fine with { Code = LicenseCode.LockedNoFunds }, "AskPlatform" },
        { "paused", Fine with { Code = LicenseCode.PausedToxic }, "AskPlatform" },
        { "revoked", Fine with { Code = LicenseCode.Revoked }, "AskSupport" },
    };

    [Theory]
    [MemberData(nameof(WhateverTheRenewal))]
    public void Of_AStateThatARenewalDoesNotEnd_HasItsTaskWhateverTheRenewal(string name, TaskFacts license, string expected)
    {
        Assert.NotEmpty(name);
        Assert.All(Renewals.Values, renewal => Assert.Equal(expected, Kinds(license with { Renewal = At(renewal, 20) })));
        Assert.Equal(expected, Kinds(license with { Renewal = null }));
    }

    public static TheoryData<string, TaskFacts, string> Boundaries => new()
    {
        { "never expires", Fine with { Renewal = null }, "-" },
        { "revoked, and the paid time is over", Fine with { Code = LicenseCode.Revoked, Renewal = Due(0) }, "-" },
        { "nothing pays", Fine with { Renewal = Due(30, "no_payment_method", canPay: false) }, "AddPaymentMethod" },
        { "nothing pays, too early", Fine with { Renewal = Due(30.1, "no_payment_method", canPay: false) }, "-" },
        { "manual", Fine with { Renewal = Due(7, heldBy: "auto_renew_off") }, "RenewManually" },
        { "manual, too early", Fine with { Renewal = Due(7.1, heldBy: "auto_renew_off") }, "-" },
        { "not yet renewable", Fine with { Renewal = Due(5, heldBy: "auto_renew_off") with { OpensAt = Now.AddMinutes(1) } }, "-" },
        { "the price rose", Fine with { Renewal = Due(7, "price_consent") }, "AgreeToPrice" },
        { "the price rose, too early", Fine with { Renewal = Due(7.1, "price_consent") }, "-" },
        { "no price", Fine with { Renewal = Due(7, "no_active_price", canPay: false) }, "EndsForGood" },
        { "no price, too early", Fine with { Renewal = Due(7.1, "no_active_price", canPay: false) }, "-" },
        { "new", Fine with { IsUnused = true }, "ConnectEa" },
        { "new, in its grace", InState("grace", Renewals["free"]) with { IsUnused = true }, "RenewInGrace ConnectEa" },
        { "new, expired", InState("expired", Renewals["free"]) with { IsUnused = true }, "RenewExpired" },
        { "new, suspended", Suspended("DETECTOR") with { IsUnused = true }, "AwaitReview" },
        { "new, suspended by the platform", Fine with { IsUnused = true, IsSuspended = true }, "AskPlatform" },
        { "new, manual", Fine with { IsUnused = true, Renewal = Renewed(7.1, "off") }, "ConnectEa SetUpRenewal" },
        { "new, manual, soon", Fine with { IsUnused = true, Renewal = Renewed(7, "off") }, "ConnectEa RenewManually" },
        { "new, unpaid", Fine with { IsUnused = true, Renewal = Renewed(20, "off, nothing pays") }, "ConnectEa SetUpRenewal" },
        { "new, manual, no price", Fine with { IsUnused = true, Renewal = Renewed(20, "off, no price") }, "ConnectEa" },
        { "new, nothing pays", Fine with { IsUnused = true, Renewal = Renewed(20, "nothing pays") }, "ConnectEa AddPaymentMethod" },
        { "a question", Fine with { QuestionId = Alert }, "AnswerAlert" },
        { "somebody else", Fine with { DeniedId = Alert }, "ChangeToken" },
        { "somebody else, suspended", Suspended("DETECTOR") with { DeniedId = Alert }, "ChangeToken AwaitReview" },
        { "somebody else, revoked", Fine with { Code = LicenseCode.Revoked, DeniedId = Alert }, "AskSupport" },
        { "a refused device", Fine with { RefusedId = Alert }, "DecideDevice" },
        { "a refused device, in its grace", InState("grace", Renewals["free"]) with { RefusedId = Alert }, "RenewInGrace DecideDevice" },
        { "a refused device, may be lifted", Suspended("DEVICE_LIMIT", canLift: true) with { RefusedId = Alert }, "LiftSuspension" },
        { "a refused device, appealed", Suspended("DETECTOR") with { RefusedId = Alert }, "AwaitReview" },
        { "a question, appealed", Suspended("DETECTOR") with { QuestionId = Alert }, "AnswerAlert AwaitReview" },
        { "a refused device, paused", Fine with { Code = LicenseCode.PausedToxic, RefusedId = Alert }, "AskPlatform" },
        {
            "a question and a refused device, revoked",
            Fine with { Code = LicenseCode.Revoked, QuestionId = Alert, RefusedId = Alert }, "AskSupport"
        },
    };

    [Theory]
    [MemberData(nameof(Boundaries))]
    public void Of_OneLicense_HasTheTaskOfItsState(string name, TaskFacts license, string expected)
    {
        Assert.NotEmpty(name);
        Assert.Equal(expected, Kinds(license));
    }

    [Theory]
    [InlineData("off", "5 days", TaskStage.Running, 5, "auto_renew_off")]
    [InlineData("the master left", "5 days", TaskStage.Running, 5, "master_closed")]
    [InlineData("no price", "grace", TaskStage.InGrace, 2, "no_active_price")]
    [InlineData("nothing pays", "expired", TaskStage.Ended, null, "no_payment_method")]
    [InlineData("the card has expired", "expired", TaskStage.Ended, null, "expired_card")]
    [InlineData("locked", "expired", TaskStage.Ended, null, "locked_no_funds")]
    [InlineData("suspended by the platform", "expired, suspended for it", TaskStage.Ended, null, "license_suspended")]
    public void Of_ATask_SaysWhyAndUntilWhen(string renewal, string state, TaskStage stage, int? days, string reason)
    {
        var task = CustomerTasks.Of([InState(state, Renewals[renewal])], Now).Single();

        Assert.Equal((stage, reason, 39.5m), (task.Stage, task.Reason, task.AmountUsd));
        Assert.Equal(days is { } left ? Now.AddDays(left) : null, task.Until);
    }

    private static string Kinds(TaskFacts license) =>
        string.Join(' ', CustomerTasks.Of([license], Now).Select(task => task.Kind.ToString())) is { Length: > 0 } kinds ? kinds : "-";

    [Fact]
    public void Of_SeveralLicenses_PutsTheMostUrgentFirst()
    {
        var tasks = CustomerTasks.Of(
        [
            Fine with { Master = "manual", Renewal = Due(5, heldBy: "auto_renew_off"), RefusedId = Alert },
            Fine with { Master = "later", Renewal = Due(4, "price_consent"), QuestionId = Alert },
            Fine with { Master = "sooner", Renewal = Due(3, "price_consent") },
            Fine with { Master = "revoked", Code = LicenseCode.Revoked },
            Suspended("DEVICE_LIMIT", canLift: true) with { Master = "suspended" },
            InState("20 days", Renewals["nothing pays"]) with { Master = "unpaid" },
            InState("grace", Renewals["nothing pays"]) with { Master = "unpaid in grace" },
            InState("expired", Renewals["nothing pays"]) with { Master = "unpaid and ended" },
        ], Now);

        Assert.Equal(
            [
                "LiftSuspension suspended", "AddPaymentMethod unpaid and ended", "AgreeToPrice sooner", "AgreeToPrice later",
                "AddPaymentMethod unpaid in grace", "AnswerAlert later", "AddPaymentMethod unpaid", "RenewManually manual",
                "DecideDevice manual", "AskSupport revoked",
            ],
            tasks.Select(task => $"{task.Kind} {task.Master}"));
        Assert.Equal((39.5m, 29.5m, Now.AddDays(3)), (tasks[2].AmountUsd, tasks[2].OldAmountUsd, tasks[2].Until));
    }
}
