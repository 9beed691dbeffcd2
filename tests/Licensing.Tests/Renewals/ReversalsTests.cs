using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

/// <summary>A period of 30 days from June 1, paid by card with 49.99, and its refunds and disputes.</summary>
public sealed class ReversalsTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);
    private static readonly DateTimeOffset End = Expiry.AddDays(30);

    private static readonly Renewal Paid = Charging with
    {
        Status = RenewalStatus.Applied,
        PaidWith = PaidWith.Card,
        PaidFrom = Expiry,
        PaidUntil = End,
        NextActionAt = null,
    };

    /// <summary>Reports, in the order of their time; whether it ends, in days of 30; whether auto-renewal is switched off.</summary>
    public static readonly TheoryData<string, string, double, bool> Cases = new()
    {
        { "a full refund", "refund 4999", 10, true },
        { "all but a cent", "refund 4998", 30, false },
        { "two refunds that are all", "refund 2500, refund 2499", 10, true },
        { "only the sum is reported", "total 4999", 10, true },
        { "a part, reported in both ways", "total 2500, refund 2500", 30, false },
        { "the sum of two", "total 2500, total 4999", 10, true },
        { "a refund that is pending", "pending 4999", 10, true },
        { "a refund that failed", "refund 4999, failed 4999", 30, false },
        { "a refund that failed, with its sum", "total 4999, refund 4999, failed 4999", 30, false },
        { "a refund that failed, of which only the sum was known", "total 4999, failed 4999", 30, false },
        { "one of two failed", "total 1000, total 4999, failed 3999", 30, false },
        { "it failed, and was made again", "total 4999, failed 4999, total2 4999", 10, true },
        { "an open dispute", "open 4999", 30, false },
        { "a dispute that is won", "open 4999, won 4999", 30, false },
        { "a dispute that is lost", "open 4999, lost 4999", 10, true },
        { "a dispute that is lost, without its beginning", "lost 4999", 10, true },
        { "a lost dispute of a half takes half of the period", "lost 2500", 14.997, true },
        { "a lost dispute of nearly all takes what is left", "lost 4900", 10, true },
        { "a lost dispute that is won after all", "lost 4999, won 4999", 30, false },
        { "a lost part that is won after all", "lost 2500, won 2500", 30, false },
        { "a refund and a dispute that are all", "refund 2500, lost 2499", 10, true },
        { "a won dispute, and an older report that it is lost", "won 4999, earlier 4999", 30, false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Apply_Reports_EndThePeriodAsTheyShould(string why, string reports, double days, bool stops)
    {
        var now = Expiry.AddDays(10);
        var all = reports.Split(", ").Select(Report).ToList();

        // Together, because they came before the success.
        var together = Reversals.Apply(Facts(Paid, all), Grace, now)!;
        Assert.Equal((why, days, stops), (why, Days(together.ExpiresAt ?? End), together.AutoRenew is false));

        // One after the other, in this order and reversed, and each twice.
        foreach (var order in (IEnumerable<PaymentReversal>[])[all, Enumerable.Reverse(all)])
        {
            var (renewal, license, auto) = (Paid, End, true);
            var (effect, known) = (ReversalEffect.None, new Dictionary<string, KeptReversal>());
            foreach (var report in order.SelectMany(one => new[] { one, one }))
            {
                var key = $"{report.Kind} {report.ProviderId}";
                if (!known.TryGetValue(key, out var kept)) known[key] = new KeptReversal(report, null);
                else if (report.IsNewerThan(kept.Reversal)) known[key] = kept with { Reversal = report };
                var change = Reversals.Apply(
                    new ReversalFacts(renewal, license, auto, true, [.. known.Values], effect), Grace, now)!;
                (license, auto, effect) = (change.ExpiresAt ?? license, change.AutoRenew ?? auto, change.Effect);
                renewal = renewal with { PaidUntil = change.PaidUntil };
                foreach (var one in known.Keys.ToList()) known[one] = known[one] with { Applied = known[one].Reversal.State };
            }

            Assert.Equal((why, days, stops), (why, Days(license), !auto));
            Assert.Equal((license, together.Effect), (renewal.PaidUntil, effect));
        }
    }

    [Theory]
    [InlineData(10, 30, 10)] // the platform moved nothing
    [InlineData(10, 31, 11)] // what the platform gave stays
    [InlineData(10, 20, 10)] // the platform took ten days; the other ten are taken now
    [InlineData(10, 9, 9)] // it expired earlier
    [InlineData(25, 60, 55)] // the next period is paid, too
    [InlineData(30, 30, 30)] // the period is over
    [InlineData(-1, 30, 0)] // renewed early: the period before stays
    [InlineData(10, null, null)] // never expires
    public void Apply_AFullRefund_TakesTheTimeThatIsLeft_EvenIfTheExpiryMoved(int now, int? license, int? after)
    {
        var at = license is { } days ? Expiry.AddDays(days) : (DateTimeOffset?)null;
        var change = Reversals.Apply(
            Facts(Paid, [Report("refund 4999", 0)]) with { ExpiresAt = at }, Grace, Expiry.AddDays(now))!;

        Assert.Equal(after, (change.ExpiresAt ?? at) is { } expiry ? Days(expiry) : (double?)null);
        Assert.False(change.AutoRenew);
    }

    [Theory]
    [InlineData("lost 4999", false, false, false, null, false)] // the customer had switched it off
    [InlineData("lost 4999", true, false, false, false, true)]
    [InlineData("lost 4999", false, false, true, null, true)] // another dispute has switched it off: this one keeps it off
    [InlineData("lost 4999", true, false, true, false, true)]
    [InlineData("won 4999", false, true, false, true, false)]
    [InlineData("won 4999", false, true, true, null, false)] // the other dispute is still lost
    public void Apply_WithADisputeOfAnotherRenewal_SwitchesAutoRenewalOnOnlyIfNoneIsLost(
        string report, bool autoRenew, bool stopped, bool isStoppedByAnother, bool? switched, bool stops)
    {
        var facts = Facts(Paid, [Report(report, 0)]) with
        {
            AutoRenew = autoRenew,
            IsStoppedByAnother = isStoppedByAnother,
            Effect = ReversalEffect.None with { StoppedAutoRenewal = stopped },
        };

        var change = Reversals.Apply(facts, Grace, Expiry.AddDays(10))!;

        Assert.Equal((switched, stops), (change.AutoRenew, change.Effect.StoppedAutoRenewal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Apply_AWonDisputeAfterTheCustomerSwitchedAutoRenewal_LeavesItAsItIs(bool autoRenew)
    {
        var facts = Facts(Paid, [Report("won 4999", 0)]) with
        {
            AutoRenew = autoRenew,
            Effect = ReversalEffect.None with { StoppedAutoRenewal = true, IsSwitchedSince = true },
        };

        Assert.Null(Reversals.Apply(facts, Grace, Expiry.AddDays(10))!.AutoRenew);
    }

    [Theory]
    [InlineData("refund 2999", true, true, false)] // the rest of the payment went back: stopped again
    [InlineData("refund 2999", false, true, null)] // another period is paid: the customer keeps that
    [InlineData("lost 2999", false, true, false)] // another dispute is lost
    [InlineData("lost 500", true, true, false)]
    [InlineData("refund 500", true, true, null)] // a part was refunded: that never stops it
    [InlineData("open 2999", true, true, null)]
    [InlineData("refund 2999", true, false, null)] // the customer switched it off
    public void Apply_MoreMoneyBackAfterTheCustomerSwitchedAutoRenewalOn_StopsItAgain(
        string report, bool isLatest, bool autoRenew, bool? switched)
    {
        var facts = AfterALoss(report) with { AutoRenew = autoRenew, IsLatestPaid = isLatest };

        var change = Reversals.Apply(facts, Grace, Expiry.AddDays(10))!;

        Assert.Equal(switched, change.AutoRenew);
        Assert.Equal((true, switched is null), (change.Effect.StoppedAutoRenewal, change.Effect.IsSwitchedSince));
    }

    // Otherwise, a dispute of the other renewal that is won would switch it on.
    [Fact]
    public void Apply_AnotherLossWhileAnotherRenewalKeepsAutoRenewalOff_KeepsItOff()
    {
        var facts = AfterALoss("lost 500") with { AutoRenew = false, IsStoppedByAnother = true };

        var change = Reversals.Apply(facts, Grace, Expiry.AddDays(10))!;

        Assert.Null(change.AutoRenew);
        Assert.Equal((true, false), (change.Effect.StoppedAutoRenewal, change.Effect.IsSwitchedSince));
    }

    [Theory]
    [InlineData("refund 500")]
    [InlineData("open 500")]
    public void Apply_AnotherReportAfterALossWithAutoRenewalOff_LeavesItOnIfTheCustomerSwitchedItOn(string report)
    {
        var facts = AfterALoss(report);

        var change = Reversals.Apply(facts with { Effect = facts.Effect with { StoppedAutoRenewal = false } }, Grace, Expiry.AddDays(10))!;

        Assert.Null(change.AutoRenew);
    }

    // Only the money of the second loss was booked while the license had no token.
    [Fact]
    public void Apply_AnotherLossWithoutAToken_StopsAutoRenewalWhenTheTokenIsBack()
    {
        var gone = Reversals.Apply(AfterALoss("lost 500") with { IsGone = true }, Grace, Expiry.AddDays(10))!;
        Assert.True(gone.WaitsForToken);

        var back = Reversals.Apply(AfterALoss("lost 500") with { Effect = gone.Effect }, Grace, Expiry.AddDays(11))!;

        Assert.False(back.AutoRenew);
    }

    // A dispute of a part was lost and applied, the customer switched auto-renewal on, and then there is another report.
    private static ReversalFacts AfterALoss(string report) => Facts(Paid, []) with
    {
        Kept =
        [
            new KeptReversal(Report("lost 2000", 0), ReversalState.Lost),
            new KeptReversal(Report(report, 1) with { ProviderId = "other" }, Applied: null),
        ],
        Effect = ReversalEffect.None with
        {
            Share = 2000m / 4999,
            ChargedBackMinor = 2000,
            StoppedAutoRenewal = true,
            IsSwitchedSince = true,
        },
    };

    [Theory]
    [InlineData(12, 30)] // within the grace the license was valid: the period goes on as it was
    [InlineData(13, 33)] // it was not valid: what was taken begins now
    [InlineData(100, 120)]
    public void Apply_AWonDisputeAfterALoss_GivesBackWhatWasTaken(double now, double until)
    {
        var lost = Reversals.Apply(Facts(Paid, [Report("lost 4999", 0)]), Grace, Expiry.AddDays(10))!;
        var ended = Facts(Paid with { PaidUntil = lost.PaidUntil }, [Report("won 4999", 1)]) with
        {
            ExpiresAt = lost.ExpiresAt,
            AutoRenew = false,
            Effect = lost.Effect,
        };

        var won = Reversals.Apply(ended, Grace, Expiry.AddDays(now))!;

        Assert.Equal((until, until, true), (Days(won.ExpiresAt!.Value), Days(won.PaidUntil), won.AutoRenew));
        Assert.Equal(("period_restored", "dispute_won"), (won.Notice!.Template, won.Notice.Reason));
        Assert.Equal((-4999, ReversalEffect.None), (won.ChargedBackMinor, won.Effect));
        Assert.Equal(Expiry.AddDays(10), Reversals.Apply(ended with { IsLatestPaid = false }, Grace, Expiry.AddDays(now))!.PaidUntil);
    }

    [Fact]
    public void Apply_ToARenewalThatIsNotPaidByCard_Waits()
    {
        Renewal[] others = [Charging, Due, Paid with { PaidWith = PaidWith.Wallet }, Paid with { Status = RenewalStatus.Lapsed }];
        foreach (var renewal in others)
            Assert.Null(Reversals.Apply(Facts(renewal, [Report("refund 4999", 0)]), Grace, Expiry));
    }

    [Fact]
    public void Apply_ARefundOfAnOlderPeriod_LeavesAutoRenewalOn()
    {
        var older = Facts(Paid, [Report("refund 4999", 0)]) with { IsLatestPaid = false, ExpiresAt = Expiry.AddDays(60) };

        Assert.Null(Reversals.Apply(older, Grace, Expiry.AddDays(40))!.AutoRenew);
        Assert.False(Reversals.Apply(older with { Kept = [new(Report("lost 4999", 0), null)] }, Grace, Expiry.AddDays(40))!.AutoRenew);
    }

    [Fact]
    public void Apply_AutoRenewalThatTheCustomerSwitchedOnSince_StaysOn()
    {
        var refunded = Reversals.Apply(Facts(Paid, [Report("refund 4999", 0)]), Grace, Expiry)!;
        var again = Facts(Paid with { PaidUntil = refunded.PaidUntil }, [Report("refund 4999", 0)]) with
        {
            ExpiresAt = Expiry.AddDays(60),
            Effect = refunded.Effect,
            IsLatestPaid = false,
        };

        Assert.Equal((null, null, null), (
            Reversals.Apply(again, Grace, Expiry)!.AutoRenew,
            Reversals.Apply(again, Grace, Expiry)!.ExpiresAt,
            Reversals.Apply(again, Grace, Expiry)!.Notice));
    }

    [Fact]
    public void Apply_EachReport_IsAuditedOnce()
    {
        string[] Actions(params KeptReversal[] kept) =>
            [.. Reversals.Apply(Facts(Paid, []) with { Kept = kept }, Grace, Expiry)!.Audits.Select(audit => audit.Action)];

        Assert.Equal(["renewal.refunded_in_part"], Actions(new KeptReversal(Report("refund 1", 0), null)));
        Assert.Equal(["renewal.refunded"], Actions(new KeptReversal(Report("total 4999", 0), null)));
        Assert.Equal(["renewal.disputed"], Actions(new KeptReversal(Report("open 4999", 0), null)));
        Assert.Equal(["renewal.dispute_lost"], Actions(new KeptReversal(Report("lost 4999", 0), ReversalState.Open)));
        Assert.Equal(["renewal.dispute_won"], Actions(new KeptReversal(Report("won 4999", 0), ReversalState.Lost)));
        Assert.Empty(Actions(new KeptReversal(Report("open 4999", 0), ReversalState.Open)));
    }

    // Each is applied without a token first: only the money is booked. Then the license has a token again.
    [Theory]
    [InlineData("refund 4999", "renewal.refunded", 10, false, "period_ended refunded")]
    [InlineData("lost 4999", "", 10, false, "period_ended dispute_lost")]
    [InlineData("lost 2500", "", 14.997, false, "period_ended dispute_lost_in_part")]
    public void Apply_WhileTheLicenseHasNoToken_BooksTheMoney_AndTheTimeLater(
        string report, string audits, double days, bool autoRenew, string notice)
    {
        var now = Expiry.AddDays(10);
        var facts = Facts(Paid, [Report(report, 0)]);

        var gone = Reversals.Apply(facts with { IsGone = true, ExpiresAt = null, AutoRenew = false }, Grace, now)!;
        var back = Reversals.Apply(facts with { Effect = gone.Effect }, Grace, now)!;

        Assert.Equal((true, 0m, TimeSpan.Zero, End, null), (
            gone.WaitsForToken, gone.Effect.Share, gone.Effect.Taken, gone.PaidUntil, gone.Notice?.Template));
        Assert.Equal(audits, string.Join(' ', gone.Audits.Select(one => one.Action)));
        Assert.True(gone.RefundedMinor + gone.ChargedBackMinor > 0);
        Assert.Equal((false, 0, 0, days, autoRenew), (
            back.WaitsForToken, back.RefundedMinor, back.ChargedBackMinor, Days(back.ExpiresAt!.Value), back.AutoRenew!.Value));
        Assert.Equal(notice, $"{back.Notice!.Template} {back.Notice.Reason}");
    }

    [Fact]
    public void Apply_AWonDisputeWhileTheLicenseHasNoToken_GivesTheTimeBackLater()
    {
        var now = Expiry.AddDays(10);
        var lost = Reversals.Apply(Facts(Paid, [Report("lost 4999", 0)]), Grace, now)!;
        var won = Facts(Paid with { PaidUntil = lost.PaidUntil }, [Report("won 4999", 1)]) with
        {
            AutoRenew = false,
            Effect = lost.Effect,
        };

        var gone = Reversals.Apply(won with { IsGone = true, ExpiresAt = null }, Grace, now)!;
        var back = Reversals.Apply(won with { Effect = gone.Effect, ExpiresAt = lost.PaidUntil }, Grace, now)!;

        Assert.Equal((true, lost.Effect.Taken, null), (gone.WaitsForToken, gone.Effect.Taken, gone.Notice));
        Assert.Equal((-4999, 0), (gone.ChargedBackMinor, back.ChargedBackMinor));
        Assert.Equal((End, true, "dispute_won"), (back.ExpiresAt, back.AutoRenew, back.Notice!.Reason));
    }

    [Theory]
    [InlineData(true, "refund_failed")]
    [InlineData(false, null)]
    public void Apply_ARefundThatFails_IsToldToACustomerWhoWasToldOfTheRefund(bool byOperator, string? template)
    {
        var failed = Facts(Paid, [Report("failed 1000", 1)]);
        failed = failed with
        {
            Kept = [failed.Kept[0] with { Applied = ReversalState.Succeeded }],
            Choices = byOperator ? [new RefundChoice(Guid.Empty, 1000, RefundPeriod.Keep, "re_1000")] : [],
            Effect = ReversalEffect.None with { RefundedMinor = 1000 },
        };

        var change = Reversals.Apply(failed, Grace, Expiry)!;

        Assert.Equal((-1000, template), (change.RefundedMinor, change.Notice?.Template));
    }

    // PayPal reports an accepted dispute, and the refund that it caused.
    [Theory]
    [InlineData("lost 4999", "refund 4999", 0, 4999)]
    [InlineData("refund 4999", "lost 4999", 4999, 0)]
    [InlineData("lost 3000", "refund 3000", 0, 3000)]
    [InlineData("refund 3000", "lost 3000", 3000, 0)]
    [InlineData("total 4999", "lost 4999", 4999, 0)]
    [InlineData("total 4000", "lost 4999", 4000, 999)] // another provider: no more than was charged
    public void Apply_TheSameMoneyAsARefundAndAsALostDispute_IsBookedOnce(string first, string second, long refunded, long lost)
    {
        var (effect, sum, kept) = (ReversalEffect.None, 0L, new List<PaymentReversal>());
        foreach (var report in (string[])[first, first, second, second, first])
        {
            if (kept.TrueForAll(one => one.Kind != Report(report, 0).Kind))
                kept.Add(Report(report, kept.Count) with { OpenedAt = Expiry });
            var change = Reversals.Apply(Facts(Paid, kept) with { Effect = effect, ExpiresAt = null }, Grace, Expiry.AddDays(10))!;
            (effect, sum) = (change.Effect, sum + change.RefundedMinor + change.ChargedBackMinor);
        }

        Assert.Equal((refunded, lost, refunded + lost), (effect.RefundedMinor, effect.ChargedBackMinor, sum));
        Assert.Equal(Math.Min(1, (refunded + lost) / 4999m), effect.Share);
        // The dispute is won after all: only the refund is left.
        var won = Reversals.Apply(
            Facts(Paid, [.. kept.Where(one => one.Kind is not ReversalKind.Dispute), Report("won 4999", 9)]) with { Effect = effect },
            Grace, Expiry.AddDays(11))!.Effect;
        Assert.Equal((kept.Find(one => one.Kind is not ReversalKind.Dispute)!.AmountMinor, 0), (won.RefundedMinor, won.ChargedBackMinor));
    }

    // A refund from before the dispute, from long after it, or by an operator, is other money.
    [Theory]
    [InlineData(-1, false, 3000)]
    [InlineData(86_400, false, 3000)]
    [InlineData(0, true, 3000)]
    [InlineData(0, false, 2000)]
    public void Apply_ARefundBesideALostDispute_IsBookedUnlessTheDisputeCausedIt(int seconds, bool isRequested, long lost)
    {
        var refund = Report("refund 1000", 0) with { ChangedAt = Expiry.AddSeconds(seconds) };
        var facts = Facts(Paid, [refund, Report("lost 3000", 1) with { OpenedAt = Expiry }]) with
        {
            Choices = isRequested ? [new RefundChoice(Guid.Empty, 1000, RefundPeriod.Keep, "re_1000")] : [],
        };

        var effect = Reversals.Apply(facts, Grace, Expiry)!.Effect;

        Assert.Equal((1000, lost, 3000m / 4999), (effect.RefundedMinor, effect.ChargedBackMinor, effect.Share));
    }

    [Theory]
    [InlineData("", 4999)]
    [InlineData("open 4999", 4999)]
    [InlineData("lost 4999", 4999)]
    [InlineData("lost 3000", 4999)]
    [InlineData("won 4999", 0)]
    public void Apply_MoneyThatTheProviderTookBack_IsLostOnce_AndComesBackWithTheDispute(string dispute, long lost)
    {
        var taken = Report("lost 4999", 0) with { ProviderId = "back", Reason = PaymentReversal.TakenBack };

        var change = Reversals.Apply(Facts(Paid, dispute.Length == 0 ? [taken] : [taken, Report(dispute, 1)]), Grace, Expiry)!;

        Assert.Equal((lost, (bool?)(lost > 0 ? false : null)), (change.Effect.ChargedBackMinor, change.AutoRenew));
    }

    // "dispute lost 2000 0-10": its state and amount, opened at second 0, decided at second 10. "back 1500 5": taken back at second 5.
    [Theory]
    [InlineData("dispute lost 2000 0-10, back 2000 5", 0, 2000)] // the same money
    [InlineData("dispute lost 2000 0-10, back 1500 5", 0, 2000)]
    [InlineData("dispute lost 1500 0-10, back 2000 5", 0, 2000)]
    [InlineData("dispute lost 2000 10-20, back 2000 5", 0, 2000)] // a dispute follows
    [InlineData("dispute lost 2000 10-20, back 1500 5", 0, 3500)] // taken back before the dispute
    [InlineData("dispute lost 2000 0-10, back 1500 90000", 0, 3500)] // long after it
    [InlineData("dispute lost 2000 0-10, dispute open 1000 20-20, back 1000 30", 0, 3000)] // two disputes, each with one report
    [InlineData("dispute lost 2000 0-10, dispute lost 1000 0-10, back 2000 5, back 1000 5", 0, 3000)]
    [InlineData("dispute won 2000 0-10, back 2000 5", 0, 0)]
    [InlineData("dispute won 2000 10-20, back 1500 5", 0, 1500)] // the won dispute doesn't bring it back
    [InlineData("dispute won 2000 0-10, dispute lost 1000 20-30, back 2000 5, back 1000 25", 0, 1000)]
    [InlineData("back 1500 5", 0, 1500)]
    [InlineData("back 1500 5, back 1000 6", 0, 2500)]
    [InlineData("dispute lost 1000 0-10, refund 1000 5, back 1500 90000", 1000, 1500)] // the dispute caused the refund
    [InlineData("dispute lost 1000 0-10, refund 2000 5, back 1500 90000", 2000, 1500)]
    [InlineData("dispute lost 1000 10-20, refund 2000 5, back 1000 15", 2000, 1000)] // the refund is other money
    [InlineData("dispute lost 3000 0-10, back 3000 5, refund 3000 90000", 1999, 3000)] // no more than was charged
    [InlineData("refund 4999 5, back 4999 90000", 4999, 0)]
    public void Apply_PartsOfDisputesAndMoneyThatWasTakenBack_AreBookedOnceEach(string reports, long refunded, long lost)
    {
        var all = reports.Split(", ").Select((report, index) => Part(report.Split(' '), index)).ToList();

        var (inOrder, reversed) = (Booked(all), Booked(Enumerable.Reverse(all)));

        Assert.Equal((refunded, lost), (inOrder.RefundedMinor, inOrder.ChargedBackMinor));
        // What was booked first stays.
        Assert.Equal(refunded + lost, reversed.RefundedMinor + reversed.ChargedBackMinor);

        static ReversalEffect Booked(IEnumerable<PaymentReversal> reports)
        {
            var (effect, known) = (ReversalEffect.None, new List<PaymentReversal>());
            foreach (var report in reports)
            {
                known.Add(report);
                effect = Reversals.Apply(Facts(Paid, known) with { Effect = effect, ExpiresAt = null }, Grace, Expiry.AddDays(10))!.Effect;
            }

            return effect;
        }
    }

    private static PaymentReversal Part(string[] words, int index)
    {
        var number = words.Length == 4 ? 2 : 1;
        var times = words[^1].Split('-').Select(second => Expiry.AddSeconds(int.Parse(
            second, System.Globalization.CultureInfo.InvariantCulture))).ToList();
        var (kind, state) = words[0] == "refund" ? (ReversalKind.Refund, ReversalState.Succeeded)
            : words[1] == "won" ? (ReversalKind.Dispute, ReversalState.Won)
            : (ReversalKind.Dispute, words[1] == "open" ? ReversalState.Open : ReversalState.Lost);
        return new PaymentReversal(
            kind, $"id_{index}", state, long.Parse(words[number], System.Globalization.CultureInfo.InvariantCulture), "usd", "pi_1", "ch_1",
            words[0] == "back" ? PaymentReversal.TakenBack : null, times[^1])
        {
            OpenedAt = words[0] == "dispute" ? times[0] : null,
        };
    }

    private static double Days(DateTimeOffset at) => Math.Round((at - Expiry).TotalDays, 3);

    [Theory]
    [InlineData(0, 0, null, false)]
    [InlineData(0, -1, null, true)] // the earlier deadline
    [InlineData(0, 1, null, false)]
    [InlineData(1, 1, null, true)] // a later kind of event
    [InlineData(-1, -1, null, false)]
    [InlineData(0, 1, ReversalState.Won, true)]
    public void IsNewerThan_AnotherReportOfTheSameSecond_IsCertain(int milliseconds, int dueDays, ReversalState? state, bool isNewer)
    {
        var stored = new PaymentReversal(
            ReversalKind.Dispute, "du_1", ReversalState.Open, 4999, "usd", "pi_1", "ch_1", null, Expiry, Expiry.AddDays(7));

        var report = stored with
        {
            ChangedAt = Expiry.AddMilliseconds(milliseconds),
            EvidenceDueAt = Expiry.AddDays(7 + dueDays),
            State = state ?? stored.State,
        };

        Assert.Equal(isNewer, report.IsNewerThan(stored));
    }

    private static ReversalFacts Facts(Renewal renewal, IReadOnlyList<PaymentReversal> reversals) => new(
        renewal, End, AutoRenew: true, IsLatestPaid: true,
        [.. reversals.GroupBy(one => (one.Kind, one.ProviderId)).Select(same => new KeptReversal(
            same.Aggregate((kept, next) => next.IsNewerThan(kept) ? next : kept), Applied: null))],
        ReversalEffect.None);

    // "refund 4999": each amount is another refund. A total is that of the charge. A dispute has one id.
    private static PaymentReversal Report(string text, int order)
    {
        var (word, amount) = (text.Split(' ')[0], long.Parse(text.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
        var (kind, id, state) = word switch
        {
            "refund" => (ReversalKind.Refund, $"re_{amount}", ReversalState.Succeeded),
            "pending" => (ReversalKind.Refund, $"re_{amount}", ReversalState.Pending),
            "failed" => (ReversalKind.Refund, $"re_{amount}", ReversalState.Failed),
            "total" or "total2" => (ReversalKind.RefundTotal, "ch_1", ReversalState.Succeeded),
            "open" => (ReversalKind.Dispute, "du_1", ReversalState.Open),
            "lost" or "earlier" => (ReversalKind.Dispute, "du_1", ReversalState.Lost),
            _ => (ReversalKind.Dispute, "du_1", ReversalState.Won),
        };
        return new PaymentReversal(
            kind, id, state, amount, "usd", "pi_1", "ch_1", null, Expiry.AddSeconds(word == "earlier" ? -1 : order));
    }
}
