using FsCheck;
using FsCheck.Fluent;
using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Health;

public sealed class HealthScoreTests
{
    // A Wednesday noon, after two trading days.
    private static readonly DateTimeOffset Now = new(2026, 9, 2, 12, 0, 0, TimeSpan.Zero);

    private static readonly PaymentFacts Paid = new(AutoRenew: true, Obstacle: null);

    private static readonly HealthFacts Well = new(
        Now, LicenseStatus.Active, Now.AddDays(-100), Now.AddDays(20), Now.AddHours(-1), 1, 2, 0, 100, 0, [], Paid);

    [Fact]
    public void Of_NothingWrong_IsAHundred() => Assert.Equal(100, HealthScore.Of(Well).Score);

    [Theory]
    [InlineData(100, HealthGrade.Good)]
    [InlineData(80, HealthGrade.Good)]
    [InlineData(79, HealthGrade.Fair)]
    [InlineData(50, HealthGrade.Fair)]
    [InlineData(49, HealthGrade.Poor)]
    [InlineData(0, HealthGrade.Poor)]
    public void Grade_OfAScore_IsTheGuidesColor(int score, HealthGrade grade) => Assert.Equal(grade, HealthGrades.Of(score));

    [Theory]
    [InlineData(LicenseStatus.Active, 100)]
    [InlineData(LicenseStatus.PendingRenewal, 100)]
    [InlineData(LicenseStatus.Grace, 75)]
    [InlineData(LicenseStatus.Expired, 60)]
    [InlineData(LicenseStatus.Suspended, 60)]
    [InlineData(LicenseStatus.Revoked, 60)]
    public void Of_EachStatus_LosesItsPoints(LicenseStatus status, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { Status = status }).Score);

    [Theory]
    [InlineData(true, HealthAction.LiftSuspension)]
    [InlineData(false, HealthAction.Appeal)]
    public void Of_ASuspendedLicense_RecommendsAnAppealOnlyIfTheCustomerCannotLiftIt(bool canLift, HealthAction action)
    {
        var report = HealthScore.Of(Well with { Status = LicenseStatus.Suspended, CanLift = canLift });

        Assert.Equal([action], report.Recommendations.Select(one => one.Action));
        Assert.Equal(60, report.Score);
    }

    [Theory]
    [InlineData(23.9, 100)]
    [InlineData(24, 95)]
    [InlineData(71.9, 95)]
    [InlineData(120, 90)] // five days, of which the weekend's two don't count
    [InlineData(24 * 9, 85)] // nine days, of which seven are trading days
    [InlineData(24 * 40, 80)]
    public void Of_Silence_LosesPointsByTradingTime(double hours, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { LastUsedAt = Now.AddHours(-hours) }).Score);

    [Theory]
    [InlineData(2, 100)]
    [InlineData(2.9, 100)]
    [InlineData(3, 95)]
    public void Of_NeverUsed_LosesNothingWhileNew(double days, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { IssuedAt = Now.AddDays(-days), LastUsedAt = null }).Score);

    [Fact]
    public void Of_AQuietWeekend_LosesNothing()
    {
        var sunday = new DateTimeOffset(2026, 9, 6, 21, 0, 0, TimeSpan.Zero);

        Assert.Equal(100, HealthScore.Of(Well with { Now = sunday, LastUsedAt = sunday.AddDays(-2) }).Score);
    }

    [Theory]
    [InlineData(19, 19, 100)]
    [InlineData(100, 9, 100)]
    [InlineData(100, 10, 96)]
    [InlineData(100, 25, 92)]
    [InlineData(100, 50, 88)]
    public void Of_RejectedSignals_LosePointsFromATenth(long received, long rejected, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { SignalsReceived = received, SignalsRejected = rejected }).Score);

    [Theory] // rows of the platform's own code, or from before contradicting counters were rejected
    [InlineData(20, 1_000_000, "100% of the signals of the last 7 days were rejected")]
    [InlineData(20, long.MaxValue, "100% of the signals of the last 7 days were rejected")]
    [InlineData(20, -1_000_000, null)]
    public void Of_ContradictingCounters_RateIsFromZeroToOne(long received, long rejected, string? reason) =>
        Assert.Equal(reason, HealthScore.Of(Well with { SignalsReceived = received, SignalsRejected = rejected })
            .Contributions.SingleOrDefault(one => one.Action == HealthAction.CheckExpertAdvisor)?.Reason);

    [Theory]
    [InlineData(0, 100)]
    [InlineData(2, 100)]
    [InlineData(3, 90)]
    [InlineData(4, 80)]
    [InlineData(9, 80)]
    public void Of_MoreDevicesThanAllowed_LosesTenForEach(int used, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { DevicesUsed = used }).Score);

    [Theory]
    [InlineData(2, 100)]
    [InlineData(3, 96)]
    [InlineData(5, 88)]
    [InlineData(50, 88)]
    public void Of_DeviceChanges_LosePointsAboveTwo(int changes, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { DeviceChanges = changes }).Score);

    public static TheoryData<HealthFacts, HealthReason, HealthValues> Reasons => new()
    {
        { Well with { DeviceChanges = 5 }, HealthReason.DeviceChanges, new HealthValues(Changes: 5) },
        { Well with { DevicesUsed = 4 }, HealthReason.TooManyDevices, new HealthValues(Used: 4, Max: 2) },
        { Well with { SignalsReceived = 200, SignalsRejected = 51 }, HealthReason.SignalsRejected, new HealthValues(Percent: 26) },
        { Well with { OpenAlerts = [new OpenAlert(AlertSeverity.High)] }, HealthReason.AlertOpen, new HealthValues(Severity: "HIGH") },
        {
            Well with { ExpiresAt = Now.AddDays(5.5), Payment = Paid with { AutoRenew = false } }, HealthReason.EndsWithoutRenewal,
            new HealthValues(Days: 6) // by the calendar, as the pages show the expiry
        },
    };

    [Theory]
    [MemberData(nameof(Reasons))]
    public void Of_ALoss_HasTheValuesOfItsSentence(HealthFacts facts, HealthReason code, HealthValues values) => Assert.Equal(
        (code, values),
        HealthScore.Of(facts).Contributions.Where(one => one.Points < 0).Select(one => (one.Code, one.Values)).Single());

    [Theory]
    [InlineData(new[] { AlertSeverity.Low }, 97)]
    [InlineData(new[] { AlertSeverity.Medium }, 93)]
    [InlineData(new[] { AlertSeverity.High }, 86)]
    [InlineData(new[] { AlertSeverity.Critical }, 80)]
    [InlineData(new[] { AlertSeverity.Low, AlertSeverity.Medium }, 90)]
    [InlineData(new[] { AlertSeverity.High, AlertSeverity.High, AlertSeverity.Low }, 80)]
    public void Of_OpenAlerts_LosePointsBySeverity(AlertSeverity[] alerts, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with { OpenAlerts = [.. alerts.Select(severity => new OpenAlert(severity))] }).Score);

    [Theory]
    [InlineData(true, HealthAction.AnswerAlert)]
    [InlineData(false, HealthAction.None)]
    public void Of_AnOpenAlert_RecommendsAnAnswerOnlyIfItWaitsForOne(bool canAnswer, HealthAction action)
    {
        var report = HealthScore.Of(Well with { OpenAlerts = [new OpenAlert(AlertSeverity.High, canAnswer)] });

        Assert.Equal((-14, action), report.Contributions.Where(one => one.Points < 0).Select(one => (one.Points, one.Action)).Single());
        Assert.Equal(canAnswer, report.Recommendations.Any());
    }

    [Theory]
    [InlineData(30.01, 100)]
    [InlineData(30, 95)]
    [InlineData(7, 95)]
    [InlineData(6.99, 90)]
    [InlineData(3, 90)]
    [InlineData(2.99, 85)]
    public void Of_ARenewalThatCannotBePaid_LosesMorePointsNearExpiry(double days, int score) =>
        Assert.Equal(score, HealthScore.Of(Well with
        {
            ExpiresAt = Now.AddDays(days),
            Payment = Paid with { Obstacle = PaymentSource.NoPaymentMethod }
        }).Score);

    [Theory]
    [InlineData(true, null, 100)]
    [InlineData(true, "no_active_price", 95, HealthAction.ContactSupport)]
    [InlineData(true, "price_consent", 95, HealthAction.Renew)]
    [InlineData(true, "no_payment_method", 95, HealthAction.AddPaymentMethod)]
    [InlineData(true, "unknown_payment_provider", 95, HealthAction.ReplaceCard)]
    [InlineData(true, "card_expires", 95, HealthAction.ReplaceCard)]
    [InlineData(true, "insufficient_funds", 95, HealthAction.ReplaceCard)]
    [InlineData(false, null, 95, HealthAction.TurnOnAutoRenewal)]
    [InlineData(false, "no_active_price", 95, HealthAction.ContactSupport)]
    [InlineData(false, "no_payment_method", 90, HealthAction.TurnOnAutoRenewal, HealthAction.AddPaymentMethod)]
    public void Of_PaymentProblem_RecommendsItsAction(bool autoRenew, string? obstacle, int score, params HealthAction[] actions)
    {
        var report = HealthScore.Of(Well with { Payment = new PaymentFacts(autoRenew, obstacle) });

        Assert.Equal(score, report.Score);
        Assert.Equal(actions, report.Recommendations.Select(contribution => contribution.Action));
    }

    [Theory]
    [InlineData(LicenseStatus.Active, 100)]
    [InlineData(LicenseStatus.PendingRenewal, 100)]
    [InlineData(LicenseStatus.Grace, 75)]
    [InlineData(LicenseStatus.Expired, 60)]
    public void Of_AnOpenCharge_RecommendsNoPayment(LicenseStatus status, int score)
    {
        var payment = new PaymentFacts(AutoRenew: false, PaymentSource.NoPaymentMethod, IsChargeOpen: true);

        var report = HealthScore.Of(Well with { Status = status, ExpiresAt = Now.AddDays(2), Payment = payment });

        Assert.Equal(score, report.Score);
        Assert.Empty(report.Recommendations);
    }

    [Fact]
    public void Of_AnyFacts_SumsExactlyAndStaysInRange() => Check(facts =>
    {
        var report = HealthScore.Of(facts);
        return report.Score is >= 0 and <= 100
            && report.Score == report.Contributions.Sum(contribution => contribution.Points)
            && report.Contributions.GroupBy(contribution => contribution.Part)
                .All(part => part.Sum(contribution => contribution.Points) >= 0);
    });

    [Fact]
    public void Of_EveryLoss_HasARecommendation_ExceptAnOpenChargeAlertsThatWaitForAnOperatorAndUseThatIsNotPossible() => Check(facts =>
        HealthScore.Of(facts).Contributions
            .Where(one => CanTrade(facts) || one.Part is HealthPart.Status or HealthPart.Suspicion)
            .Count(one => one is { Points: < 0, Recommendation: null })
        <= facts.OpenAlerts.Count(alert => !alert.CanAnswer) + (facts.Payment.IsChargeOpen ? 1 : 0));

    [Fact]
    public void Of_ALicenseThatCannotTrade_RecommendsNoUseOfIt() => Check(facts =>
        CanTrade(facts) || HealthScore.Of(facts).Recommendations.All(one => one.Action is not
            (HealthAction.StartExpertAdvisor or HealthAction.CheckExpertAdvisor or HealthAction.KeepDevices)));

    [Fact]
    public void Of_ALicenseWithoutAPrice_IsNotToBeRenewed() => Check(facts =>
        facts.Payment.Obstacle is not PaymentSource.NoActivePrice
        || HealthScore.Of(facts).Recommendations.All(one => one.Action is not HealthAction.Renew));

    private static bool CanTrade(HealthFacts facts) =>
        facts.Status is LicenseStatus.Active or LicenseStatus.PendingRenewal or LicenseStatus.Grace;

    public static TheoryData<HealthFacts, string> Sentences => new()
    {
        {
            Well,
            "+40 The license runs until Sep 22, 2026; +20 The license was used on the last trading day; +20 1 of 2 slots are taken; " +
            "+20 No alert is open"
        },
        {
            Well with { Status = LicenseStatus.Revoked, LastUsedAt = Now.AddDays(-40), DevicesUsed = 2 },
            "+40 Points of a valid license; -40 The license was revoked; +20 Points of a license that is used every trading day; " +
            "-20 Last used 40 days ago; +20 2 of 2 slots are taken; +20 No alert is open"
        },
        {
            Well with { Status = LicenseStatus.Expired, ExpiresAt = Now.AddDays(-9), Payment = new PaymentFacts(true, "no_active_price") },
            "+40 Points of a valid license; -40 The license has expired, and the master has no active price to renew it; " +
            "+20 The license was used on the last trading day; +20 1 of 2 slots are taken; +20 No alert is open"
        },
    };

    [Theory]
    [MemberData(nameof(Sentences))]
    public void Of_AnyLicense_GainsAndLossesDoNotContradictEachOther(HealthFacts facts, string expected) => Assert.Equal(
        expected, string.Join("; ", HealthScore.Of(facts).Contributions.Select(one => $"{one.Points:+0;-0} {one.Reason}")));

    [Theory]
    [InlineData(11.9, "today")] // noon
    [InlineData(12, "tomorrow")]
    [InlineData(35.9, "tomorrow")]
    [InlineData(36, "in 2 days")]
    public void Of_AnEndWithoutRenewal_CountsDaysByTheCalendar(double hours, string expected) => Assert.Equal(
        $"The license ends {expected}, and auto-renewal is off",
        HealthScore.Of(Well with { ExpiresAt = Now.AddHours(hours), Payment = Paid with { AutoRenew = false } })
            .Contributions.Single(one => one.Points < 0).Reason);

    [Fact]
    public void Of_FollowingARecommendation_NeverLowersTheScore() => Check(facts =>
    {
        var report = HealthScore.Of(facts);
        return report.Recommendations.All(recommended => HealthScore.Of(Follow(facts, recommended.Action)).Score >= report.Score);
    });

    // The facts after the customer has followed the recommendation.
    private static HealthFacts Follow(HealthFacts facts, HealthAction action) => action switch
    {
        HealthAction.Renew => facts with
        {
            Status = LicenseStatus.Active,
            ExpiresAt = facts.Now.AddDays(30),
            Payment = facts.Payment with { Obstacle = null }
        },
        HealthAction.TurnOnAutoRenewal => facts with { Payment = facts.Payment with { AutoRenew = true } },
        HealthAction.AddPaymentMethod or HealthAction.ReplaceCard => facts with { Payment = facts.Payment with { Obstacle = null } },
        HealthAction.LiftSuspension or HealthAction.Appeal or HealthAction.ContactSupport => facts with
        {
            Status = LicenseStatus.Active,
            ExpiresAt = facts.Now.AddDays(30),
            Payment = Paid
        },
        HealthAction.StartExpertAdvisor => facts with { LastUsedAt = facts.Now },
        HealthAction.CheckExpertAdvisor => facts with { SignalsRejected = 0 },
        HealthAction.RemoveDevice => facts with { DevicesUsed = facts.MaxDevices },
        HealthAction.KeepDevices => facts with { DeviceChanges = 0 },
        HealthAction.AnswerAlert => facts with { OpenAlerts = [.. facts.OpenAlerts.Where(alert => !alert.CanAnswer)] },
        _ => throw new InvalidOperationException($"{action} is recommended, but the test has no facts after it"),
    };

    private static void Check(Func<HealthFacts, bool> property) =>
        Prop.ForAll(Arb.From(Facts()), property).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    private static Gen<HealthFacts> Facts() =>
        from status in Gen.Elements(Enum.GetValues<LicenseStatus>())
        from age in Gen.Choose(0, 100)
        from expiry in Gen.Choose(-200, 2000)
        from used in Gen.Choose(-1, 2000)
        from devices in Gen.Choose(0, 6)
        from changes in Gen.Choose(0, 8)
        from received in Gen.Choose(0, 200)
        from rejected in Gen.Choose(0, 100)
        from alerts in Gen.ListOf(
            from severity in Gen.Elements(Enum.GetValues<AlertSeverity>())
            from canAnswer in Gen.Elements(true, false)
            select new OpenAlert(severity, canAnswer))
        from payment in Payments()
        from canLift in Gen.Elements(true, false)
        select new HealthFacts(
            Now, status, Now.AddDays(-age), expiry == 0 ? null : Now.AddHours(expiry), used < 0 ? null : Now.AddHours(-used), devices, 2,
                changes,
            received, Math.Min(received, rejected), [.. alerts], payment)
        {
            CanLift = canLift,
        };

    private static Gen<PaymentFacts> Payments() =>
        from auto in Gen.Elements(true, false)
        from obstacle in Gen.Elements<string?>(
            null, PaymentSource.NoActivePrice, PaymentSource.PriceConsent, PaymentSource.NoPaymentMethod, PaymentSource.UnknownProvider,
            RenewalForecast.CardExpires, "insufficient_funds")
        from isOpen in Gen.Elements(true, false)
        select new PaymentFacts(auto, obstacle, isOpen);
}
