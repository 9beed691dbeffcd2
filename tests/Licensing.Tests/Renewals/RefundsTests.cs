using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

/// <summary>Refunds that operators request, of a period of 30 days from June 1, paid by card with 49.99; 10 days later.</summary>
public sealed class RefundsTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);
    private static readonly DateTimeOffset End = Expiry.AddDays(30);
    private static readonly DateTimeOffset Now = Expiry.AddDays(10);
    private static readonly Guid RefundId = Guid.Parse("00000000-0000-0000-0000-00000000f001");

    private static readonly Renewal Paid = Charging with
    {
        Status = RenewalStatus.Applied,
        PaidWith = PaidWith.Card,
        PaidFrom = Expiry,
        PaidUntil = End,
        NextActionAt = null,
    };

    [Theory]
    [InlineData(49.99, null, RefundPeriod.End, 10, false)] // the default of a whole refund
    [InlineData(null, null, RefundPeriod.End, 10, false)]
    [InlineData(49.99, RefundPeriod.Keep, RefundPeriod.Keep, 30, true)]
    [InlineData(49.99, RefundPeriod.Shorten, RefundPeriod.Shorten, 10, false)] // the whole share
    [InlineData(0.01, null, RefundPeriod.Keep, 30, true)] // the default of a part
    [InlineData(25.0, null, RefundPeriod.Keep, 30, true)]
    [InlineData(25.0, RefundPeriod.Shorten, RefundPeriod.Shorten, 14.997, true)]
    [InlineData(45.0, RefundPeriod.Shorten, RefundPeriod.Shorten, 10, true)] // never before now
    [InlineData(1.0, RefundPeriod.End, RefundPeriod.End, 10, false)]
    public void Plan_ByAmountAndPeriod_DoesWhatTheOperatorChose(
        double? amount, RefundPeriod? period, RefundPeriod chosen, double days, bool autoRenew)
    {
        var plan = Refunds.Plan(Facts(), new RefundOrder((decimal?)amount, period, 49.99m), RefundId, Grace, Now).Value;

        Assert.Equal((chosen, 4999, days, autoRenew), (
            plan.Period, plan.LeftMinor, Days(plan.Effect.ExpiresAt ?? End), plan.Effect.AutoRenew ?? true));
        Assert.Equal(plan.AmountMinor, plan.Effect.RefundedMinor);
        Assert.Equal(("refunded", $"refunded:{RefundId}", EnumWords.Of(chosen)), (
            plan.Effect.Notice!.Template, plan.Effect.Notice.DedupKey, plan.Effect.Notice.Reason));
    }

    public static readonly TheoryData<string, string, double, string?> Cases = new()
    {
        { "the whole", "", 49.99, null },
        { "a cent more", "", 50, "AMOUNT_INVALID" },
        { "nothing", "", 0, "AMOUNT_INVALID" },
        { "half a cent", "", 0.005, "AMOUNT_INVALID" },
        { "what is left", "refund 4000", 9.99, null },
        { "more than is left", "refund 4000", 10, "AMOUNT_INVALID" },
        { "what is left by the total", "total 4000", 9.99, null },
        { "more than is left by the total", "total 4000", 10, "AMOUNT_INVALID" },
        { "beside a requested one", "requested 4000", 9.99, null },
        { "more, beside a requested one", "requested 4000", 10, "AMOUNT_INVALID" },
        { "beside a requested one that the total contains", "requested 4000, total 4000", 9.99, null },
        { "beside one that failed", "refund 4000, failed 4000", 49.99, null },
        { "everything is refunded", "refund 4999", 1, "NOTHING_LEFT" },
        { "everything is requested", "requested 4999", 1, "NOTHING_LEFT" },
        { "an open dispute", "open 100", 1, "CHARGE_DISPUTED" },
        { "a lost dispute of a part", "lost 100", 1, "CHARGE_DISPUTED" },
        { "a won dispute", "won 4999", 49.99, null },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Plan_NeverRefundsMoreThanIsLeft(string why, string reports, double amount, string? code)
    {
        var planned = Refunds.Plan(Facts(reports), new RefundOrder((decimal)amount, null, null), RefundId, Grace, Now);

        Assert.Equal((why, code), (why, planned.Refusal?.Code));
    }

    [Theory]
    [InlineData("refund 4000", null, RefundPeriod.End)]
    [InlineData("refund 4000", 9.99, RefundPeriod.End)]
    [InlineData("refund 4000", 9.98, RefundPeriod.Keep)]
    [InlineData("requested 4000", 9.99, RefundPeriod.End)]
    public void Plan_TheRestOfAPaymentWithoutAChoice_EndsThePeriod(string reports, double? amount, RefundPeriod period) =>
        Assert.Equal(
            period, Refunds.Plan(Facts(reports), new RefundOrder((decimal?)amount, null, null), RefundId, Grace, Now).Value.Period);

    [Theory]
    [InlineData(49.99, null)]
    [InlineData(39.99, "REFUNDABLE_CHANGED")]
    public void Plan_AnotherRefundSinceThePreview_IsRefused(double seen, string? code) =>
        Assert.Equal(code, Refunds.Plan(Facts(), new RefundOrder(10, null, (decimal)seen), RefundId, Grace, Now).Refusal?.Code);

    [Fact]
    public void Plan_OfWhatWasNotPaid_IsRefused()
    {
        Renewal[] others = [Charging, Due, Paid with { PaidWith = PaidWith.Nothing, AmountUsd = 0 }, Paid with { AmountUsd = 0 }];
        foreach (var renewal in others)
        {
            var planned = Refunds.Plan(Facts() with { Renewal = renewal }, new RefundOrder(1, null, null), RefundId, Grace, Now);
            Assert.Equal("NOT_REFUNDABLE", planned.Refusal?.Code);
        }
    }

    [Fact]
    public void Plan_OfAPaymentFromTheWallet_IsPossible()
    {
        var wallet = Facts() with { Renewal = Paid with { PaidWith = PaidWith.Wallet, IntentId = null } };

        var plan = Refunds.Plan(wallet, new RefundOrder(null, null, null), RefundId, Grace, Now).Value;

        Assert.Equal((4999, 10, PaidWith.Wallet), (
            plan.Effect.RefundedMinor, Days(plan.Effect.ExpiresAt!.Value), plan.Effect.Notice!.PaidWith));
    }

    /// <summary>Refunds with their choice, reported or not; when the license expires, in days of 30.</summary>
    public static readonly TheoryData<string, string, double> Chosen = new()
    {
        { "the whole, kept", "keep 4999", 30 },
        { "the total comes before the refund", "keep? 4999, total 4999", 30 },
        { "the total comes before the refund that ends the period", "end? 1000, total 1000", 10 },
        { "requested only", "end? 4999", 30 },
        { "a refund of the dashboard beside a requested one", "end? 1000, total 500", 30 },
        { "a part that ends it, and failed", "end 1000, failed 1000", 30 },
        { "two that shorten", "shorten 1000, shorten 1500", 14.997 },
        { "a half kept, and the other half in the dashboard", "keep 2500, refund 2499", 15.003 },
        { "a part kept, and the rest ends it", "keep 2500, end 2499", 10 },
        { "a part shortens, and the rest is refunded in the dashboard", "shorten 1000, refund 3999", 10 },
        { "a part shortens, and a part is kept", "shorten 2500, keep 2499", 14.997 },
    };

    [Theory]
    [MemberData(nameof(Chosen))]
    public void Apply_RefundsWithAChoice_ChangeThePeriodAsChosen(string why, string reports, double days)
    {
        var change = Reversals.Apply(Facts(reports), Grace, Now) is { } applied ? applied.ExpiresAt ?? End : End;

        Assert.Equal((why, days), (why, Days(change)));
    }

    [Fact]
    public void Apply_ARefundThatFails_RestoresWhatTheChoiceTook()
    {
        var ended = Reversals.Apply(Facts("end 1000"), Grace, Now)!;
        var failed = Facts("end 1000, failed 1000") with
        {
            Renewal = Paid with { PaidUntil = ended.PaidUntil },
            ExpiresAt = ended.ExpiresAt,
            AutoRenew = false,
            Effect = ended.Effect,
        };

        var restored = Reversals.Apply(failed, Grace, Now.AddDays(1))!;

        Assert.Equal((30, true, -1000, "period_restored"), (
            Days(restored.ExpiresAt!.Value), restored.AutoRenew, restored.RefundedMinor, restored.Notice!.Template));
    }

    [Fact]
    public void Apply_TheSameReportAgain_SendsNoMail()
    {
        var first = Reversals.Apply(Facts("keep 1000"), Grace, Now)!;
        var told = Facts("keep 1000");
        var again = told with { Effect = first.Effect, Kept = [told.Kept[0] with { Applied = ReversalState.Succeeded }] };

        Assert.Equal("refunded", first.Notice!.Template);
        Assert.Null(Reversals.Apply(again, Grace, Now)!.Notice);
    }

    private static double Days(DateTimeOffset at) => Math.Round((at - Expiry).TotalDays, 3);

    // "keep 100" is a refund that was made with that choice; "keep? 100" is requested. "requested" is "keep?".
    private static ReversalFacts Facts(string reports = "")
    {
        var (kept, choices) = (new Dictionary<string, KeptReversal>(), new List<RefundChoice>());
        foreach (var text in reports.Split(", ", StringSplitOptions.RemoveEmptyEntries))
        {
            var (word, amount) = (text.Split(' ')[0], long.Parse(text.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
            var id = $"re_{amount}";
            if (word is "requested") word = "keep?";
            if (word.TrimEnd('?') is "keep" or "shorten" or "end")
            {
                choices.Add(new RefundChoice(
                    Guid.NewGuid(), amount, EnumWords.Parse<RefundPeriod>(word.TrimEnd('?')), word.EndsWith('?') ? null : id));
                if (word.EndsWith('?')) continue;
                word = "refund";
            }

            var (kind, name, state) = word switch
            {
                "refund" => (ReversalKind.Refund, id, ReversalState.Succeeded),
                "failed" => (ReversalKind.Refund, id, ReversalState.Failed),
                "total" => (ReversalKind.RefundTotal, "ch_1", ReversalState.Succeeded),
                "open" => (ReversalKind.Dispute, "du_1", ReversalState.Open),
                "lost" => (ReversalKind.Dispute, "du_1", ReversalState.Lost),
                _ => (ReversalKind.Dispute, "du_1", ReversalState.Won),
            };
            kept[name] = new KeptReversal(
                new PaymentReversal(kind, name, state, amount, "usd", "pi_1", "ch_1", null, Expiry), Applied: null);
        }

        return new ReversalFacts(Paid, End, AutoRenew: true, IsLatestPaid: true, [.. kept.Values], ReversalEffect.None)
        {
            Choices = choices,
        };
    }
}
