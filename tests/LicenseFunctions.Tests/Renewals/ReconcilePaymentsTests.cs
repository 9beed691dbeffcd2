using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>The books in PostgreSQL compared with the balance of Stripe's stand-in.</summary>
public sealed class ReconcilePaymentsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private PaymentBooksScene scene = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => scene = await PaymentBooksScene.OpenAsync(postgres);

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Compare_ChargesRefundsDisputesAndPayouts_ThatAreAllBooked_AreEqual()
    {
        var (failed, refunded, won, lost) =
            (await scene.ChargeAsync(), await scene.ChargeAsync(), await scene.ChargeAsync(), await scene.ChargeAsync());
        await scene.Stripe.RefundAsync(scene.IntentOf(failed), 3000);
        scene.Stripe.StandIn.FailRefund(scene.Stripe.StandIn.Account.Refunds.Keys.Single());
        await scene.Stripe.RefundAsync(scene.IntentOf(refunded), 1999);
        scene.Stripe.StandIn.CloseDispute(scene.Stripe.StandIn.Dispute(scene.IntentOf(won)), won: true);
        scene.Stripe.StandIn.CloseDispute(scene.Stripe.StandIn.Dispute(scene.IntentOf(lost)), won: false);
        scene.Stripe.StandIn.PayOut();
        await scene.DeliverAllAsync();

        var found = await scene.CompareAsync();

        Assert.Empty(found.Differences);
        var sum = Assert.Single(found.Totals);
        const int Fee = 175; // 2.9 % and 30 cents
        Assert.Equal(
            new StatementTotals("usd", 4, 4 * 4999, 1999, 4999, 4 * Fee + 1500, 0, 4 * 4999 - 1999 - 4999 - 4 * Fee - 1500), sum);
        Assert.Equal(sum.PayoutsMinor, sum.NetMinor);
        Assert.Equal(new ChargeSum(4, 4 * 4999), found.Booked);
    }

    [Fact]
    public async Task Compare_BeforeAndAfterTheLostWebhooksAreFetched()
    {
        var unknown = await scene.ChargeWithoutAnswerAsync();
        var refunded = await scene.ChargeAsync();
        await scene.Stripe.RefundAsync(scene.IntentOf(refunded), 1000);
        scene.Stripe.StandIn.Dispute(scene.IntentOf(refunded));

        var failed = await scene.ChargeAsync();
        await scene.Stripe.RefundAsync(scene.IntentOf(failed), 1000);
        await scene.DeliverAsync(scene.Stripe.StandIn.EventsOf("refund.created")[^1]);
        scene.Stripe.StandIn.FailRefund(scene.Stripe.StandIn.Account.Refunds.Keys.Last());

        Assert.Equal(
            [
                (DifferenceKind.ChargeInFlight, scene.IntentOf(unknown)), (DifferenceKind.RefundNotInBooks, scene.IntentOf(refunded)),
                (DifferenceKind.RefundFailureNotInBooks, scene.IntentOf(failed)),
                (DifferenceKind.DisputeNotInBooks, scene.IntentOf(refunded)),
            ],
            (await scene.CompareAsync()).Differences.Select(one => (one.Kind, one.IntentId)).Order());

        await scene.Fetch.RunAsync(Token);
        Assert.Empty((await scene.CompareAsync()).Differences);
    }

    [Fact]
    public async Task Compare_ARestoredDatabase_ListsEachUnknownChargeUntilItIsDecided_WithOneCase()
    {
        var (lost, kept) = (await scene.ChargeAsync(), await scene.ChargeAsync());
        await scene.LoseRenewalAsync(lost);

        var before = Assert.Single((await scene.CompareAsync()).Differences);
        Assert.Equal((DifferenceKind.UnknownRenewal, lost, 4999, 0), (
            before.Kind, before.SubscriptionId, before.ProviderMinor, await CasesAsync()));

        await scene.CompareAsync(opensCases: true);
        await scene.Fetch.RunAsync(Token);
        await scene.CompareAsync(opensCases: true);

        Assert.Equal(1, await CasesAsync());
        Assert.Equal(DifferenceKind.UnknownRenewal, Assert.Single((await scene.CompareAsync()).Differences).Kind);

        // The list is read up to now.
        await scene.Database.ExecuteAsync("update payment_event_reads set missed_until = null");
        var decided = await scene.Decide.RunAsync(
            await scene.Database.QueryAsync<Guid>("select case_id from payment_cases"),
            new PaymentCaseDecision("credit", "the customer keeps it"), Actor.System, Token);
        Assert.Null(decided.Refusal);
        var after = await scene.CompareAsync(opensCases: true);
        Assert.Equal((0, new ChargeSum(1, 4999), new ChargeSum(1, 4999), 1), (
            after.Differences.Count, after.Decided, after.Booked, await CasesAsync()));
        Assert.Equal("applied", await scene.StatusAsync(kept));
    }

    // Nothing would close a case: the refund is applied already.
    [Theory]
    [InlineData(4999, "refunded")]
    [InlineData(4998, null)]
    public async Task Compare_AnUnknownCharge_OpensACaseUnlessItsRefundWasReported(int refunded, string? decision)
    {
        var license = await scene.ChargeAsync();
        await scene.LoseRenewalAsync(license);
        await scene.Stripe.RefundAsync(scene.IntentOf(license), refunded);
        await scene.DeliverAsync(scene.Stripe.StandIn.EventsOf("refund.created")[^1]);

        await scene.CompareAsync(opensCases: true);
        await scene.CompareAsync(opensCases: true);

        Assert.Equal(
            decision,
            await scene.Database.QueryAsync<string?>("select decision from payment_cases where reason = 'unknown_renewal'"));
    }

    [Fact]
    public async Task Compare_PaymentsThatStripeDoesNotHave_AreNamed_UnlessItHasThemOnAnotherDay()
    {
        var (gone, kept) = (await scene.ChargeAsync(), await scene.ChargeAsync());
        await scene.Stripe.RefundAsync(scene.IntentOf(kept), 1000);
        await scene.DeliverAllAsync();
        scene.Stripe.StandIn.Account.BalanceTransactions.RemoveAll(one => IsAbout(one, gone) || (string?)one["type"] == "refund");
        scene.Stripe.StandIn.Account.Charges.Remove(ChargeOf(gone).Id());
        // Recorded at Stripe a week before it was booked.
        foreach (var entry in scene.Stripe.StandIn.Account.BalanceTransactions) entry["created"] = entry.Number("created") - 7 * 86_400;

        Assert.Equal(
            [DifferenceKind.ChargeNotAtProvider, DifferenceKind.RefundNotAtProvider],
            (await scene.CompareAsync()).Differences.Select(one => one.Kind).Order());
    }

    [Fact]
    public async Task Compare_MoneyThatNeverCameBack_IsNamed()
    {
        var (won, failed) = (await scene.ChargeAsync(), await scene.ChargeAsync());
        var dispute = scene.Stripe.StandIn.Dispute(scene.IntentOf(won));
        scene.Stripe.StandIn.CloseDispute(dispute, won: false);
        scene.Stripe.StandIn.CloseDispute(dispute, won: true);
        await scene.Stripe.RefundAsync(scene.IntentOf(failed), 1000);
        scene.Stripe.StandIn.FailRefund(scene.Stripe.StandIn.Account.Refunds.Keys.Single());
        await scene.DeliverAllAsync();
        Assert.Empty((await scene.CompareAsync()).Differences);

        scene.Stripe.StandIn.Account.BalanceTransactions.RemoveAll(
            one => (string?)one["reporting_category"] is "dispute_reversal" or "refund_failure");

        Assert.Equal(
            [(DifferenceKind.RefundFailureNotAtProvider, failed), (DifferenceKind.DisputeReversalNotAtProvider, won)],
            (await scene.CompareAsync()).Differences.Select(one => (one.Kind, one.SubscriptionId!.Value)).Distinct().Order());
    }

    [Fact]
    public async Task Compare_OtherAmountsAndLedgerEntries_AreNamed()
    {
        var (dearer, unbalanced) = (await scene.ChargeAsync(), await scene.ChargeAsync());
        ChargeOf(dearer)["amount_captured"] = 5999L;
        await scene.Database.ExecuteAsync(
            """
            select credit_wallet(user_id, 5, 'REFUND', 'by hand', renewal_id) from renewals where subscription_id = @unbalanced
            """,
            new { unbalanced });

        Assert.Equal(
            [
                (DifferenceKind.AmountDiffers, dearer, (long?)5999, (long?)4999),
                (DifferenceKind.LedgerDiffers, unbalanced, 4999, 4499),
            ],
            (await scene.CompareAsync()).Differences.Select(one => (one.Kind, one.SubscriptionId!.Value, one.ProviderMinor, one.BooksMinor))
                .Order());
    }

    [Fact]
    public async Task Compare_ThousandsOfCharges_ReadsEveryPage()
    {
        await scene.ChargeAsync();
        ManyCharges(2_500);

        var found = await scene.CompareAsync();

        Assert.Equal((0, new ChargeSum(1, 4999), new ChargeSum(2_500, 2_500 * 1000)), (
            found.Differences.Count, found.Booked, found.OtherSystems));
        Assert.Equal(2_501, Assert.Single(found.Totals).Charges);
    }

    [Theory]
    [InlineData(FaultKind.RateLimit)]
    [InlineData(FaultKind.ErrorBefore)]
    [InlineData(FaultKind.DropAfter)]
    public async Task Compare_StripeFailsBetweenTwoPages_HasNoResult(FaultKind fault)
    {
        ManyCharges(250);
        scene.Stripe.StandIn.Faults.Add(new Fault(fault, "balance_transactions.list", Match: "starting_after", Times: null));

        var from = new DateTimeOffset(TimeProvider.System.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(-1);
        var failed = await scene.Reconcile.RunAsync("stripe", from, from.AddDays(2), opensCases: true, Token);

        Assert.Equal("PAYMENT_PROVIDER_UNAVAILABLE", failed.Refusal?.Code);
    }

    [Fact]
    public async Task Compare_ALookupThatFails_HasNoResult()
    {
        var license = await scene.ChargeAsync();
        scene.Stripe.StandIn.Account.BalanceTransactions.Clear();
        scene.Stripe.StandIn.Faults.Add(
            new Fault(FaultKind.ErrorBefore, "balance_transactions.list", Match: ChargeOf(license).Id(), Times: null));

        var from = new DateTimeOffset(TimeProvider.System.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(-1);
        Assert.NotNull((await scene.Reconcile.RunAsync("stripe", from, from.AddDays(3), opensCases: true, Token)).Refusal);
    }

    [Fact]
    public async Task Days_AreComparedOnceTheyAreOver_AndAgainEachHourWhileTheyDiffer()
    {
        await using var old = await PaymentBooksScene.OpenAsync(postgres, TimeSpan.FromDays(3));
        await old.LoseRenewalAsync(await old.ChargeAsync());

        var first = await old.Days.RunAsync(Token);
        Assert.Equal((1, 1), (first.Differences, first.Cases));
        // In the first hour (UTC), yesterday is not compared yet.
        Assert.InRange(first.Days, 27, 28);
        Assert.Equal(new ComparisonCounts(0, 0, 0), await old.Days.RunAsync(Token));
        await old.Database.ExecuteAsync("update payment_comparisons set compared_at = compared_at - interval '61 minutes'");
        Assert.Equal(new ComparisonCounts(1, 1, 0), await old.Days.RunAsync(Token));

        await old.Database.ExecuteAsync(
            """
            update payment_cases set decision = 'dismissed', decided_at = now();
            update payment_comparisons set compared_at = compared_at - interval '61 minutes'
            """);
        Assert.Equal(new ComparisonCounts(1, 0, 0), await old.Days.RunAsync(Token));
        Assert.Equal(0, await old.Database.QueryAsync<int>("select sum(differences)::int from payment_comparisons"));
    }

    [Fact]
    public async Task Days_StripeFails_TheDaysAreNotCompared()
    {
        await scene.Days.RunAsync(Token);
        await scene.Database.ExecuteAsync("delete from payment_comparisons where day >= current_date - 2");
        var compared = await CountAsync();
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "balance_transactions.list", Times: null));

        var failed = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Days.RunAsync(Token));

        Assert.Contains("PAYMENT_PROVIDER_UNAVAILABLE", failed.Message, StringComparison.Ordinal);
        Assert.Equal(compared, await CountAsync());
        scene.Stripe.StandIn.Faults.Clear();
        await scene.Days.RunAsync(Token);
        Assert.True(await CountAsync() > compared);

        Task<int> CountAsync() => scene.Database.QueryAsync<int>("select count(*)::int from payment_comparisons");
    }

    [Fact]
    public async Task Days_ADayThatCantBeCompared_DelaysNoOther()
    {
        await scene.Days.RunAsync(Token);
        await scene.Database.ExecuteAsync("delete from payment_comparisons where day in (current_date - 9, current_date - 5)");
        var day = new DateTimeOffset(TimeProvider.System.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(-9).ToUnixTimeSeconds();
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "balance_transactions.list", Match: $"{day}", Times: null));

        var failed = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Days.RunAsync(Token));

        Assert.StartsWith("Days that can't be compared: 1. ", failed.Message, StringComparison.Ordinal);
        scene.Stripe.StandIn.Faults.Clear();
        Assert.Equal(new ComparisonCounts(1, 0, 0), await scene.Days.RunAsync(Token));
    }

    [Theory]
    [InlineData("2026-11-01", "2026-11-02", null)]
    [InlineData("2026-11-01", "2026-12-02", null)]
    [InlineData("2026-11-01", "2026-12-03", "to")]
    [InlineData("2026-11-01", "2026-11-01", "to")]
    [InlineData("2026-11-02", "2026-11-01", "to")]
    [InlineData("2026-11-31", "2026-12-01", "from")]
    [InlineData("0001-01-01", "0001-01-02", "from")]
    [InlineData(null, "2026-11-02", "from")]
    [InlineData("2026-11-01", null, "to")]
    [InlineData("2026-11-01T00:00:00Z", "2026-11-02", "from")]
    public void Period_IsOfOneTo31Days(string? from, string? to, string? field) =>
        Assert.Equal(field, ReconcilePayments.Period(from, to, ReconcilePayments.LongestDays).Refusal?.Field);

    [Fact]
    public async Task Show_WithoutAProvider_IsRefused()
    {
        var reconcile = new ReconcilePayments([], scene.Books, TimeProvider.System);

        Assert.Equal("NO_PAYMENT_PROVIDER", (await reconcile.ShowAsync("2026-11-01", "2026-11-02", provider: null, Token)).Refusal?.Code);
    }

    /// <summary>Charges of another system that uses the account, 10 dollars each.</summary>
    private void ManyCharges(int count)
    {
        var account = scene.Stripe.StandIn.Account;
        lock (account.Gate)
        {
            var method = account.NewPaymentMethod(TestCards.ByName["pm_card_visa"]);
            for (var made = 0; made < count; made++)
            {
                var intent = Shapes.PaymentIntent($"pi_{made}", "secret", account.Now, 1000, "usd");
                var charge = Shapes.Charge($"ch_{made}", account.Now, intent, method);
                charge["amount_captured"] = 1000L;
                account.Charges[charge.Id()] = charge;
                account.Emit("charge.succeeded", charge);
            }
        }
    }

    private JsonObject ChargeOf(Guid license) => scene.Stripe.StandIn.Account.Charges.Values
        .Single(charge => (string?)charge["payment_intent"] == scene.IntentOf(license));

    private bool IsAbout(JsonObject entry, Guid license) => (string?)entry["source"] == ChargeOf(license).Id();

    private Task<int> CasesAsync() => scene.Database.QueryAsync<int>("select count(*)::int from payment_cases");
}
