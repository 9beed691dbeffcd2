using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class RenewalPlanTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public void Next_BeforeItsTime_Rests(int seconds, bool acts)
    {
        var step = Next(Facts(card: Card), Expiry.AddSeconds(seconds));

        Assert.Equal(acts, step is not RenewalStep.Done);
    }

    [Theory]
    [InlineData("0", "0", RenewalStatus.Applied, PaidWith.Nothing)]
    [InlineData("49.99", "49.99", RenewalStatus.Applied, PaidWith.Wallet)]
    [InlineData("49.99", "49.98", RenewalStatus.Charging, null)]
    [InlineData(null, "100", RenewalStatus.NotRenewable, null)]
    public void Next_WhatPays_IsFreeThenWalletThenCard(string? price, string wallet, RenewalStatus status, PaidWith? with)
    {
        var amount = price is null ? (decimal?)null : decimal.Parse(price, System.Globalization.CultureInfo.InvariantCulture);
        var after = After(Next(Facts(
            Due with { AmountUsd = amount }, Card, decimal.Parse(wallet, System.Globalization.CultureInfo.InvariantCulture), amount)));

        Assert.Equal((status, with), (after.Status, after.PaidWith));
    }

    // A charge that is not known here, for example after a restore, may have paid the period.
    [Theory]
    [InlineData("stripe", 0, true)]
    [InlineData("stripe", 49.99, false)]
    [InlineData("paypal", 0, false)] // not configured
    [InlineData(null, 0, false)]
    public void Next_WhileEventsAreUnread_ChargesNoCard_AndTheLicenseKeepsItsGrace(string? unread, decimal wallet, bool waits)
    {
        var last = Due.GivesUpAt.AddMinutes(-1);
        var renewal = Due with { NextActionAt = last };

        var after = After(Next(Facts(renewal, Card, wallet) with { UnreadProviders = unread is null ? [] : [unread] }, last));

        if (waits)
        {
            Assert.Equal(
                renewal with { MayBePaid = true, NextActionAt = last.AddMinutes(5), GivesUpAt = last.AddDays(1) }, after);
            var charged = After(Next(Facts(after, Card), last.AddMinutes(5)));
            Assert.Equal((RenewalStatus.Charging, false), (charged.Status, charged.MayBePaid));
        }
        else
        {
            Assert.NotEqual(RenewalStatus.Due, after.Status);
        }
    }

    // A list that stays out of reach delays only the charges by its own provider.
    [Theory]
    [InlineData("paypal", "", true)]
    [InlineData("paypal", "paypal", false)]
    [InlineData("stripe", "stripe", true)]
    [InlineData("paypal stripe", "paypal", true)]
    [InlineData("paypal stripe", "paypal stripe", true)]
    public void Next_WhileEventsAreOverdue_ChargesByAnotherProvider(string unread, string overdue, bool waits)
    {
        var policy = Policy with { IdempotencyKeyLifetimes = Both };
        var facts = Facts(card: Card) with
        {
            UnreadProviders = unread.Split(' '),
            OverdueProviders = overdue.Split(' '),
        };

        Assert.Equal(waits, After(RenewalPlan.Next(facts, policy, Expiry, Guid.NewGuid())).Status is RenewalStatus.Due);
        Assert.Equal(waits, RenewalRequests.AwaitsEvents(facts, null, policy, Expiry));
        var creating = facts with { Renewal = Charging with { IntentId = null } };
        Assert.Equal(!waits, RenewalPlan.Next(creating, policy, Expiry, Guid.NewGuid()) is RenewalStep.CreateIntent);
    }

    private static readonly Dictionary<string, TimeSpan> Both = new()
    {
        ["stripe"] = TimeSpan.FromHours(23),
        ["paypal"] = TimeSpan.FromHours(5),
    };

    // A payment that the restored database doesn't know may have extended the license.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Next_AtTheEnd_OrWithAutoRenewalOff_WhileEventsAreUnread_Waits(bool isAtTheEnd)
    {
        var now = isAtTheEnd ? Due.GivesUpAt : Expiry;
        var renewal = isAtTheEnd ? Due with { NextActionAt = now } : Due;
        var facts = Facts(renewal) with { UnreadProviders = ["stripe"] };
        if (!isAtTheEnd) facts = facts with { License = facts.License with { AutoRenew = false } };

        var after = After(Next(facts, now));

        var givesUpAt = isAtTheEnd ? now.AddDays(1) : renewal.GivesUpAt;
        Assert.Equal(renewal with { MayBePaid = true, NextActionAt = now.AddMinutes(5), GivesUpAt = givesUpAt }, after);
        Assert.True(After(Next(facts with { UnreadProviders = [] }, now)).Status.IsFinal());
    }

    [Fact]
    public void Next_AnIntentThatIsNotMadeYet_WhileEventsAreUnread_IsNotMade()
    {
        var facts = Facts(Charging with { IntentId = null }, Card) with { UnreadProviders = ["stripe"] };

        var after = After(Next(facts));

        Assert.Equal(facts.Renewal with { NextActionAt = Expiry.AddMinutes(5) }, after);
    }

    // Another provider's charge of the period was refunded. Neither an open charge nor a wait may lead to another payment.
    [Theory]
    [InlineData(RenewalStatus.SoftDeclined, true)]
    [InlineData(RenewalStatus.NeedsAuthentication, true)]
    [InlineData(RenewalStatus.Due, true)]
    [InlineData(RenewalStatus.Charging, true)]
    [InlineData(RenewalStatus.Unknown, true)]
    [InlineData(RenewalStatus.Due, false)]
    [InlineData(RenewalStatus.AwaitingConsent, false)]
    [InlineData(RenewalStatus.Charging, false)]
    public void Next_OfARefundedPeriod_CancelsItsIntent_AndLapses(RenewalStatus status, bool hasIntent)
    {
        var renewal = Charging with
        {
            Status = status,
            IntentId = hasIntent ? "pi_2" : null,
            IsRefunded = true,
            LapsedBlocked = true,
        };
        Assert.Null(renewal.NextAttemptAt);
        foreach (var facts in (RenewalFacts[])
            [Facts(renewal, Card), Facts(renewal, Card, wallet: 49.99m), Facts(renewal) with { IsAnotherAwaited = true },
                Facts(renewal, Card) with { UnreadProviders = ["stripe"] }])
        {
            var step = Next(facts);
            if (!hasIntent && status is RenewalStatus.Charging) step = Next(facts with { Renewal = After(step) });

            if (hasIntent)
            {
                Assert.Equal("pi_2", Assert.IsType<RenewalStep.CancelIntent>(step).IntentId);
                continue;
            }

            var after = After(step);
            Assert.Equal((RenewalStatus.Lapsed, false, null), (after.Status, after.LapsedBlocked, after.NextActionAt));
        }

        // The customer may still request it.
        var requested = RenewalRequests.RenewNow(renewal with { Status = RenewalStatus.Lapsed, IntentId = null }, Policy, Expiry)!.After;
        Assert.Equal(RenewalStatus.Charging, After(Next(Facts(requested, Card))).Status);
    }

    // Otherwise the request is lost: the renewal lapses when the other provider's intent is canceled.
    [Theory]
    [InlineData(RenewalStatus.Charging)]
    [InlineData(RenewalStatus.Unknown)]
    [InlineData(RenewalStatus.Undecided)]
    public void RenewNow_OfARefundedPeriodWhoseOtherChargeIsOpen_AsksForIt_AndChargesOnceIfItIsCanceled(RenewalStatus status)
    {
        var refunded = Charging with { Status = status, IsRefunded = true };
        var now = refunded.GivesUpAt.AddDays(1);

        var requested = RenewalRequests.RenewNow(refunded, Policy, now)!.After;

        Assert.Equal(
            refunded with { Type = RenewalType.Manual, IsRefunded = false, GivesUpAt = now.AddHours(1), NextActionAt = now }, requested);
        Assert.Equal("pi_1", Assert.IsType<RenewalStep.LookUp>(Next(Off(requested), now)).IntentId);
        // Its cancellation may have been on its way.
        var canceled = Settle(requested, new ChargeOutcome.Canceled("requested"), Trigger.Cancel, now)!.After;
        var charged = After(Next(Off(canceled), now));
        Assert.Equal((RenewalStatus.Charging, null, 2), (charged.Status, charged.IntentId, charged.Attempts));
        var declined = charged with { Status = RenewalStatus.SoftDeclined };
        Assert.Equal(declined with { NextActionAt = declined.GivesUpAt }, After(Next(Off(declined), now)));

        // Without auto-renewal, only the request charges.
        static RenewalFacts Off(Renewal renewal) =>
            Facts(renewal, Card) with { License = new RenewalLicense(Expiry, AutoRenew: false) };
    }

    [Theory]
    [InlineData(RenewalStatus.SoftDeclined, true, true)]
    [InlineData(RenewalStatus.Unknown, true, true)]
    [InlineData(RenewalStatus.SoftDeclined, false, false)] // after a credit, it continues
    [InlineData(RenewalStatus.Lapsed, true, false)]
    public void WithoutCharge_OfARenewalThatHasAnotherIntent_LapsesAfterARefund(RenewalStatus status, bool isRefunded, bool lapses)
    {
        var renewal = Charging with { Status = status, IntentId = "order_1", NextActionAt = Expiry.AddHours(1), MayBePaid = true };

        var change = RenewalSettlement.WithoutCharge(renewal, "pi_1", isRefunded, Expiry);

        // Otherwise the license stays valid unpaid while the other intent can't be canceled.
        Assert.Equal(lapses ? renewal with { IsRefunded = true, MayBePaid = false, NextActionAt = Expiry } : null, change?.After);
    }

    // Otherwise it is opened again, and the period is charged.
    [Theory]
    [InlineData(RenewalStatus.Canceled, false)]
    [InlineData(RenewalStatus.Lapsed, true)]
    public void WithoutCharge_OfAClosedRenewalThatMayBeOpened_ClosesItForGood(RenewalStatus status, bool isBlocked)
    {
        var closed = Charging with { Status = status, IntentId = "order_1", LapsedBlocked = isBlocked, NextActionAt = null };

        Assert.Null(RenewalSettlement.WithoutCharge(closed, "pi_1", isRefunded: false, Expiry));
        Assert.Equal(
            closed with { Status = RenewalStatus.Lapsed, LapsedBlocked = false },
            RenewalSettlement.WithoutCharge(closed, "pi_1", isRefunded: true, Expiry)!.After);
    }

    [Fact]
    public void Next_BesideAnotherReportedCharge_KeepsTheGrace() => Assert.True(
        After(Next(Facts(card: Card) with { IsAnotherAwaited = true, HasOtherCharge = true })).MayBePaid);

    [Theory]
    [InlineData(RenewalStatus.Due, 0, true)]
    [InlineData(RenewalStatus.PaymentNeeded, 0, true)]
    [InlineData(RenewalStatus.SoftDeclined, 0, true)]
    [InlineData(RenewalStatus.Due, 49.99, false)]
    [InlineData(RenewalStatus.Unknown, 0, false)]
    [InlineData(RenewalStatus.Applied, 0, false)]
    public void AwaitsEvents_ARequestThatWouldChargeACard_Waits(RenewalStatus status, decimal wallet, bool waits)
    {
        var facts = Facts(Due with { Status = status }, Card, wallet) with { UnreadProviders = ["stripe"] };

        Assert.Equal(waits, RenewalRequests.AwaitsEvents(facts, null, Policy, Expiry));
        Assert.False(RenewalRequests.AwaitsEvents(facts with { UnreadProviders = [] }, null, Policy, Expiry));
    }

    [Theory]
    [InlineData(59.99, true)]
    [InlineData(null, false)] // nothing is charged before the consent
    public void AwaitsEvents_ARequestThatAgreesToAPrice_Waits(double? agreed, bool waits)
    {
        var facts = Facts(card: Card, price: 59.99m) with { UnreadProviders = ["stripe"] };

        Assert.Equal(waits, RenewalRequests.AwaitsEvents(facts, (decimal?)agreed, Policy, Expiry));
    }

    [Fact]
    public void Next_NoCard_NeedsAPayment() => Assert.Equal(RenewalStatus.PaymentNeeded, After(Next(Facts())).Status);

    [Fact]
    public void Next_ACardOfAnUnknownProvider_NeedsAPayment() =>
        Assert.Equal(RenewalStatus.PaymentNeeded, After(Next(Facts(card: Card with { Provider = "paypal" }))).Status);

    [Theory]
    [InlineData("pi_1", 4999)]
    [InlineData(null, 2000)]
    public void Next_AChangedPrice_IsChargedUnlessAnIntentWasMadeWithTheOldOne(string? intent, long charged)
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            IntentId = intent,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined }
        };

        var after = After(Next(Facts(declined, Card, price: 20m)));

        Assert.Equal((charged, charged / 100m), (after.Attempt!.Request.AmountMinor, after.AmountUsd));
    }

    [Theory]
    [InlineData(49.99, RenewalStatus.Charging)]
    [InlineData(59.99, RenewalStatus.AwaitingConsent)]
    [InlineData(69.99, RenewalStatus.AwaitingConsent)]
    public void Next_AwaitingConsent_ReadsThePriceAgain(double price, RenewalStatus status)
    {
        var asked = Due with { Status = RenewalStatus.AwaitingConsent, AmountUsd = 59.99m };

        var change = Assert.IsType<RenewalStep.Save>(Next(Facts(asked, Card, price: (decimal)price))).Change;

        Assert.Equal((status, (decimal)price), (change.After.Status, change.After.AmountUsd));
        Assert.Equal(status is RenewalStatus.AwaitingConsent ? Expiry.AddHours(1) : Expiry, change.After.NextActionAt);
        Assert.Equal(
            price is 69.99 ? $"price_consent:{Due.RenewalId}:69.99:{change.After.GivesUpAt.ToUnixTimeSeconds()}" : null,
            change.Notice?.DedupKey);
    }

    [Theory]
    [InlineData(0, 3 * 24)]
    [InlineData(24, 3 * 24)]
    [InlineData(25, 25 + (3 * 24))]
    [InlineData(60 * 24, 63 * 24)]
    public void Next_AnIncreasedPrice_CanBeAgreedToForSomeDays_ByTheLinkOfItsOwnMail(int hours, int untilHours)
    {
        var now = Expiry.AddHours(hours);
        var asked = Due with { NextActionAt = now, GivesUpAt = hours < 72 ? Due.GivesUpAt : now.AddHours(1), Type = RenewalType.Manual };

        var change = Assert.IsType<RenewalStep.Save>(Next(Facts(asked, Card, price: 59.99m), now)).Change;

        Assert.Equal((RenewalStatus.AwaitingConsent, Expiry.AddHours(untilHours)), (change.After.Status, change.After.GivesUpAt));
        Assert.EndsWith($":{change.After.GivesUpAt.ToUnixTimeSeconds()}", change.Notice!.DedupKey, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(49.99, RenewalStatus.Charging)]
    [InlineData(59.99, RenewalStatus.Charging)]
    [InlineData(60, RenewalStatus.AwaitingConsent)]
    public void Next_AnAcceptedPrice_IsTheMostThatIsCharged(double price, RenewalStatus status)
    {
        var accepted = Due with { AmountUsd = 59.99m, PriceAccepted = true };

        Assert.Equal(status, After(Next(Facts(accepted, Card, price: (decimal)price))).Status);
    }

    public static TheoryData<RenewalBlock, bool, RenewalStatus> Blocks => new()
    {
        { RenewalBlock.AccountClosed, true, RenewalStatus.Due },
        { RenewalBlock.MasterClosed, true, RenewalStatus.Due },
        { RenewalBlock.SubscriptionInactive, true, RenewalStatus.Due },
        { RenewalBlock.LicenseSuspended, true, RenewalStatus.Due },
        { RenewalBlock.PausedToxic, false, RenewalStatus.Due },
        { RenewalBlock.PausedToxic, true, RenewalStatus.Charging },
        { RenewalBlock.LockedNoFunds, false, RenewalStatus.Due },
        { RenewalBlock.LockedNoFunds, true, RenewalStatus.Charging },
    };

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Next_ALicenseThatIsNotServed_IsNotCharged(RenewalBlock block, bool renewsPaused, RenewalStatus status)
    {
        var facts = Facts(card: Card) with { License = new RenewalLicense(Expiry, AutoRenew: true, block) };

        var after = After(Next(facts, policy: Policy with { RenewsPaused = renewsPaused }));

        Assert.Equal(status, after.Status);
        Assert.Equal(status is RenewalStatus.Charging, after.Attempt is not null);
    }

    [Theory]
    [InlineData(true, RenewalStatus.Due)]
    [InlineData(false, RenewalStatus.Canceled)]
    public void Next_ARequestForALicenseThatIsNotServed_IsNotChargedLaterWithoutAutoRenewal(bool autoRenew, RenewalStatus status)
    {
        var requested = Facts(Due with { Type = RenewalType.Manual }, Card) with
        {
            License = new RenewalLicense(Expiry, autoRenew, RenewalBlock.LicenseSuspended),
        };

        var after = After(Next(requested));

        Assert.Equal((status, autoRenew ? RenewalType.Auto : RenewalType.Manual), (after.Status, after.Type));
    }

    [Theory]
    [InlineData(RenewalStatus.NeedsAuthentication, AttemptStatus.NeedsAuthentication)]
    [InlineData(RenewalStatus.SoftDeclined, AttemptStatus.SoftDeclined)]
    public void Next_ALicenseThatIsNotServed_CancelsTheIntentThatTheCustomerCouldConfirm(RenewalStatus status, AttemptStatus attempt)
    {
        var declined = Charging with { Status = status, Attempt = Attempt with { Status = attempt } };
        var facts = Facts(declined, Card) with { License = new RenewalLicense(Expiry, true, RenewalBlock.AccountClosed) };

        Assert.Equal("pi_1", Assert.IsType<RenewalStep.CancelIntent>(Next(facts)).IntentId);

        var canceled = RenewalSettlement.Settle(
            facts, new IntentSnapshot("pi_1", new ChargeOutcome.Canceled("abandoned")), Trigger.Cancel, Policy, Expiry)!.After;
        Assert.Equal((RenewalStatus.Due, null), (After(Next(facts with { Renewal = canceled })).Status, canceled.IntentId));
    }

    [Theory]
    [InlineData(RenewalType.Manual, RenewalStatus.Due, true)]
    [InlineData(RenewalType.Auto, RenewalStatus.Due, false)]
    [InlineData(RenewalType.Manual, RenewalStatus.Lapsed, false)]
    [InlineData(RenewalType.Manual, RenewalStatus.Charging, false)]
    public void Refuse_ClosesWhatOnlyTheRequestOpened(RenewalType type, RenewalStatus status, bool closes) =>
        Assert.Equal(
            closes ? RenewalStatus.Canceled : null, RenewalRequests.Refuse(Due with { Type = type, Status = status })?.After.Status);

    [Theory]
    [InlineData(49.98, 0, RenewalStatus.AwaitingConsent)]
    [InlineData(49.99, 0, RenewalStatus.Charging)]
    [InlineData(45.44, 0.1, RenewalStatus.AwaitingConsent)]
    [InlineData(45.45, 0.1, RenewalStatus.Charging)]
    public void Next_APriceRise_NeedsConsentAboveTheShare(double lastPaid, double share, RenewalStatus status)
    {
        var facts = Facts(card: Card, lastPaid: (decimal)lastPaid);

        Assert.Equal(status, After(Next(facts, policy: Policy with { PriceRiseShare = (decimal)share })).Status);
        Assert.Equal(RenewalStatus.Charging, After(Next(facts with { Renewal = Due with { PriceAccepted = true } })).Status);
    }

    [Fact]
    public void Next_Charging_IsCommittedBeforeAnythingIsSent()
    {
        var after = After(Next(Facts(card: Card)));

        Assert.Equal(RenewalStatus.Charging, after.Status);
        Assert.Equal((NewAttempt, 1, AttemptStatus.Sent, Expiry, true), (
            after.Attempt!.AttemptId, after.Attempt.Number, after.Attempt.Status, after.Attempt.FirstSentAt, after.Attempt.OpensIntent));
        Assert.Equal($"renewal-{Due.RenewalId:N}", after.Attempt.CreateKey(lookups: 1));
        Assert.Equal($"renewal-{Due.RenewalId:N}-again-2", after.Attempt.CreateKey(lookups: 2));
        Assert.IsType<RenewalStep.CreateIntent>(Next(Facts(after, Card)));
    }

    [Theory]
    [InlineData(-1, typeof(RenewalStep.CreateIntent))]
    [InlineData(0, typeof(RenewalStep.Save))]
    public void Next_AnUnansweredCreation_IsSentAgainWhileItsKeyIsValid(int seconds, Type expected)
    {
        var created = Charging with { IntentId = null };

        Assert.IsType(expected, Next(Facts(created, Card), Expiry + IdempotencyKeyLifetime + TimeSpan.FromSeconds(seconds)));
    }

    [Theory]
    [InlineData(RenewalStatus.Charging, -1, typeof(RenewalStep.Confirm))]
    [InlineData(RenewalStatus.Unknown, -1, typeof(RenewalStep.Confirm))]
    [InlineData(RenewalStatus.Unknown, 0, typeof(RenewalStep.LookUp))]
    [InlineData(RenewalStatus.Undecided, -1, typeof(RenewalStep.LookUp))]
    public void Next_AnOpenCharge_SendsTheSameKeyWhileItIsValidThenOnlyLooksItUp(RenewalStatus status, int seconds, Type expected)
    {
        var step = Next(Facts(Charging with { Status = status }, Card), Expiry + IdempotencyKeyLifetime + TimeSpan.FromSeconds(seconds));

        Assert.IsType(expected, step);
        if (step is RenewalStep.Confirm confirm) Assert.Equal(Attempt, confirm.Attempt);
    }

    [Fact]
    public void Next_AnOpenChargeThatIsNoLongerNeeded_IsCanceledNotSentAgain()
    {
        var off = Facts(Charging, Card) with { License = new RenewalLicense(Expiry, AutoRenew: false) };
        var moved = Facts(Charging, Card) with { License = new RenewalLicense(Expiry.AddDays(1), AutoRenew: true) };
        var held = Facts(Charging, Card) with { License = new RenewalLicense(Expiry, AutoRenew: true, RenewalBlock.LicenseSuspended) };

        Assert.All([off, moved, held], facts => Assert.IsType<RenewalStep.CancelIntent>(Next(facts)));
    }

    [Fact]
    public void Next_PaidOtherwise_CancelsTheIntentFirst()
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined }
        };

        Assert.IsType<RenewalStep.CancelIntent>(Next(Facts(declined, Card, wallet: 50)));
        Assert.Equal(PaidWith.Wallet, After(Next(Facts(declined with { IntentId = null }, Card, wallet: 50))).PaidWith);
    }

    [Fact]
    public void Next_ARetry_IsANewAttemptOnTheSameIntent()
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            SoftDeclines = 1,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined }
        };

        var after = After(Next(Facts(declined, Card)));

        Assert.Equal(
            ("pi_1", 2, NewAttempt, false), (after.IntentId, after.Attempt!.Number, after.Attempt.AttemptId, after.Attempt.OpensIntent));
    }

    [Fact]
    public void Next_ACardOfAnotherCustomer_NeedsANewIntent()
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined }
        };

        Assert.IsType<RenewalStep.CancelIntent>(Next(Facts(declined, Card with { CustomerId = "cus_2" })));
    }

    [Theory]
    [InlineData(3, RenewalStatus.Charging)]
    [InlineData(4, RenewalStatus.SoftDeclined)]
    public void Next_SoftDeclines_AreRetriedFourTimesInAll(int declines, RenewalStatus status)
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            SoftDeclines = declines,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined }
        };

        Assert.Equal(status, After(Next(Facts(declined, Card))).Status);
    }

    [Theory]
    [InlineData("pm_1", RenewalStatus.HardDeclined)]
    [InlineData("pm_2", RenewalStatus.Charging)]
    public void Next_AHardDecline_WaitsForAnotherCard(string card, RenewalStatus status)
    {
        var declined = Charging with
        {
            Status = RenewalStatus.HardDeclined,
            Attempt = Attempt with { Status = AttemptStatus.HardDeclined }
        };

        Assert.Equal(status, After(Next(Facts(declined, Card with { PaymentId = card }))).Status);
    }

    [Theory]
    [InlineData(AttemptStatus.HardDeclined, RenewalStatus.HardDeclined, 0, false)]
    [InlineData(AttemptStatus.HardDeclined, RenewalStatus.HardDeclined, 1, true)]
    [InlineData(AttemptStatus.NeedsAuthentication, RenewalStatus.NeedsAuthentication, 1, true)]
    public void Next_TheSameCardWithNewDetails_IsAnotherCard(AttemptStatus attempt, RenewalStatus status, int secondsAfter, bool charged)
    {
        var waiting = Charging with { Status = status, Attempt = Attempt with { Status = attempt } };

        var after = After(Next(Facts(waiting, Card with { ChangedAt = Attempt.FirstSentAt.AddSeconds(secondsAfter) }), Expiry.AddHours(1)));

        Assert.Equal(charged ? RenewalStatus.Charging : status, after.Status);
    }

    [Theory]
    [InlineData(9, 1, RenewalStatus.Charging)]
    [InlineData(10, 1, RenewalStatus.PaymentNeeded)]
    [InlineData(10, 30 * 24 * 3600, RenewalStatus.Charging)]
    [InlineData(10, (30 * 24 * 3600) - 1, RenewalStatus.PaymentNeeded)]
    public void Next_ByHand_StopsAtTenAttemptsInThirtyDays(int attempts, int secondsAgo, RenewalStatus status)
    {
        var manual = Charging with
        {
            Status = RenewalStatus.Due,
            Type = RenewalType.Manual,
            SoftDeclines = 4,
            Attempt = Attempt with
            {
                Number = attempts,
                Status = AttemptStatus.SoftDeclined
            },
        };

        var first = Expiry.AddSeconds(-secondsAgo);
        DateTimeOffset[] times = [first, .. Enumerable.Repeat(Expiry, attempts - 1)];

        var facts = Facts(manual, Card) with { AttemptsAt = times };
        Assert.Equal(status, After(Next(facts)).Status);
        Assert.Equal(
            status is RenewalStatus.PaymentNeeded ? first.AddDays(30) : null, RenewalRequests.CardAllowedAt(facts, Policy, Expiry));
        Assert.Null(RenewalRequests.CardAllowedAt(facts with { WalletUsd = 100 }, Policy, Expiry));
        Assert.Equal(RenewalStatus.Applied, After(Next(facts with { WalletUsd = 100, Renewal = manual with { IntentId = null } })).Status);
    }

    [Theory]
    [InlineData(-1, RenewalStatus.PaymentNeeded)]
    [InlineData(0, RenewalStatus.Lapsed)]
    public void Next_AtTheEndOfTheGrace_LapsesUnpaid(int seconds, RenewalStatus status)
    {
        var waiting = Due with { Status = RenewalStatus.PaymentNeeded, NextActionAt = Due.GivesUpAt.AddSeconds(seconds) };

        var step = Assert.IsType<RenewalStep.Save>(Next(Facts(waiting), Due.GivesUpAt.AddSeconds(seconds)));

        Assert.Equal(status, step.Change.After.Status);
        Assert.Equal(status is RenewalStatus.Lapsed, step.Change.Suspends);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(RenewalBlock.LicenseSuspended, true)]
    public void Next_LapsedWhileSuspended_IsRecorded(RenewalBlock? block, bool recorded)
    {
        var waiting = Due with { NextActionAt = Due.GivesUpAt };

        var after = After(Next(Facts(waiting) with { License = new RenewalLicense(Expiry, AutoRenew: true, block) }, Due.GivesUpAt));

        Assert.Equal((RenewalStatus.Lapsed, recorded), (after.Status, after.LapsedBlocked));
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)] // nothing could pay, with or without the dispute
    [InlineData(false, true, false)]
    public void Next_LapsedOnlyBecauseOfADispute_IsRecorded(bool disputed, bool hasCard, bool recorded)
    {
        var waiting = Due with { Status = RenewalStatus.PaymentNeeded, NextActionAt = Due.GivesUpAt };
        var license = new RenewalLicense(Expiry, AutoRenew: true) { IsDisputed = disputed };

        var after = After(Next(Facts(waiting, hasCard ? Card : null) with { License = license }, Due.GivesUpAt));

        Assert.Equal((RenewalStatus.Lapsed, recorded), (after.Status, after.LapsedBlocked));
    }

    [Theory]
    [InlineData(RenewalStatus.Due, true)]
    [InlineData(RenewalStatus.SoftDeclined, false)]
    [InlineData(RenewalStatus.HardDeclined, false)]
    [InlineData(RenewalStatus.PaymentNeeded, false)]
    public void Next_WhileAChargeIsDisputed_ARequestCountsForItsFirstAttemptOnly(RenewalStatus status, bool isCharged)
    {
        var asked = Due with { Type = RenewalType.Manual, Status = status, Attempt = Attempt with { Status = AttemptStatus.SoftDeclined } };
        var facts = Facts(asked, Card with { PaymentId = "pm_2" }) with
        {
            License = new RenewalLicense(Expiry, AutoRenew: true) { IsDisputed = true },
        };

        Assert.Equal(isCharged ? RenewalStatus.Charging : RenewalStatus.PaymentNeeded, After(Next(facts)).Status);
    }

    [Theory]
    [InlineData("pm_1", RenewalType.Auto)]
    [InlineData("pm_2", RenewalType.Manual)] // the customer has saved it for this renewal
    public void Next_ARetryOfARequestedRenewal_IsAutomatic(string card, RenewalType type)
    {
        var declined = Charging with
        {
            Type = RenewalType.Manual,
            Status = RenewalStatus.SoftDeclined,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined },
        };

        var change = Assert.IsType<RenewalStep.Save>(Next(Facts(declined, Card with { PaymentId = card }))).Change;

        Assert.Equal((RenewalStatus.Charging, type), (change.After.Status, change.After.Type));
        Assert.Equal(type is RenewalType.Auto, change.Announcement is not null);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Next_LongAfterTheExpiry_SendsTheMailsAgain(bool canPay)
    {
        string Key(int days)
        {
            var now = Expiry.AddDays(days);
            var renewal = Due with { NextActionAt = now, GivesUpAt = now.AddDays(1), PriceAccepted = days > 4 };
            var change = Assert.IsType<RenewalStep.Save>(Next(Facts(renewal, canPay ? Card : null), now)).Change;
            return (canPay ? change.Announcement : change.Notice)!.DedupKey;
        }

        Assert.Equal(Key(-7), Key(4));
        Assert.NotEqual(Key(4), Key(5));
        Assert.Equal(Key(5), Key(17));
        Assert.NotEqual(Key(17), Key(18));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(49.99)]
    public void Next_AutomaticallyWithoutACard_OnlySaysThatTheLicenseIsRenewed(double price)
    {
        var step = Next(Facts(Due, wallet: 100, price: (decimal)price, lastPaid: (decimal)price));

        var change = Assert.IsType<RenewalStep.Save>(step).Change;
        Assert.Equal("renewed", change.Notice!.Template);
        Assert.Null(change.Announcement);
    }

    private static readonly RenewalPolicy Minimum = Policy with
    {
        MinimumChargesUsd = new Dictionary<string, decimal> { ["stripe"] = 0.50m },
    };

    private static RenewalFacts Small(Renewal renewal, decimal debt, decimal wallet = 0) =>
        Facts(renewal, Card, wallet, price: 0.30m, lastPaid: 0.30m) with { DebtUsd = debt };

    [Fact]
    public void Next_AnAmountBelowTheMinimum_ExtendsAndMovesNoMoney()
    {
        var change = Assert.IsType<RenewalStep.Save>(Next(Small(Due, 0.10m), policy: Minimum)).Change;

        Assert.Equal((RenewalStatus.Applied, PaidWith.Deferred, 0.30m, 0m, Expiry.AddDays(30)), (
            change.After.Status, change.After.PaidWith, change.After.AmountUsd, change.After.DebtsUsd, change.After.PaidUntil));
        Assert.False(change.Payment!.MovesMoney);
        Assert.Equal("renewed", change.Notice!.Template);
        Assert.Null(change.Announcement);
    }

    [Fact]
    public void Next_AnAmountThatReachesTheMinimumWithWhatIsOpen_ChargesBoth()
    {
        var charging = After(Next(Small(Due, 0.30m), policy: Minimum));

        Assert.Equal((RenewalStatus.Charging, 0.30m, 0.30m, 60), (
            charging.Status, charging.AmountUsd, charging.DebtsUsd, charging.Attempt!.Request.AmountMinor));
    }

    [Theory]
    [InlineData(0.60, 0.30)]
    [InlineData(0.59, 0)] // the card would pay both; without the card's minimum the wallet pays the price
    public void Next_FromTheWallet_PaysWhatIsOpenIfItCan(double wallet, double debts)
    {
        var policy = Minimum with { MinimumChargesUsd = new Dictionary<string, decimal> { ["stripe"] = 1 } };

        var payment = Assert.IsType<RenewalStep.Save>(Next(Small(Due, 0.30m, (decimal)wallet), policy: policy)).Change.Payment!;

        Assert.Equal((PaidWith.Wallet, 0.30m, (decimal)debts), (payment.With, payment.AmountUsd, payment.DebtsUsd));
    }

    [Fact]
    public void Next_AnIntentWithADebtThatWasPaidMeanwhile_IsCanceled()
    {
        var declined = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            AmountUsd = 0.30m,
            DebtsUsd = 0.30m,
            Attempt = Attempt with { Status = AttemptStatus.SoftDeclined },
        };
        var policy = Minimum with { MinimumChargesUsd = new Dictionary<string, decimal> { ["stripe"] = 0.30m } };

        Assert.IsType<RenewalStep.CancelIntent>(Next(Small(declined, 0), policy: policy));
        Assert.Equal(60, After(Next(Small(declined, 0.30m), policy: policy)).Attempt!.Request.AmountMinor);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void Next_WhileAnotherChargeOfTheLicenseIsOpen_WaitsWithoutLosingTime(int days)
    {
        var now = Due.GivesUpAt.AddDays(days);

        var after = After(Next(Facts(Due with { NextActionAt = now }, Card, wallet: 100) with { IsAnotherAwaited = true }, now));

        Assert.Equal((RenewalStatus.Due, null, now.AddMinutes(5), now.AddDays(1)), (
            after.Status, after.PaidWith, after.NextActionAt, after.GivesUpAt));
    }

    [Fact]
    public void Next_OutageUntilAfterTheGrace_StillRunsTheDueAttempt() =>
        Assert.Equal(RenewalStatus.Charging, After(Next(Facts(card: Card), Expiry.AddDays(5))).Status);

    [Fact]
    public void Next_SwitchedOff_ClosesAutomaticRenewalsOnly()
    {
        var off = Facts(card: Card) with { License = new RenewalLicense(Expiry, AutoRenew: false) };

        Assert.Equal(RenewalStatus.Canceled, After(Next(off)).Status);
        Assert.Equal(RenewalStatus.Canceled, After(Next(Facts(card: Card), policy: Policy with { AutoRenewal = false })).Status);
        Assert.Equal(RenewalStatus.Charging, After(Next(off with { Renewal = Due with { Type = RenewalType.Manual } })).Status);
    }

    [Fact]
    public void Next_SuspendedForAnotherReason_ChargesNothing() =>
        Assert.Equal(RenewalStatus.Due,
            After(Next(Facts(card: Card, wallet: 100) with { License = new(Expiry, true, RenewalBlock.LicenseSuspended) })).Status);

    [Theory]
    [InlineData(-1, -1, 30)]
    [InlineData(2, -1, 30)]
    public void Next_PaidBeforeTheGraceEnds_ExtendsFromTheOldExpiry(int days, int seconds, int until)
    {
        var now = Expiry.AddDays(days + 1).AddSeconds(seconds);

        var change = Assert.IsType<RenewalStep.Save>(Next(Facts(Due with { NextActionAt = now }, wallet: 50), now)).Change;

        Assert.Equal(Expiry.AddDays(until), change.Payment!.PaidUntil);
    }

    [Fact]
    public void Next_PaidAfterTheGrace_ExtendsFromThePayment()
    {
        var now = Expiry.AddDays(3);
        var manual = Due with { Type = RenewalType.Manual, GivesUpAt = now.AddHours(1), NextActionAt = now };

        var change = Assert.IsType<RenewalStep.Save>(Next(Facts(manual, wallet: 50), now)).Change;

        Assert.Equal((now, now.AddDays(30)), (change.Payment!.PaidFrom, change.Payment.PaidUntil));
    }

    [Fact]
    public void Next_AChargeThatWaitsForItsBookingWhenTheLicenseIsGone_BecomesACase()
    {
        var waiting = Charging with
        {
            Status = RenewalStatus.Succeeded,
            Attempt = Attempt with { Status = AttemptStatus.Succeeded, TransactionId = "ch_1" },
        };
        var gone = Facts(waiting, Card) with { License = new RenewalLicense(null, AutoRenew: true) { IsGone = true } };

        var change = Assert.IsType<RenewalStep.Save>(Next(gone)).Change;

        Assert.Null(change.Payment);
        Assert.Equal((PaymentCaseReason.LicenseGone, "pi_1", "ch_1", 4999L),
            (change.Case!.Reason, change.Case.Subject, change.Case.TransactionId, change.Case.AmountMinor));
        Assert.Equal(RenewalStatus.Undecided, change.After.Status);
    }

    [Theory]
    [InlineData(59.99, true)]
    [InlineData(59.98, false)]
    [InlineData(60.00, false)]
    [InlineData(null, false)]
    public void RenewNow_WithAnAmount_AcceptsThePresentPriceOnly(double? amount, bool accepted)
    {
        var lapsed = Facts(Due with { Status = RenewalStatus.Lapsed, NextActionAt = null }, Card, price: 59.99m);

        var change = RenewalRequests.RenewNow(lapsed, (decimal?)amount, Policy, Expiry)!;

        Assert.Equal((accepted, accepted ? "renewal.price_accepted" : null), (change.After.PriceAccepted, change.Audit));
        Assert.Equal(
            accepted ? RenewalStatus.Charging : RenewalStatus.AwaitingConsent, After(Next(lapsed with { Renewal = change.After })).Status);
    }

    [Theory]
    [InlineData(59.99, true)]
    [InlineData(49.99, false)]
    public void ConsentToPrice_ToAnotherAmountThanTheStoredOne_ChangesNothing(double amount, bool accepted)
    {
        var waiting = Due with { Status = RenewalStatus.AwaitingConsent, AmountUsd = 59.99m };

        Assert.Equal(accepted, RenewalRequests.ConsentToPrice(waiting, (decimal)amount, Expiry)?.After.PriceAccepted is true);
    }

    [Theory]
    [InlineData(59.99, 59.99, 59.99)]
    [InlineData(59.99, 64.99, null)]
    [InlineData(64.99, 64.99, 64.99)]
    [InlineData(59.99, 54.99, 54.99)]
    public void ConsentToPrice_AfterThePriceChangedAgain_CountsForThePresentPriceUpToTheAgreedOne(
        double agreed, double present, double? accepted)
    {
        var waiting = Facts(Due with { Status = RenewalStatus.AwaitingConsent, AmountUsd = 59.99m }, Card, price: (decimal)present);

        var change = RenewalRequests.ConsentToPrice(waiting, (decimal)agreed, Policy, Expiry);

        Assert.Equal((decimal?)accepted, change?.After.AmountUsd);
        Assert.Equal(accepted is not null, change?.After.PriceAccepted is true);
    }

    [Theory]
    [InlineData(59.99, null, null)]
    [InlineData(59.99, 59.99, null)]
    [InlineData(59.99, 49.99, 59.99)]
    [InlineData(59.99, -5.0, 59.99)]
    [InlineData(49.99, 30.0, null)]
    public void PriceOtherThan_AConsentToAnotherAmount_NamesThePrice(double price, double? agreed, double? other) => Assert.Equal(
        (decimal?)other,
        RenewalRequests.PriceOtherThan((decimal?)agreed, Facts(Due, Card, price: (decimal)price), Policy));
}
