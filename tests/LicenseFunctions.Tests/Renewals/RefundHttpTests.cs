using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>
/// Refunds and evidence by an operator, through the running backend and at the Stripe stand-in. Each license is paid with 49.99 and expires
/// in 31 days, 30 of which the payment paid for. Webhooks arrive only if a test delivers them.
/// </summary>
public sealed class RefundHttpTests : IClassFixture<RenewalSite>
{
    private readonly DateTimeOffset now = new(TimeProvider.System.GetUtcNow().UtcTicks / 10 * 10, TimeSpan.Zero);
    private readonly RenewalSite site;
    private readonly StandIn stripe;
    private readonly TestDatabase database;
    private readonly RunningApp app;

    public RefundHttpTests(RenewalSite site)
    {
        (this.site, stripe, database, app) = (site, site.Stripe, site.Database, site.App);
        stripe.Faults.Clear();
        stripe.Webhooks.Url = new Uri(app.Client.BaseAddress!, "/api/v1/stripe/webhook");
    }

    private static string Operator { get; } = "Bearer " + RunningApp.Token("operator");

    [Theory]
    [InlineData(null, null, 49.99, "end", 1, false)]
    [InlineData(10.0, null, 10, "keep", 31, true)]
    [InlineData(25.0, "shorten", 25, "shorten", 15.997, true)]
    [InlineData(49.99, "keep", 49.99, "keep", 31, true)]
    public async Task Preview_ShowsWhatTheRefundThenDoes(
        double? amount, string? period, double amountUsd, string chosen, double days, bool autoRenew)
    {
        var paid = await PayAsync();

        var (status, preview) = await PostAsync($"payments/{paid.Renewal}/refund/preview", new { amount_usd = amount, period });

        Assert.Equal((200, (decimal)amountUsd, 49.99m, chosen, "card"), (
            status, (decimal?)preview["amount_usd"], (decimal?)preview["refundable_usd"], (string?)preview["period"],
            (string?)preview["to"]));
        Assert.Equal((days, autoRenew), (Days(preview["expires_at_after"]), (bool)preview["auto_renew_after"]!));
        Assert.Contains($"We refunded ${amountUsd:0.00}", (string?)preview["mail_subject"], StringComparison.Ordinal);
        Assert.Empty(await database.QueryAllAsync<string>("select state from refunds where renewal_id = @Renewal", paid));

        var (made, refund) = await RefundAsync(paid, amount, period);

        Assert.Equal((200, "succeeded", chosen), (made, (string?)refund["state"], (string?)refund["period"]));
        await AssertExpiryAsync(paid, days);
        var mail = JsonNode.Parse(Assert.Single(await MailsAsync(paid, "refunded")))!;
        Assert.Equal((chosen, (decimal)amountUsd, autoRenew), (
            (string?)mail["reason"], (decimal)mail["refund_usd"]!, (bool)mail["auto_renew"]!));
    }

    [Fact]
    public async Task Refund_InTwoParts_IsBookedOnce_EvenWhenTheWebhooksComeTwice()
    {
        var paid = await PayAsync();
        await RefundAsync(paid, 10);
        await DeliverAsync(paid);
        await DeliverAsync(paid);
        Assert.Equal((409, "REFUNDABLE_CHANGED"), Code(await RefundAsync(paid, 10)));

        await RefundAsync(paid, 39.99, "keep", seen: 39.99);
        await DeliverAsync(paid);

        Assert.Equal(
            ["DEPOSIT 49.99", "FEE_SUBSCRIPTION 49.99", "REFUND 10.00", "WITHDRAWAL 10.00", "REFUND 39.99", "WITHDRAWAL 39.99"],
            await EntriesAsync(paid));
        Assert.Equal((409, "NOTHING_LEFT"), Code(await RefundAsync(paid, 1, seen: 0)));
        Assert.Equal(4999, Refunded(paid));
        Assert.Equal(2, (await MailsAsync(paid, "refunded")).Count);
        Assert.Empty(await MailsAsync(paid, "period_ended"));
        await AssertExpiryAsync(paid, 31);
    }

    [Fact]
    public async Task Refund_ByTenOperatorsAtOnce_IsMadeOnce()
    {
        var paid = await PayAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => RefundAsync(paid, 30)));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 409 or 503, $"{answer}"));
        Assert.Equal(3000, Refunded(paid));
        Assert.Equal(["REFUND 30.00", "WITHDRAWAL 30.00"], (await EntriesAsync(paid)).Skip(2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Refund_WhoseAnswerIsLost_IsRequested_UntilALookupOrTheWebhookShowsIt(bool byWebhook)
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, "refunds.create", paid.Intent));

        var (status, refund) = await RefundAsync(paid, 10);

        Assert.Equal((202, "requested"), (status, (string?)refund["state"]));
        Assert.Equal((409, "REFUNDABLE_CHANGED"), Code(await RefundAsync(paid, 10)));
        if (byWebhook)
        {
            await DeliverAsync(paid);
        }
        else
        {
            await MakeDueAsync("refunds", "refund_id", (string)refund["refund_id"]!);
            await app.RunTimerAsync(database, "ReconcileRenewals");
            await DeliverAsync(paid);
        }

        Assert.Equal("succeeded", await StateAsync(paid));
        Assert.Equal(1000, Refunded(paid));
        Assert.Equal(["REFUND 10.00", "WITHDRAWAL 10.00"], (await EntriesAsync(paid)).Skip(2));
        Assert.Single(await MailsAsync(paid, "refunded"));
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(24, "-2")]
    public async Task Refund_ThatWasNeverMade_IsSentAgain_WithANewKeyOnlyAfterTheLifetimeOfTheFirst(int hours, string key)
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.DropBefore, "refunds.create", paid.Intent, Times: 2));
        var (status, refund) = await RefundAsync(paid, 10);
        Assert.Equal((202, 0), (status, Refunded(paid)));
        var id = (string)refund["refund_id"]!;
        await database.ExecuteAsync(
            "update refunds set key_used_at = key_used_at - make_interval(hours => @hours) where refund_id = @id::uuid", new { hours, id });
        await MakeDueAsync("refunds", "refund_id", id);

        await app.RunTimerAsync(database, "ReconcileRenewals");

        Assert.Equal(("succeeded", 1000), (await StateAsync(paid), Refunded(paid)));
        lock (stripe.Account.Gate)
            Assert.Contains(stripe.Account.Events, made =>
                (string?)made["request"]!["idempotency_key"] == $"refund-{Guid.Parse(id):N}{key}");
    }

    // The restored database may not know a refund that was made. A refund that waits has sent no request, so it gets no case.
    [Fact]
    public async Task Refund_WhileEventsOfTheProviderAreUnread_IsNeitherRequestedNorSent_AndHasNoCase()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.DropBefore, "refunds.create", paid.Intent, Times: 2));
        var id = (string)(await RefundAsync(paid, 10)).Body["refund_id"]!;
        await database.ExecuteAsync("insert into payment_event_reads (provider, missed_until) values ('stripe', now())");

        Assert.Equal((503, "PAYMENTS_NOT_READ"), Code(await RefundAsync(paid, 5, seen: 39.99)));
        await database.ExecuteAsync(
            "update refunds set requested_at = requested_at - interval '4 days' where refund_id = @id::uuid", new { id });
        await MakeDueAsync("refunds", "refund_id", id);
        await app.RunTimerAsync(database, "ReconcileRenewals");
        Assert.Equal(("requested", 0), (await StateAsync(paid), Refunded(paid)));
        Assert.Equal(
            "events_not_read", await database.QueryAsync<string>("select code from refunds where refund_id = @id::uuid", new { id }));
        Assert.Empty(await CasesAsync(paid));

        await database.ExecuteAsync("delete from payment_event_reads");
        await MakeDueAsync("refunds", "refund_id", id);
        await app.RunTimerAsync(database, "ReconcileRenewals");
        Assert.Equal(("succeeded", 1000), (await StateAsync(paid), Refunded(paid)));
    }

    // The refund was stored, and the process ended before the first request. After the wait, an answer may be missing for three days.
    [Fact]
    public async Task Refund_ThatWaitedForEvents_BeforeItsFirstRequest_IsTriedAsOften_AsAnyOther()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.DropBefore, "refunds.create", paid.Intent, Times: null));
        var id = (string)(await RefundAsync(paid, 10)).Body["refund_id"]!;
        await database.ExecuteAsync(
            """
            update refunds set tries = 0, key_used_at = null, code = null, requested_at = requested_at - interval '4 days'
            where refund_id = @id::uuid;
            insert into payment_event_reads (provider, missed_until) values ('stripe', now())
            """,
            new { id });
        await TryAgainAsync();
        Assert.Equal("0 events_not_read", await TriesAsync());
        await TryAgainAsync();
        Assert.Equal("0 events_not_read", await TriesAsync());
        await database.ExecuteAsync("delete from payment_event_reads");

        await TryAgainAsync();

        Assert.StartsWith("1 ", await TriesAsync(), StringComparison.Ordinal);
        Assert.True(await database.QueryAsync<bool>(
            "select next_try_at < now() + interval '10 minutes' from refunds where refund_id = @id::uuid", new { id }));
        Assert.Empty(await CasesAsync(paid));
        await database.ExecuteAsync(
            "update refunds set key_used_at = key_used_at - interval '3 days' where refund_id = @id::uuid", new { id });
        await TryAgainAsync();
        Assert.Single(await CasesAsync(paid));

        async Task TryAgainAsync()
        {
            await MakeDueAsync("refunds", "refund_id", id);
            await app.RunTimerAsync(database, "ReconcileRenewals");
        }

        Task<string> TriesAsync() => database.QueryAsync<string>(
            """
            select concat_ws(' ', tries, code, case when key_used_at is not null then 'sent' end) from refunds where refund_id = @id::uuid
            """,
            new { id });
    }

    // The restored database doesn't know the request, and the provider has deleted its key.
    [Fact]
    public async Task Refund_ThatWasMadeBeforeTheRestore_IsLookedUpAfterTheWait()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, "refunds.create", paid.Intent, Times: null));
        var id = (string)(await RefundAsync(paid, 10)).Body["refund_id"]!;
        stripe.Faults.Clear();
        await database.ExecuteAsync(
            """
            update refunds set tries = 0, key_used_at = null, key_number = 7, code = null where refund_id = @id::uuid;
            insert into payment_event_reads (provider, missed_until) values ('stripe', now())
            """,
            new { id });
        await MakeDueAsync("refunds", "refund_id", id);
        await app.RunTimerAsync(database, "ReconcileRenewals");
        await database.ExecuteAsync("delete from payment_event_reads");

        await MakeDueAsync("refunds", "refund_id", id);
        await app.RunTimerAsync(database, "ReconcileRenewals");

        Assert.Equal(("succeeded", 1000), (await StateAsync(paid), Refunded(paid)));
    }

    [Fact]
    public async Task Refund_OfADisputedCharge_IsRefused_EvenIfOnlyStripeKnowsOfTheDispute()
    {
        var paid = await PayAsync();
        stripe.Dispute(paid.Intent);
        Assert.Equal((409, "CHARGE_DISPUTED"), Code(await RefundAsync(paid, 10)));
        Assert.Equal("refused", await StateAsync(paid));

        await DeliverAsync(paid);
        Assert.Equal((409, "CHARGE_DISPUTED"), Code(await RefundAsync(paid, 10)));

        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from refunds where renewal_id = @Renewal", paid));
        Assert.Equal(2, (await EntriesAsync(paid)).Count);
        Assert.Empty(await CasesAsync(paid));
    }

    [Fact]
    public async Task Refund_ThatIsRefusedWhenNobodyWaits_OpensACase()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.DropBefore, "refunds.create", paid.Intent, Times: 2));
        var (_, refund) = await RefundAsync(paid, 10);
        stripe.Dispute(paid.Intent);
        await MakeDueAsync("refunds", "refund_id", (string)refund["refund_id"]!);

        await app.RunTimerAsync(database, "ReconcileRenewals");

        Assert.Equal("refused", await StateAsync(paid));
        Assert.Contains("has been charged back", Assert.Single(await CasesAsync(paid)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refund_WithoutAnAnswerForThreeDays_OpensACase_UntilItIsAnswered(bool refused)
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "refunds.create", paid.Intent, Times: null));
        var (_, refund) = await RefundAsync(paid, 10);
        await TryAgainAsync(days: 2);
        Assert.Empty(await CasesAsync(paid));

        await TryAgainAsync(days: 1);
        await TryAgainAsync(days: 1);

        Assert.Contains("has no certain answer", Assert.Single(await CasesAsync(paid)), StringComparison.Ordinal);
        Assert.Equal("requested", await StateAsync(paid));
        stripe.Faults.Clear();
        if (refused) stripe.Dispute(paid.Intent);
        await TryAgainAsync(days: 0);
        Assert.Equal(refused ? "refused" : "succeeded", await StateAsync(paid));
        Assert.Equal(refused ? 1 : 0, (await CasesAsync(paid)).Count);

        async Task TryAgainAsync(int days)
        {
            await database.ExecuteAsync(
                """
                update refunds set requested_at = requested_at - make_interval(days => @days), key_used_at = now() - interval '2 days'
                where renewal_id = @Renewal
                """,
                new { paid.Renewal, days });
            await MakeDueAsync("refunds", "refund_id", (string)refund["refund_id"]!);
            await app.RunTimerAsync(database, "ReconcileRenewals");
        }
    }

    [Fact]
    public async Task Refund_ThatIsRefusedAfterTheAnswerToTheOperator_LeavesACase()
    {
        var paid = await PayAsync();
        stripe.Dispute(paid.Intent);
        Assert.Equal((409, "CHARGE_DISPUTED"), Code(await RefundAsync(paid, 10)));
        Assert.Empty(await CasesAsync(paid));
        // As if the answer had come after the end of the operator's request: then operators learn of the refusal only from the case.
        await database.ExecuteAsync(
            "update refunds set state = 'requested', next_try_at = now(), decided_at = null where renewal_id = @Renewal", paid);
        await database.ExecuteAsync("delete from payment_cases where renewal_id = @Renewal", paid);

        await app.RunTimerAsync(database, "ReconcileRenewals");

        Assert.Single(await CasesAsync(paid));
    }

    [Fact]
    public async Task Refund_ThatFailsLater_RestoresThePeriod_AndOpensACase()
    {
        var paid = await PayAsync();
        var (_, refund) = await RefundAsync(paid, null, "end");
        await AssertExpiryAsync(paid, 1);

        stripe.FailRefund((string)refund["provider_id"]!);
        await DeliverAsync(paid);
        await DeliverAsync(paid);

        Assert.Equal("failed", await StateAsync(paid));
        await AssertExpiryAsync(paid, 31);
        Assert.Equal(["DEPOSIT 49.99", "FEE_SUBSCRIPTION 49.99"], (await EntriesAsync(paid)).Skip(4));
        Assert.Contains("lost_or_stolen_card", Assert.Single(await CasesAsync(paid)), StringComparison.Ordinal);
        Assert.Equal(200, (await RefundAsync(paid, 10)).Status);
    }

    [Fact]
    public async Task Refund_WhoseTotalIsReportedBeforeItsAnswer_KeepsThePeriodThatTheOperatorKept()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, "refunds.create", paid.Intent));
        await RefundAsync(paid, 49.99, "keep");

        await DeliverAsync(paid, "charge.refunded");

        await AssertExpiryAsync(paid, 31);
        Assert.Equal(("requested", 1), (await StateAsync(paid), (await MailsAsync(paid, "refunded")).Count));
        await DeliverAsync(paid);
        await AssertExpiryAsync(paid, 31);
        Assert.Equal(("succeeded", 1, 4), (
            await StateAsync(paid), (await MailsAsync(paid, "refunded")).Count, (await EntriesAsync(paid)).Count));
    }

    [Fact]
    public async Task Refund_OfAPaymentFromTheWallet_GoesToTheWallet()
    {
        var paid = await PayAsync(wallet: 60);

        var (status, refund) = await RefundAsync(paid, 20, "shorten");

        Assert.Equal((200, "succeeded", "wallet"), (status, (string?)refund["state"], (string?)refund["to"]));
        var state = await site.World.ReadAsync(paid.License);
        Assert.Equal(30.01m, state.WalletUsd);
        Assert.Equal(["FEE_SUBSCRIPTION 49.99", "REFUND 20.00"], await EntriesAsync(paid));
        await AssertExpiryAsync(paid, 18.998);
        Assert.Equal((409, "REFUNDABLE_CHANGED"), Code(await RefundAsync(paid, 20, "shorten")));
        Assert.Equal(200, (await RefundAsync(paid, 29.99, "end", seen: 29.99)).Status);
        await AssertExpiryAsync(paid, 1);
        var list = (await app.GetAsync($"/api/v1/licenses/{paid.License}/payments", Operator)).Body!;
        Assert.Equal((49.99m, 49.99m, 2), (
            (decimal?)list["payments"]![0]!["amount_usd"], (decimal?)list["payments"]![0]!["refunded_usd"],
            list["refunds"]!.AsArray().Count));
        Assert.Equal("20.00", list["refunds"]!.AsArray().Single(one => (decimal?)one!["amount_usd"] == 20)!["amount_usd"]!.ToJsonString());
        var history = (await app.GetAsync($"/api/v1/licenses/{paid.License}/renewals", Operator)).Body!["renewals"]!.AsArray();
        var row = Assert.Single(history, one => (string?)one!["status"] == "success")!;
        Assert.Equal(("wallet", 49.99m, "0.00", false), (
            (string?)row["paid_with"], (decimal?)row["refunded_usd"], row["charged_back_usd"]!.ToJsonString(), (bool?)row["is_disputed"]));
        Assert.True((DateTime?)row["paid_until"] < (DateTime?)row["new_expiry"]);
    }

    [Theory]
    [InlineData("{\"amount_usd\":50}", 400, "AMOUNT_INVALID", "amount_usd")]
    [InlineData("{\"amount_usd\":0.001}", 400, "AMOUNT_INVALID", "amount_usd")]
    [InlineData("{\"amount_usd\":-1}", 400, "AMOUNT_INVALID", "amount_usd")]
    [InlineData("{\"period\":\"forever\"}", 400, "PERIOD_INVALID", "period")]
    [InlineData("{\"reason\":\"\"}", 400, "REASON_MISSING", "reason")]
    [InlineData("{\"refundable_usd\":null}", 400, "REFUNDABLE_MISSING", "refundable_usd")]
    [InlineData("{\"refundable_usd\":1}", 409, "REFUNDABLE_CHANGED", "refundable_usd")]
    public async Task Refund_ABadBody_IsRefusedAndNamesTheField(string change, int expected, string code, string field)
    {
        var paid = await PayAsync();
        var body = JsonNode.Parse("{\"amount_usd\":1,\"reason\":\"asked\",\"refundable_usd\":49.99}")!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) body[name] = value?.DeepClone();

        var (status, problem) = await PostAsync($"payments/{paid.Renewal}/refund", body);

        Assert.Equal((expected, code, field), (status, (string?)problem["code"], (string?)problem["field"]));
        Assert.Equal(0, Refunded(paid));
    }

    [Fact]
    public async Task Refund_OfTheRest_EndsThePeriod_AsARefundOfTheWholeDoes()
    {
        var paid = await PayAsync();
        await RefundAsync(paid, 10);
        await AssertExpiryAsync(paid, 31);

        var (status, refund) = await RefundAsync(paid, amount: null, seen: 39.99);

        Assert.Equal((200, "end"), (status, (string?)refund["period"]));
        await AssertExpiryAsync(paid, 1);
    }

    [Fact]
    public async Task BlankReasons_AreRefused_AndTheFieldIsNamed()
    {
        var (paid, id) = (await PayAsync(), Guid.NewGuid());
        await database.ExecuteAsync(
            """
            insert into payment_cases (case_id, provider, reason, subject, detail)
            values (@id, 'stripe', 'unreadable_event', @id::text, 'a test')
            """,
            new { id });
        foreach (var (path, body) in new (string, object)[]
        {
            ($"payments/{paid.Renewal}/refund", new { reason = " \t", refundable_usd = 49.99 }),
            ($"payments/cases/{id}/decision", new { action = "dismiss", reason = " \t" }),
            ($"renewals/{paid.Renewal}/decision", new { paid = false, reason = " \t" }),
        })
        {
            var answer = await PostAsync(path, body);
            Assert.Equal((400, "REASON_MISSING"), Code(answer));
            Assert.Equal("reason", (string?)answer.Body["field"]);
        }

        await PostAsync($"payments/cases/{id}/decision", new { action = "dismiss", reason = "  seen  " });
        Assert.Equal("seen", await database.QueryAsync<string>("select decided_why from payment_cases where case_id = @id", new { id }));
    }

    [Theory]
    [InlineData("payments/cases/{0}/decision", """{"action":"credit"}""", "reason")]
    [InlineData("payments/cases/{0}/decision", "{}", "action")]
    [InlineData("renewals/{0}/decision", """{"paid":true}""", "reason")]
    public async Task AMissingField_IsNamed(string path, string body, string field)
    {
        var answer = await PostAsync(string.Format(null, path, Guid.NewGuid()), JsonNode.Parse(body)!);

        Assert.Equal((400, "MISSING_FIELD"), Code(answer));
        Assert.Equal((field, $"{field} is missing."), ((string?)answer.Body["field"], (string?)answer.Body["detail"]));
    }

    [Fact]
    public async Task Refund_OfWhatWasNotPaid_IsRefused()
    {
        Assert.Equal((404, "RENEWAL_NOT_FOUND"), Code(await RefundAsync(new Payment(Guid.NewGuid(), Guid.NewGuid(), ""), 1)));
        Assert.Equal(404, (await app.GetAsync($"/api/v1/licenses/{Guid.NewGuid()}/payments", Operator)).Status);
        Assert.Equal(403, (await app.PostAsync(
            $"/api/v1/payments/{Guid.NewGuid()}/refund", "Bearer " + RunningApp.Token("subscriber", Guid.NewGuid()), new { })).Status);
    }

    [Fact]
    public async Task Evidence_IsDraftedThenSentOnce()
    {
        var (paid, dispute, reversal) = await DisputeAsync();
        var draft = await EvidenceAsync(reversal);
        Assert.Equal(("draft", true), ((string?)draft["state"], (bool)draft["can_send"]!));
        Assert.Contains(dispute, (string?)draft["text"], StringComparison.Ordinal);

        var (status, sent) = await SendAsync(reversal, (string)draft["text"]! + "\nThe customer wrote on Monday.");

        Assert.Equal((200, "sent", false), (status, (string?)sent["state"], (bool)sent["can_send"]!));
        Assert.EndsWith("on Monday.", AtStripe(dispute), StringComparison.Ordinal);
        Assert.Equal((409, "EVIDENCE_SENT"), Code(await SendAsync(reversal, "more")));
        Assert.EndsWith("on Monday.", (string?)(await EvidenceAsync(reversal))["text"], StringComparison.Ordinal);
        await DeliverAsync(paid);
        Assert.Equal("sent", (string?)(await ListedAsync(reversal))["evidence_state"]);
    }

    [Theory]
    [InlineData(FaultKind.ErrorAfter)]
    [InlineData(FaultKind.DropBefore)]
    public async Task Evidence_WhoseAnswerIsLost_IsRequestedUntilItIsSent(FaultKind fault)
    {
        var (_, dispute, reversal) = await DisputeAsync();
        stripe.Faults.Add(new Fault(fault, "disputes.update", dispute, Times: 2));

        var (status, pending) = await SendAsync(reversal, "Used daily.");

        Assert.Equal((202, "requested"), (status, (string?)pending["state"]));
        Assert.Equal((409, "EVIDENCE_PENDING"), Code(await SendAsync(reversal, "more")));
        await MakeDueAsync("dispute_evidence", "reversal_id", reversal);
        await app.RunTimerAsync(database, "ReconcileRenewals");
        Assert.Equal("sent", (string?)(await EvidenceAsync(reversal))["state"]);
        Assert.Equal("Used daily.", AtStripe(dispute));
        lock (stripe.Account.Gate)
            Assert.Equal(1, stripe.Account.Disputes[dispute]["evidence_details"]!["submission_count"]!.GetValue<long>());
    }

    [Theory]
    [InlineData("requested_at = requested_at - interval '3 days'", "reversal_id = reversal_id")]
    [InlineData("requested_at = requested_at", "evidence_due_at = now() + interval '23 hours'")]
    public async Task Evidence_WithoutAnAnswer_OpensACaseBeforeItIsTooLate_UntilItIsAnswered(string evidence, string dispute)
    {
        var (paid, id, reversal) = await DisputeAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "disputes.retrieve", id, Times: null));
        Assert.Equal(202, (await SendAsync(reversal, "Used daily.")).Status);
        Assert.Empty(await CasesAsync(paid));
        await database.ExecuteAsync($"update dispute_evidence set {evidence} where reversal_id = @reversal::uuid", new { reversal });
        await database.ExecuteAsync($"update payment_reversals set {dispute} where reversal_id = @reversal::uuid", new { reversal });

        await TryAgainAsync();

        Assert.Contains("not certain that the provider has", Assert.Single(await CasesAsync(paid)), StringComparison.Ordinal);
        stripe.Faults.Clear();
        await TryAgainAsync();
        Assert.Equal("sent", (string?)(await EvidenceAsync(reversal))["state"]);
        Assert.Empty(await CasesAsync(paid));

        async Task TryAgainAsync()
        {
            await MakeDueAsync("dispute_evidence", "reversal_id", reversal);
            await app.RunTimerAsync(database, "ReconcileRenewals");
        }
    }

    [Fact]
    public async Task Evidence_ThatIsRefusedWhenNobodyWaits_OpensACase_AlsoTheSecondTime()
    {
        var (paid, id, reversal) = await DisputeAsync();
        for (var sent = 1; sent <= 2; sent++)
        {
            stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "disputes.retrieve", id, Times: null));
            Assert.Equal(202, (await SendAsync(reversal, "Used daily.")).Status);
            stripe.Faults.Clear();
            SetStatus("under_review");
            await MakeDueAsync("dispute_evidence", "reversal_id", reversal);
            await app.RunTimerAsync(database, "ReconcileRenewals");

            Assert.Equal("refused", (string?)(await EvidenceAsync(reversal))["state"]);
            Assert.Contains("was refused", Assert.Single(await CasesAsync(paid)), StringComparison.Ordinal);
            SetStatus("needs_response");
            await database.ExecuteAsync(
                "update payment_cases set decision = 'dismissed', decided_at = now() where renewal_id = @Renewal", paid);
        }

        void SetStatus(string status)
        {
            lock (stripe.Account.Gate)
                stripe.Account.Disputes[id]["status"] = status;
        }
    }

    [Fact]
    public async Task Refund_WithoutAnAnswer_ThatIsGivenUp_CanBeRequestedAgain()
    {
        var paid = await PayAsync();
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "refunds.create", paid.Intent, Times: null));
        var (_, refund) = await RefundAsync(paid, 49.99);
        await database.ExecuteAsync(
            "update refunds set key_used_at = key_used_at - interval '3 days', requested_at = requested_at - interval '3 days' "
            + "where renewal_id = @Renewal",
            paid);
        await MakeDueAsync("refunds", "refund_id", (string)refund["refund_id"]!);
        await app.RunTimerAsync(database, "ReconcileRenewals");
        stripe.Faults.Clear();
        var id = await database.QueryAsync<Guid>(
            "select case_id from payment_cases where renewal_id = @Renewal and decided_at is null", paid);

        Assert.Equal(200, (await PostAsync(
            $"payments/cases/{id}/decision", new { action = "dismiss", reason = "Stripe has no such refund" })).Status);

        Assert.Equal("refused", await StateAsync(paid));
        Assert.Equal(200, (await RefundAsync(paid, 49.99)).Status);
        Assert.Equal(4999, Refunded(paid));
    }

    [Fact]
    public async Task Evidence_AfterTheDeadlineOrTheDecision_IsRefused()
    {
        var (paid, dispute, reversal) = await DisputeAsync();
        Assert.Equal((400, "TEXT_INVALID"), Code(await SendAsync(reversal, "")));
        Assert.Equal((400, "TEXT_INVALID"), Code(await SendAsync(reversal, " \n\t")));
        Assert.Equal((400, "TEXT_INVALID"), Code(await SendAsync(reversal, new string('x', 20_001))));
        await database.ExecuteAsync(
            "update payment_reversals set evidence_due_at = now() where reversal_id = @reversal::uuid", new { reversal });

        Assert.Equal((409, "EVIDENCE_TOO_LATE"), Code(await SendAsync(reversal, "late")));
        Assert.False((bool)(await EvidenceAsync(reversal))["can_send"]!);
        stripe.CloseDispute(dispute, won: true);
        await DeliverAsync(paid);
        Assert.Equal((409, "DISPUTE_CLOSED"), Code(await SendAsync(reversal, "late")));
        Assert.Equal((404, "DISPUTE_NOT_FOUND"), Code(await SendAsync(Guid.NewGuid().ToString(), "whose?")));
    }

    [Fact]
    public async Task Evidence_ThatWasSentInTheDashboard_IsNotSentAgain()
    {
        var (_, dispute, reversal) = await DisputeAsync();
        lock (stripe.Account.Gate)
            stripe.Account.Disputes[dispute]["evidence_details"]!["submission_count"] = 1L;

        Assert.Equal((409, "EVIDENCE_SENT"), Code(await SendAsync(reversal, "from here")));

        Assert.Null(AtStripe(dispute));
        Assert.Equal("refused", (string?)(await EvidenceAsync(reversal))["state"]);
    }

    [Fact]
    public async Task Evidence_ThatStripeRefuses_MayBeSentAgain()
    {
        var (_, dispute, reversal) = await DisputeAsync();
        SetStatus("under_review");
        Assert.Equal((409, "EVIDENCE_REFUSED"), Code(await SendAsync(reversal, "first")));

        SetStatus("needs_response");
        Assert.Equal(200, (await SendAsync(reversal, "second")).Status);
        Assert.Equal("second", AtStripe(dispute));

        void SetStatus(string status)
        {
            lock (stripe.Account.Gate)
                stripe.Account.Disputes[dispute]["status"] = status;
        }
    }

    /// <param name="Intent">Empty if the wallet paid.</param>
    private sealed record Payment(Guid License, Guid Renewal, string Intent);

    private async Task<Payment> PayAsync(decimal wallet = 0)
    {
        var (customer, method) = stripe.SavedCard(TestCards.ByName["pm_card_visa"]);
        var license = await site.World.AddAsync(
            new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = method, CustomerId = customer, WalletUsd = wallet });
        var (status, renewed, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Operator);
        Assert.Equal(200, status);
        var intent = await database.QueryAsync<string?>(
            "select max(intent_id) from renewals where subscription_id = @license", new { license });
        return new Payment(license, Guid.Parse((string)renewed!["renewal_id"]!), intent ?? "");
    }

    private Task<(int Status, JsonNode Body)> RefundAsync(Payment paid, double? amount, string? period = null, double seen = 49.99) =>
        PostAsync(
            $"payments/{paid.Renewal}/refund",
            new { amount_usd = amount, period, reason = "the customer asked", refundable_usd = seen });

    private async Task<(Payment Paid, string Dispute, string Reversal)> DisputeAsync()
    {
        var paid = await PayAsync();
        var dispute = stripe.Dispute(paid.Intent);
        await DeliverAsync(paid);
        return (paid, dispute, await database.QueryAsync<string>(
            "select reversal_id::text from payment_reversals where provider_id = @dispute", new { dispute }));
    }

    private async Task<JsonNode> EvidenceAsync(string reversal) =>
        (await app.GetAsync($"/api/v1/payments/disputes/{reversal}/evidence", Operator)).Body!;

    private async Task<JsonNode> ListedAsync(string reversal) =>
        (await app.GetAsync("/api/v1/payments/disputes", Operator)).Body!["disputes"]!.AsArray()
        .Single(row => (string?)row!["reversal_id"] == reversal)!;

    private Task<(int Status, JsonNode Body)> SendAsync(string reversal, string text) =>
        PostAsync($"payments/disputes/{reversal}/evidence", new { text });

    private string? AtStripe(string dispute)
    {
        lock (stripe.Account.Gate)
            return (string?)stripe.Account.Disputes[dispute]["evidence"]!["uncategorized_text"];
    }

    private async Task<(int Status, JsonNode Body)> PostAsync(string path, object body)
    {
        var (status, answer, _) = await app.PostAsync($"/api/v1/{path}", Operator, body);
        Assert.True(status is < 500 or 503, app.Log);
        return (status, answer!);
    }

    private static (int, string?) Code((int Status, JsonNode Body) answer) => (answer.Status, (string?)answer.Body["code"]);

    /// <summary>All events about the charge, or those of one type.</summary>
    private async Task DeliverAsync(Payment paid, string? type = null)
    {
        List<string> ids;
        lock (stripe.Account.Gate)
        {
            ids = [.. stripe.Account.Events
                .Where(made => made.ToJsonString().Contains(paid.Intent, StringComparison.Ordinal)
                    && (type is null || (string?)made["type"] == type))
                .Select(made => made.Id())];
        }

        foreach (var id in ids) await stripe.Webhooks.DeliverAsync(id, TestContext.Current.CancellationToken);
    }

    private Task<int> MakeDueAsync(string table, string key, string id) => database.ExecuteAsync(
        $"update {table} set next_try_at = now() where {key} = @id::uuid and next_try_at is not null", new { id });

    private async Task<string?> StateAsync(Payment paid) =>
        (string?)(await app.GetAsync("/api/v1/payments/refunds", Operator)).Body!["refunds"]!.AsArray()
        .First(row => (string?)row!["renewal_id"] == paid.Renewal.ToString())!["state"];

    private long Refunded(Payment paid)
    {
        lock (stripe.Account.Gate)
        {
            return stripe.Account.Charges.Values.Where(charge => (string?)charge["payment_intent"] == paid.Intent)
                .Sum(charge => charge["amount_refunded"]!.GetValue<long>());
        }
    }

    private async Task AssertExpiryAsync(Payment paid, double days) =>
        Assert.Equal(days, Math.Round(((await site.World.ReadAsync(paid.License)).ExpiresAt!.Value - now).TotalDays, 3));

    private double Days(JsonNode? at) => Math.Round(((DateTimeOffset)at! - now).TotalDays, 3);

    private Task<IReadOnlyList<string>> MailsAsync(Payment paid, string template) => database.QueryAllAsync<string>(
        """
        select payload ->> 'model' from outbox
        where payload ->> 'template' = @template and payload -> 'model' ->> 'renewal_id' = @Renewal::text
        """,
        new { template, paid.Renewal });

    private Task<IReadOnlyList<string>> CasesAsync(Payment paid) => database.QueryAllAsync<string>(
        "select detail from payment_cases where renewal_id = @Renewal and decided_at is null", paid);

    // The entries of one transaction have the same time; a credit comes first.
    private Task<IReadOnlyList<string>> EntriesAsync(Payment paid) => database.QueryAllAsync<string>(
        """
        select entry_type || ' ' || round(amount_usd, 2) from billing_ledger
        where reference_id = @Renewal order by created_at, balance_after < balance_before
        """,
        paid);
}
