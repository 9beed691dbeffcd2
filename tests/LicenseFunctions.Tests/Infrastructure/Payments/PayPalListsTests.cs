using System.Text.Json;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using PayPalStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>PayPal's transactions as a statement, and its list of events.</summary>
public sealed class PayPalListsTests
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TheStatement_HasChargesRefundsAndDisputes_OverSeveralPages()
    {
        await using var account = await PayPalAccount.OpenAsync(options: new StandInOptions { LargestPage = 2 });
        var charge = account.Charge();
        var paid = await account.PayAsync(charge);
        var disputed = ((ChargeOutcome.Succeeded)(await account.PayAsync(account.Charge())).Outcome).TransactionId;
        await account.PayAsync(account.Charge("PENDING"));
        await account.PayAsync(account.Charge("DECLINED:5120"));
        var capture = ((ChargeOutcome.Succeeded)paid.Outcome).TransactionId;
        var refund = ((RefundOutcome.Made)await account.Gateway.RefundAsync(
            new RefundRequest(Guid.NewGuid(), paid.IntentId!, 1000, capture), "key", Cancel)).Refund.ProviderId;
        account.StandIn.Account.FailRefund(refund);
        var dispute = account.StandIn.Account.Dispute(disputed, "UNAUTHORISED");
        account.StandIn.Account.CloseDispute(dispute, won: false);
        Assert.True((await account.Statement.IsWithdrawnAsync(dispute, Cancel)).Value);
        account.StandIn.Account.CloseDispute(dispute, won: true);

        var entries = await ReadAllAsync(account);

        Assert.Equal(
            [
                (StatementKind.Charge, capture, 3000, 154), (StatementKind.Charge, disputed, 3000, 154),
                (StatementKind.Refund, refund, -1000, 0), (StatementKind.RefundFailure, refund, 1000, 0),
                (StatementKind.Dispute, dispute, -3000, 0), (StatementKind.DisputeReversal, dispute, 3000, 0),
            ],
            entries.Select(one => (one.Kind, one.Payment?.Id, one.AmountMinor, one.FeeMinor)));
        Assert.Equal(
            new StatementPayment(
                capture, capture, paid.IntentId, 3000, "usd", charge.RenewalId, charge.SubscriptionId, charge.UserId),
            entries[0].Payment);
        Assert.Equal(
            (capture, 1000, disputed),
            (entries[2].Payment!.ChargeId, entries[2].Payment!.AmountMinor, entries[4].Payment!.ChargeId));

        foreach (var (id, has) in new[] { (capture, true), (paid.IntentId!, true), (refund, false), (dispute, false), ("NONE", false) })
            Assert.Equal((id, has), (id, (await account.Statement.HasAsync(id, Cancel)).Value));
        Assert.False((await account.Statement.IsWithdrawnAsync(refund, Cancel)).Value);
        Assert.False((await account.Statement.IsWithdrawnAsync(dispute, Cancel)).Value);
    }

    [Theory]
    [InlineData("T0006", "12.50", "S", StatementKind.Charge, 1250)]
    [InlineData("T0001", "-12.50", "S", StatementKind.Other, -1250)]
    [InlineData("T0006", "12.50", "D", StatementKind.Other, 0)]
    [InlineData("T0006", "12.50", "P", StatementKind.Other, 0)]
    [InlineData("T0006", "12.505", "S", StatementKind.Unreadable, 0)]
    [InlineData("T0106", "-20.00", "S", StatementKind.Fee, -2000)]
    [InlineData("T0400", "-5.00", "S", StatementKind.Payout, -500)]
    [InlineData("T1110", "-5.00", "S", StatementKind.Other, -500)]
    [InlineData("T1111", "5.00", "S", StatementKind.Other, 500)]
    [InlineData("T1201", "-5.00", "S", StatementKind.Dispute, -500)]
    [InlineData("T1202", "5.00", "S", StatementKind.DisputeReversal, 500)]
    [InlineData("T1207", "-5.00", "S", StatementKind.Dispute, -500)]
    [InlineData("T1208", "5.00", "S", StatementKind.DisputeReversal, 500)]
    [InlineData("T1106", "5.00", "S", StatementKind.DisputeReversal, 500)]
    [InlineData("", "5.00", "S", StatementKind.Other, 500)]
    public void ATransaction_IsSortedByItsCode(string code, string value, string status, StatementKind kind, long amount)
    {
        var info = JsonElement.Parse($$"""
            {
              "transaction_id": "ID", "transaction_event_code": "{{code}}", "transaction_status": "{{status}}",
              "transaction_initiation_date": "2026-11-01T10:00:00-0500",
              "transaction_amount": {"currency_code": "USD", "value": "{{value}}" }
            }
            """);

        var settings = new PayPalSettings("id", "secret", "WH", new Uri("https://api-m.paypal.com/"), new Uri("https://example.com/"));
        var entry = PayPalStatement.Entry(info, Now, settings);

        var at = new DateTimeOffset(2026, 11, 1, 15, 0, 0, TimeSpan.Zero);
        Assert.Equal((kind, amount, at), (entry.Kind, entry.AmountMinor, entry.CreatedAt));
    }

    // PayPal refuses a search that finds too many transactions.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task AStatementOfADayWithTooManyTransactions_IsReadInParts(int largestSearch)
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(Now.UtcDateTime.Date, TimeSpan.Zero).AddDays(-2));
        await using var account = await PayPalAccount.OpenAsync(
            standInClock: clock, options: new StandInOptions { LargestSearch = largestSearch, LargestPage = 2 });
        var paid = new List<string>();
        foreach (var seconds in (int[])[0, 1, 60, 40_000, 40_001, 86_397])
        {
            clock.SetUtcNow(new DateTimeOffset(Now.UtcDateTime.Date, TimeSpan.Zero).AddDays(-2).AddSeconds(seconds));
            paid.Add(((ChargeOutcome.Succeeded)(await account.PayAsync(account.Charge())).Outcome).TransactionId);
        }

        clock.SetUtcNow(Now);
        var entries = await ReadAllAsync(account, new DateTimeOffset(Now.UtcDateTime.Date, TimeSpan.Zero).AddDays(-2), days: 1);

        Assert.Equal(paid, entries.Select(one => one.Payment!.Id));
    }

    [Fact]
    public async Task AStatementOfASecondWithTooManyTransactions_IsARefusal_AndNeverPartial()
    {
        await using var account = await PayPalAccount.OpenAsync(
            standInClock: new FakeTimeProvider(Now), options: new StandInOptions { LargestSearch = 1 });
        for (var made = 0; made < 2; made++) await account.PayAsync(account.Charge());

        var (refusal, after) = (default(Refusal), default(string));
        do
        {
            var page = await account.Statement.ReadAsync(Now.AddDays(-1), Now.AddDays(1), after, Cancel);
            (refusal, after) = (page.Refusal, page.Refusal is null ? page.Value.Next : null);
        }
        while (after is not null);

        Assert.Equal("PAYMENT_PROVIDER_REFUSED", refusal?.Code);
    }

    [Fact]
    public async Task AStatementThatIsNotComplete_OrNotAnswered_IsARefusal()
    {
        await using var account = await PayPalAccount.OpenAsync(options: new StandInOptions { SearchDelay = TimeSpan.FromDays(3) });
        var day = new DateTimeOffset(Now.UtcDateTime.Date, TimeSpan.Zero).AddDays(-1);
        Assert.Equal("STATEMENT_NOT_COMPLETE", await CodeAsync());

        await using var complete = await PayPalAccount.OpenAsync(options: new StandInOptions { SearchDelay = TimeSpan.FromHours(3) });
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "transactions.list", Times: null));
        Assert.Equal("PAYMENT_PROVIDER_UNAVAILABLE", await CodeAsync());
        Assert.Empty((await complete.Statement.ReadAsync(day.AddDays(-1), day, null, Cancel)).Value.Entries);

        async Task<string?> CodeAsync() =>
            (await account.Statement.ReadAsync(day.AddDays(-1), day.AddHours(1), null, Cancel)).Refusal?.Code;
    }

    [Fact]
    public async Task Events_AreListedOverSeveralPages_WithoutThoseWithoutAnEffect()
    {
        await using var account = await PayPalAccount.OpenAsync(options: new StandInOptions { LargestPage = 2 });
        for (var made = 0; made < 3; made++) await account.PayAsync(account.Charge());
        account.Publish(
            $$"""{"id": "WH-OTHER", "event_type": "BILLING.PLAN.CREATED", "create_time": "{{Now:yyyy-MM-dd'T'HH:mm:ss'Z'}}"}""");

        var (events, after) = (new List<ListedEvent>(), default(string));
        do
        {
            var page = (await account.Events.ReadAsync(Now.AddHours(-1), Now.AddHours(1), after, Cancel)).Value;
            events.AddRange(page.Events);
            after = page.Next;
        }
        while (after is not null);

        Assert.Equal(6, events.Count); // a saved account and a payment each
        var paid = await events.First(one => one.Type == "PAYMENT.CAPTURE.COMPLETED").ReadAsync(Cancel);
        Assert.IsType<PaymentFact.IntentChanged>(paid.Fact);
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        Assert.Equal(
            RefusalKind.Unavailable, (await account.Events.ReadAsync(Now.AddHours(-1), Now, null, Cancel)).Refusal?.Kind);
    }

    private static Task<IReadOnlyList<StatementEntry>> ReadAllAsync(PayPalAccount account) =>
        ReadAllAsync(account, Now.AddDays(-1), days: 2);

    private static async Task<IReadOnlyList<StatementEntry>> ReadAllAsync(PayPalAccount account, DateTimeOffset from, int days)
    {
        var (entries, after) = (new List<StatementEntry>(), default(string));
        do
        {
            var page = (await account.Statement.ReadAsync(from, from.AddDays(days), after, Cancel)).Value;
            entries.AddRange(page.Entries);
            after = page.Next;
        }
        while (after is not null);

        return entries;
    }
}
