using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Renewals;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>Events of the payment provider over PostgreSQL: locks, the order in which they come, and what stays as it is.</summary>
public sealed class PaymentEventsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    private readonly DateTimeOffset now = new(TimeProvider.System.GetUtcNow().UtcTicks / 10 * 10, TimeSpan.Zero);
    private readonly ScriptedGateway gateway = new();
    private TestDatabase database = null!;
    private PostgresWorld world = null!;
    private Guid license;
    private int events;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        world = new PostgresWorld(database, TimeProvider.System);
        license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData("license_states", "subscription_id")]
    [InlineData("renewals", "subscription_id")]
    [InlineData("renewal_attempts", "renewal_id")]
    public async Task Apply_ADeclineWhileARowIsLocked_BooksNothing(string table, string key)
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync(
            "do $$ begin execute format('alter database %I set lock_timeout = ''100ms''', current_database()); end $$");
        database.Source.Clear();
        await using var other = await database.Source.OpenConnectionAsync(Token);
        await using var transaction = await other.BeginTransactionAsync(Token);
        await using var hold = new NpgsqlCommand(
            $"select from {table} where {key} in ('{license}', '{renewal.RenewalId}') for update", other);
        await hold.ExecuteNonQueryAsync(Token);

        var locked = await Assert.ThrowsAsync<PostgresException>(
            () => ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", new ChargeOutcome.SoftDeclined("x", "")), null)));

        Assert.Equal(PostgresErrorCodes.LockNotAvailable, locked.SqlState);
        await transaction.RollbackAsync(Token);
        Assert.Equal((RenewalStatus.Charging, 0), (
            (await FindAsync(renewal)).Status, await database.QueryAsync<int>("select count(*)::int from billing_ledger")));
    }

    [Fact]
    public async Task Apply_ASuccessWhileTheWalletIsLocked_IsBookedLater()
    {
        var renewal = await ChargeAsync();
        await using var other = await database.Source.OpenConnectionAsync(Token);
        await using (var transaction = await other.BeginTransactionAsync(Token))
        {
            await using var hold = new NpgsqlCommand("select from user_wallets for update", other);
            await hold.ExecuteNonQueryAsync(Token);

            await SucceedAsync();

            Assert.Equal(RenewalStatus.Succeeded, (await FindAsync(renewal)).Status);
            await transaction.RollbackAsync(Token);
        }

        await SucceedAsync();

        Assert.Equal((RenewalStatus.Applied, now.AddDays(31)), (
            (await FindAsync(renewal)).Status, (await world.ReadAsync(license)).ExpiresAt));
    }

    [Theory]
    [InlineData("succeeded")]
    [InlineData("due")]
    [InlineData("canceled")]
    [InlineData("undecided")]
    public async Task Renewals_APaidOne_NeverGoesBack(string status)
    {
        await ChargeAsync();
        await SucceedAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync(
            "update renewals set status = @status, paid_with = null, paid_from = null, paid_until = null", new { status }));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task Apply_ASuccessOfARenewalWhoseAttemptIsLost_IsBooked()
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");

        var answer = new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4000, "usd"));
        await ApplyAsync(new PaymentFact.IntentChanged(answer, renewal));

        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
        Assert.Equal("applied pi_9 40.00 ch_9", await database.QueryAsync<string>(
            """
            select concat_ws(' ', r.status, intent_id, amount_usd, transaction_id)
            from renewals r join renewal_attempts using (renewal_id)
            """));
    }

    [Fact]
    public async Task Apply_ASuccessOfAnUnknownRenewal_IsACase_EvenWhenItComesAgain()
    {
        var (renewal, user) = (Guid.NewGuid(), Guid.NewGuid());
        var answer = new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4999, "usd"));

        await ApplyAsync(new PaymentFact.IntentChanged(answer, renewal, license, user));
        await ApplyAsync(new PaymentFact.IntentChanged(answer, renewal, license, user));
        await ApplyAsync(new PaymentFact.IntentChanged(answer, RenewalId: null)); // another system that uses the account

        Assert.Equal([$"unknown_renewal pi_9 {renewal} {license} {user} 4999"], await CasesAsync());
        Assert.Equal(3, await database.QueryAsync<int>("select count(*)::int from payment_events"));
    }

    [Fact]
    public async Task Apply_ASuccessOfALicenseWhoseTokenIsGone_IsACase_AndIsBookedWhenThereIsOneAgain()
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync(
            "create table kept as select * from license_tokens; delete from license_tokens");

        await SucceedAsync();

        Assert.Equal((RenewalStatus.Undecided, 0), (
            (await FindAsync(renewal)).Status, await database.QueryAsync<int>("select count(*)::int from billing_ledger")));
        Assert.StartsWith($"license_gone pi_1 {renewal.RenewalId}", Assert.Single(await CasesAsync()), StringComparison.Ordinal);
        await database.ExecuteAsync("insert into license_tokens select * from kept");

        await SucceedAsync();

        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
        Assert.Empty(await CasesAsync());
    }

    [Fact]
    public async Task Apply_ARefundOfAnUnknownCharge_IsACase_UntilItsSuccessComes()
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");

        await ApplyAsync(Refund("pi_9"));
        Assert.StartsWith("unknown_charge pi_9", Assert.Single(await CasesAsync()), StringComparison.Ordinal);
        await ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4999)), renewal));

        Assert.Empty(await CasesAsync());
        Assert.Equal(now.AddDays(1).AddSeconds(1), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task Apply_ASecondChargeOfAPaidPeriod_IsACase_UntilItIsRefunded()
    {
        var renewal = await ChargeAsync();
        await SucceedAsync();
        await ApplyAsync(
            new PaymentFact.IntentChanged(new IntentSnapshot("pi_2", new ChargeOutcome.Succeeded("ch_2", 4999)), renewal.RenewalId));
        Assert.StartsWith($"paid_twice pi_2 {renewal.RenewalId}", Assert.Single(await CasesAsync()), StringComparison.Ordinal);

        await ApplyAsync(Refund("pi_2"));

        Assert.Empty(await CasesAsync());
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task ARestoredLicense_IsValidUntilAnOperatorHasDecidedAboutTheUnknownCharge()
    {
        await world.MoveExpiryAsync(license, now.AddDays(-4));
        await database.ExecuteAsync("update license_tokens set metadata = '{}'");
        Assert.Equal(1, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        Assert.Equal("EXPIRED", await CodeAsync());

        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4999)), Guid.NewGuid(), license));
        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        Assert.Equal("GRACE", await CodeAsync());

        await database.ExecuteAsync("update payment_cases set decision = 'dismissed', decided_at = now()");
        await world.Store.SuspendExpiredAsync(Policy, now, 10, Token);
        Assert.Equal("EXPIRED", await CodeAsync());
    }

    private Task<string> CodeAsync() => database.QueryAsync<string>(
        "select listed_license_code(@license, interval '3 days')", new { license });

    [Fact]
    public async Task Decide_WithAChargeThatPaidAnotherRenewal_IsAConflict()
    {
        await ChargeAsync();
        await SucceedAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_2" });
        var second = await ChargeAsync("pi_2", RenewalStatus.Undecided);

        var decided = await DecidePaidAsync(second, "ch_1");

        Assert.Equal("CHARGE_IN_USE", decided.Refusal?.Code);
        Assert.Equal(RenewalStatus.Undecided, (await FindAsync(second)).Status);
    }

    [Fact]
    public async Task Decide_WithAChargeOfACase_ClosesTheCase_AndTheIntentsOwnChargeIsACase()
    {
        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4999)), Guid.NewGuid(), license));
        var renewal = await ChargeAsync(status: RenewalStatus.Undecided);

        var decided = await DecidePaidAsync(renewal, "ch_9");

        Assert.Equal("renewed", decided.Value.Status);
        Assert.Empty(await CasesAsync());
        await ApplyAsync(
            new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), renewal.RenewalId));
        Assert.StartsWith($"paid_twice pi_1 {renewal.RenewalId}", Assert.Single(await CasesAsync()), StringComparison.Ordinal);

        // The refund of the second charge ends nothing.
        await ApplyAsync(Refund("pi_1"));
        Assert.Empty(await CasesAsync());
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);

        await ApplyAsync(new PaymentFact.Reversed(Refund("pi_9").Reversal with { ProviderId = "re_2" }));
        Assert.Equal("pi_9", (await FindAsync(renewal)).IntentId);
        Assert.Equal(now.AddDays(1).AddSeconds(1), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task Decide_WithAChargeThatWasCredited_IsAConflict()
    {
        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_9", new ChargeOutcome.Succeeded("ch_9", 4999)), Guid.NewGuid(), license));
        await database.ExecuteAsync("update payment_cases set decision = 'credited', decided_at = now()");
        var renewal = await ChargeAsync(status: RenewalStatus.Undecided);

        Assert.Equal("CHARGE_CREDITED", (await DecidePaidAsync(renewal, "ch_9")).Refusal?.Code);

        Assert.Equal((RenewalStatus.Undecided, now.AddDays(1)), (
            (await FindAsync(renewal)).Status, (await world.ReadAsync(license)).ExpiresAt));
    }

    private Task<Outcome<RenewalReply>> DecidePaidAsync(Renewal renewal, string charge) =>
        new ResolveUnknownCharge(world.Store, new RenewalGateways([]), Policy, TimeProvider.System).RunAsync(
            renewal.RenewalId, new RenewalDecision(true, "seen", charge), Actor.System, Token);

    [Fact]
    public async Task Apply_AChargeThatPaidAnotherRenewal_IsACase()
    {
        await ChargeAsync();
        await SucceedAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_2" });
        var second = await ChargeAsync("pi_2");

        await ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_2", new ChargeOutcome.Succeeded("ch_1", 4999)), null));

        Assert.Equal(RenewalStatus.Undecided, (await FindAsync(second)).Status);
        Assert.StartsWith("charge_in_use pi_2", Assert.Single(await CasesAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reversals_InAnotherCurrency_AreNeverCountedAsDollars()
    {
        await ChargeAsync();
        await SucceedAsync();
        var euros = Refund("pi_1").Reversal with { ProviderId = "re_2", Currency = "eur" };

        await ApplyAsync(new PaymentFact.Reversed(euros));
        await ApplyAsync(Refund("pi_1", 1000));

        Assert.Equal(["REFUND 10.00", "WITHDRAWAL 10.00"], (await EntriesAsync()).Skip(2));
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
        Assert.StartsWith("unknown_charge pi_1", Assert.Single(await CasesAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnEventAboutMoneyThatCantBeRead_IsACase()
    {
        await ApplyAsync(new PaymentFact.Unreadable("pi_9"));

        Assert.Equal(["unreadable_event pi_9"], await CasesAsync());
    }

    [Fact]
    public async Task ARequestBesideAnOpenCharge_MakesNoSecondRenewal_EvenIfTheExpiryMoved()
    {
        var charging = await ChargeAsync();
        await world.MoveExpiryAsync(license, now.AddDays(1).AddHours(1));

        Assert.Equal(charging.RenewalId, await world.Store.OpenAsync(license, Policy, now, Token));

        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from renewals"));
    }

    [Fact]
    public async Task Reversals_AreInTheLedger_AndTheRevenueIsNet()
    {
        await ChargeAsync();
        await SucceedAsync();

        await ApplyAsync(Refund("pi_1", 1000));
        await ApplyAsync(Dispute(ReversalState.Open));
        await ApplyAsync(Dispute(ReversalState.Lost));

        Assert.Equal(
            [
                "DEPOSIT 49.99", "FEE_SUBSCRIPTION 49.99", "REFUND 10.00", "WITHDRAWAL 10.00", "ADJUSTMENT_ADMIN 39.99", "WITHDRAWAL 39.99",
            ],
            await EntriesAsync());
        Assert.Equal(
            $"Chargeback du_1, license renewal from {now.AddDays(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}",
            await database.QueryAsync<string>("select description from billing_ledger where entry_type = 'ADJUSTMENT_ADMIN'"));
        Assert.Equal(["refund succeeded 1000 applied", "dispute lost 3999 applied"], await database.QueryAllAsync<string>(
            """
            select kind || ' ' || state || ' ' || amount_minor || case when applied_at is not null then ' applied' else '' end
            from payment_reversals order by first_seen_at
            """));

        await ApplyAsync(Dispute(ReversalState.Won));

        Assert.Equal(["DEPOSIT 39.99", "FEE_SUBSCRIPTION 39.99"], (await EntriesAsync()).Skip(6));
        Assert.Equal((now.AddDays(31), 0m), ((await world.ReadAsync(license)).ExpiresAt, (await world.ReadAsync(license)).WalletUsd));
    }

    [Fact]
    public async Task AReversalThatWasNotApplied_IsAppliedByTheReconciler()
    {
        var renewal = await ChargeAsync();
        await SucceedAsync();
        await database.ExecuteAsync(
            """
            insert into payment_reversals
                (provider, kind, provider_id, state, amount_minor, currency, intent_id, changed_at, renewal_id, subscription_id)
            values ('stripe', 'refund', 're_1', 'succeeded', 4999, 'usd', 'pi_1', now(), @RenewalId, @SubscriptionId)
            """,
            renewal);

        Assert.Equal(1, await world.Store.ApplyReversalsAsync(Policy, Token));

        Assert.Equal(now.AddDays(1).AddSeconds(1), (await world.ReadAsync(license)).ExpiresAt);
        Assert.Equal(0, await world.Store.ApplyReversalsAsync(Policy, Token));
    }

    [Fact]
    public async Task DecideCase_Credit_PutsTheChargeIntoTheWallet_Once_AndTheRenewalIsNeverBooked()
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync("create table kept as select * from license_tokens; delete from license_tokens");
        await SucceedAsync();
        var reads = new PaymentReads(database.Database);
        var opened = Assert.Single(await reads.CasesAsync(10, Token));
        var decide = NewDecision();

        var credited = await decide.RunAsync(opened.CaseId, new PaymentCaseDecision("credit", "the license is gone"), Actor.System, Token);
        Assert.Equal(
            await database.QueryAsync<DateTime>("select decided_at from payment_cases where case_id = @CaseId", opened),
            credited.Value.DecidedAt);
        var again = await decide.RunAsync(opened.CaseId, new PaymentCaseDecision("credit", "again"), Actor.System, Token);

        Assert.Equal(("credited", "CASE_DECIDED"), (credited.Value.Decision, again.Refusal!.Code));
        Assert.Equal((true, false), (opened.CanCredit, credited.Value.CanCredit));
        Assert.Equal(RenewalStatus.Canceled, (await FindAsync(renewal)).Status);
        await database.ExecuteAsync("insert into license_tokens select * from kept");
        await SucceedAsync();
        Assert.Equal((now.AddDays(1), 49.99m, 1), (
            (await world.ReadAsync(license)).ExpiresAt, (await world.ReadAsync(license)).WalletUsd,
            (await world.ReadAsync(license)).LedgerRows));
    }

    // An earlier version left the credited intent in the renewal, which was opened again.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DecideCase_Credit_FreesTheRenewal_WhichTheWalletCanPay(bool isLeftOver)
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync("create table kept as select * from license_tokens; delete from license_tokens");
        await SucceedAsync();
        await CreditAsync("license_gone");

        var released = await FindAsync(renewal);
        Assert.Equal(
            (RenewalStatus.Canceled, null, AttemptStatus.Canceled), (released.Status, released.IntentId, released.Attempt!.Status));

        await database.ExecuteAsync("insert into license_tokens select * from kept");
        if (isLeftOver)
        {
            await database.ExecuteAsync(
                """
                update renewals set intent_id = 'pi_1', lease_until = null;
                update renewal_attempts set status = 'sent'
                """);
        }

        Assert.Equal(1, await world.Store.OpenDueAsync(Policy, now, 10, Token));
        var gateway = new ScriptedGateway();
        if (isLeftOver) gateway.Answers(new ChargeOutcome.Succeeded("ch_1", 4999));
        var facts = Assert.Single(await world.Store.ClaimAsync(RenewalSelection.All, now, 10, ProcessRenewal.Lease, Token));
        var process = new ProcessRenewal(
            world.Store, new RenewalGateways([gateway]), Policy, new SignedLinks([], TimeProvider.System), TimeProvider.System);
        var processed = await process.RunAsync(facts, Token);

        Assert.Equal((RenewalStatus.Applied, PaidWith.Wallet), (processed!.Status, processed.PaidWith!.Value));
        Assert.Equal((now.AddDays(31), 0m), ((await world.ReadAsync(license)).ExpiresAt, await WalletAsync()));
        Assert.Equal(isLeftOver ? 1 : 0, gateway.Calls.Count);
    }

    [Theory]
    [InlineData(false, "CHARGE_CREDITED")]
    [InlineData(true, "CHARGE_BOOKED")]
    public async Task DecideCase_OfAChargeThatIsUsed_IsRefused(bool isBooked, string code)
    {
        await ChargeAsync();
        if (!isBooked) await database.ExecuteAsync("delete from license_tokens");
        await SucceedAsync();
        if (!isBooked) await CreditAsync("license_gone");
        await database.ExecuteAsync(
            """
            insert into payment_cases
                (provider, reason, subject, subscription_id, user_id, transaction_id, amount_minor, currency, detail)
            select 'stripe', 'paid_twice', 'ch_1', subscription_id, subscriber_id, 'ch_1', 4999, 'usd', 'Another answer.' from subscriptions
            """);
        var before = await WalletAsync();

        Assert.Equal(code, await CreditAsync("paid_twice"));

        Assert.Equal(before, await WalletAsync());
    }

    [Fact]
    public async Task Apply_ACreditedChargeOfALicenseThatIsGoneAgain_OpensNoCase_AndFreesTheRenewal()
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync("delete from license_tokens");
        await SucceedAsync();
        await CreditAsync("license_gone");
        await database.ExecuteAsync(
            """
            update payment_cases set reason = 'other_amount';
            update renewals set intent_id = 'pi_1', status = 'unknown';
            update renewal_attempts set status = 'sent'
            """);

        await SucceedAsync();

        Assert.Empty(await CasesAsync());
        var released = await FindAsync(renewal);
        Assert.Equal((RenewalStatus.Canceled, null), (released.Status, released.IntentId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACaseWhoseChargeIsRefunded_FreesTheRenewal_AndIsNeverBooked(bool isRefundedFirst)
    {
        var renewal = await ChargeAsync();
        await database.ExecuteAsync("create table kept as select * from license_tokens; delete from license_tokens");
        if (isRefundedFirst) await ApplyAsync(Refund("pi_1"));
        await SucceedAsync();
        if (!isRefundedFirst) await ApplyAsync(Refund("pi_1"));

        Assert.Empty(await CasesAsync());
        var released = await FindAsync(renewal);
        Assert.Equal((RenewalStatus.Lapsed, null), (released.Status, released.IntentId));

        await database.ExecuteAsync("insert into license_tokens select * from kept");
        if (!isRefundedFirst)
        {
            await ApplyAsync(new PaymentFact.IntentChanged(
                new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), renewal.RenewalId));
            Assert.Equal(now.AddDays(1), (await world.ReadAsync(license)).ExpiresAt);
        }

        // Nothing is charged again without a request. The refund is not counted against the charge that pays in the end.
        Assert.Equal((true, 0), (
            (await world.Store.FindAsync(renewal.RenewalId, Token))!.License.AutoRenew,
            await world.Store.OpenDueAsync(Policy, now, 10, Token)));
        Assert.Equal(renewal.RenewalId, await world.Store.OpenAsync(license, Policy, now, Token));
        await database.ExecuteAsync("update renewals set status = 'due', next_action_at = now() - interval '1 minute'");
        await ChargeAsync("pi_2", number: 2);
        await ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_2", new ChargeOutcome.Succeeded("ch_2", 4999)), null));
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Theory]
    [InlineData("refund", true)]
    [InlineData("refund", false)]
    [InlineData("dispute", true)]
    [InlineData("dispute", false)]
    public async Task DecideCase_OfARefundedOrDisputedCharge_IsRefused_AndACreditedOneOpensACase(string what, bool isBefore)
    {
        await ChargeAsync();
        await database.ExecuteAsync("delete from license_tokens");
        await SucceedAsync();
        var opened = Assert.Single(await new PaymentReads(database.Database).CasesAsync(10, Token));
        var decide = NewDecision();
        var back = what == "refund" ? Refund("pi_1", 1000) : Dispute(ReversalState.Open);
        var credit = new PaymentCaseDecision("credit", "the license is gone");
        if (isBefore) await ApplyAsync(back);

        var decided = await decide.RunAsync(opened.CaseId, credit, Actor.System, Token);

        if (isBefore)
        {
            Assert.Equal(("CHARGE_REVERSED", 0m), (decided.Refusal?.Code, await WalletAsync()));
            return;
        }

        Assert.Equal("credited", decided.Value.Decision);
        await ApplyAsync(back);
        await ApplyAsync(back with { Reversal = back.Reversal with { ChangedAt = now } });
        var reversed = Assert.Single(
            await new PaymentReads(database.Database).CasesAsync(10, Token), one => one.Decision is null);
        Assert.Equal(("credited_and_reversed", what == "refund" ? "pi_1" : "du_1"), (reversed.Reason, reversed.Subject));
        Assert.Equal("CANNOT_CREDIT", (await decide.RunAsync(reversed.CaseId, credit, Actor.System, Token)).Refusal?.Code);
        Assert.Null((await decide.RunAsync(
            reversed.CaseId, new PaymentCaseDecision("dismiss", "taken from the wallet"), Actor.System, Token)).Refusal);
    }

    // After a restore, the charge may be refunded already. Also if the timer that reads the events is disabled, the wait ends.
    [Theory]
    [InlineData("delete from payment_event_reads")]
    [InlineData("update payment_event_reads set missed_until = missed_until - interval '3 days'")]
    [InlineData("update payment_cases set provider = 'paypal'")] // not configured
    public async Task DecideCase_WhileEventsOfTheProviderAreUnread_IsNotCredited(string end)
    {
        await ChargeAsync();
        await database.ExecuteAsync("delete from license_tokens");
        await SucceedAsync();
        await database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, asked_at)
            values ('stripe', now() - interval '9 days'), ('paypal', now() - interval '9 days')
            """);

        Assert.Equal(("PAYMENTS_NOT_READ", 0m), (await CreditAsync("license_gone"), await WalletAsync()));
        await database.ExecuteAsync(end);
        Assert.Equal((null, 49.99m), (await CreditAsync("license_gone"), await WalletAsync()));
    }

    [Theory]
    [InlineData(ReversalKind.Refund, ReversalState.Failed)]
    [InlineData(ReversalKind.Dispute, ReversalState.Won)]
    public async Task DecideCase_OfAChargeWhoseMoneyCameBack_CanBeCredited(ReversalKind kind, ReversalState state)
    {
        await ChargeAsync();
        await database.ExecuteAsync("delete from license_tokens");
        await SucceedAsync();
        var opened = Assert.Single(await new PaymentReads(database.Database).CasesAsync(10, Token));
        await ApplyAsync(new PaymentFact.Reversed(new PaymentReversal(kind, "re_1", state, 4999, "usd", "pi_1", null, null, now)));

        var decided = await NewDecision().RunAsync(
            opened.CaseId, new PaymentCaseDecision("credit", "the license is gone"), Actor.System, Token);

        Assert.Equal((null, 49.99m), (decided.Refusal?.Code, await WalletAsync()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACaseThatARefundClosed_IsOpenAgainWhenTheRefundFails(bool isRefundedFirst)
    {
        await ChargeAsync();
        await database.ExecuteAsync("delete from license_tokens");
        if (isRefundedFirst) await ApplyAsync(Refund("pi_1"));
        await SucceedAsync();
        if (!isRefundedFirst) await ApplyAsync(Refund("pi_1"));
        Assert.Empty(await CasesAsync());

        await ApplyAsync(new PaymentFact.Reversed(Refund("pi_1").Reversal with { State = ReversalState.Failed, ChangedAt = now }));

        Assert.StartsWith("license_gone pi_1", Assert.Single(await CasesAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ASecondChargeThatWasRefundedBeforeItsSuccess_IsACaseWhenTheRefundFails()
    {
        var renewal = await ChargeAsync();
        await SucceedAsync();
        await ApplyAsync(Refund("pi_2"));
        var second = new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_2", new ChargeOutcome.Succeeded("ch_2", 4999)), renewal.RenewalId);
        await ApplyAsync(second);
        Assert.StartsWith("unknown_charge", Assert.Single(await CasesAsync()), StringComparison.Ordinal);

        await ApplyAsync(new PaymentFact.Reversed(Refund("pi_2").Reversal with { State = ReversalState.Failed, ChangedAt = now }));

        Assert.Contains(await CasesAsync(), one => one.StartsWith("paid_twice pi_2", StringComparison.Ordinal));
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Theory]
    [InlineData("credit", "CANNOT_CREDIT")]
    [InlineData("dismiss", null)]
    [InlineData("forget", "ACTION_INVALID")]
    public async Task DecideCase_OfARefundOfAnUnknownCharge_CanOnlyBeDismissed(string action, string? code)
    {
        await ApplyAsync(Refund("pi_9"));
        var opened = Assert.Single(await new PaymentReads(database.Database).CasesAsync(10, Token));

        var decided = await NewDecision().RunAsync(
            opened.CaseId, new PaymentCaseDecision(action, "another system's"), Actor.System, Token);

        Assert.False(opened.CanCredit);
        Assert.Equal(code, decided.Refusal?.Code);
        Assert.Equal(code is null, (await CasesAsync()).Count == 0);
    }

    [Fact]
    public async Task Operators_GetOneMailOfNewDisputesAndCases()
    {
        await ChargeAsync();
        await SucceedAsync();
        await ApplyAsync(Dispute(ReversalState.Open));
        await ApplyAsync(Refund("pi_9"));
        var settings = new RenewalSettings(true, Policy.Warning, Policy.Grace, 0, false, "ops@example.com", 1);
        var notify = new NotifyOfPayments(database.Database, settings);

        // Without an address nobody gets a mail, so nothing counts as mailed.
        await new NotifyOfPayments(database.Database, settings with { AlertEmail = null }).RunAsync(Token);

        await notify.RunAsync(Token);
        await notify.RunAsync(Token);

        Assert.Equal(["du_1 39.99 USD, pi_9 49.99 USD"], await database.QueryAllAsync<string>(
            """
            select string_agg(concat_ws(' ', p ->> 'subject', p ->> 'amount', p ->> 'currency'), ', ' order by p ->> 'subject')
            from outbox, jsonb_array_elements(payload -> 'model' -> 'payments') p
            where payload ->> 'template' = 'operator_payments' and payload ->> 'to' = 'ops@example.com' group by outbox_id
            """));
    }

    [Fact]
    public async Task Evidence_OfADispute_ContainsUseDevicesAndMails()
    {
        await ChargeAsync();
        await SucceedAsync();
        await ApplyAsync(Dispute(ReversalState.Open));
        await database.ExecuteAsync(
            """
            update renewals set paid_from = now() - interval '5 days';
            update outbox set sent_at = now();
            insert into license_devices
                (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
            values (@license, '7|EA-7', 'EA-7', 7, '192.0.2.1', 1, now(), now());
            insert into usage_rollups (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code, sessions,
                session_sec, signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals)
            select @license, date_trunc('hour', now()) - make_interval(days => day), 'EA-7', 7, '192.0.2.0/24', 'ZZ', 1, 3600, 3, 2, 1, 0, 0
            from generate_series(0, 2) day
            """,
            new { license });
        var reads = new PaymentReads(database.Database);
        var dispute = Assert.Single(await reads.ReversalsAsync("dispute", 10, Token));

        var text = (await reads.EvidenceAsync(dispute.ReversalId, Token))!.Text;

        Assert.Contains("Dispute du_1: 39.99 USD, reason: fraudulent.", text, StringComparison.Ordinal);
        Assert.Contains("used on 3 days for 3 hours; 6 signals", text, StringComparison.Ordinal);
        Assert.Contains("account 7, EA EA-7", text, StringComparison.Ordinal);
        Assert.Contains(": receipt for a renewal", text, StringComparison.Ordinal);
        Assert.Null(await reads.EvidenceAsync(Guid.NewGuid(), Token));
    }

    [Fact]
    public async Task Evidence_OfAPeriodThatHasNotBegun_NamesEarlierUseAndPayments_AndNothingThatIsMissing()
    {
        await ChargeAsync();
        await SucceedAsync();
        await ApplyAsync(Dispute(ReversalState.Open));
        var reads = new PaymentReads(database.Database);
        var dispute = Assert.Single(await reads.ReversalsAsync("dispute", 10, Token));

        var unused = (await reads.EvidenceAsync(dispute.ReversalId, Token))!.Text;
        await database.ExecuteAsync(
            """
            insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status)
            values (@license, 'auto', 49.99, 'success');
            insert into usage_rollups (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code, sessions,
                session_sec, signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals)
            values (@license, date_trunc('hour', now()) - interval '1 hour', 'EA-7', 7, '192.0.2.0/24', 'ZZ', 1, 3600, 1, 1, 0, 0, 0)
            """,
            new { license });
        var text = (await reads.EvidenceAsync(dispute.ReversalId, Token))!.Text;

        Assert.DoesNotContain("used on", unused, StringComparison.Ordinal);
        Assert.DoesNotContain("No use", unused, StringComparison.Ordinal);
        Assert.Contains("has made 1 payment for it", unused, StringComparison.Ordinal);
        Assert.Contains("has made 2 payments for it", text, StringComparison.Ordinal);
        Assert.Contains(
            "In the 30 days before this period, the service was used on 1 day for 1 hour; 1 signal was executed", text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reversals_WhileTheLicenseHasNoToken_BookTheMoney_AndWaitWithTheTime()
    {
        await ChargeAsync();
        await SucceedAsync();
        await database.ExecuteAsync("create table kept as select * from license_tokens; delete from license_tokens");

        await ApplyAsync(Dispute(ReversalState.Lost));

        Assert.Equal(["ADJUSTMENT_ADMIN 39.99", "WITHDRAWAL 39.99"], (await EntriesAsync()).Skip(2));
        await database.ExecuteAsync("update payment_reversals set first_seen_at = now() - interval '2 days'");
        Assert.Equal(0, await world.Store.ApplyReversalsAsync(Policy, Token));
        Assert.StartsWith("not_applied du_1", Assert.Single(await CasesAsync()), StringComparison.Ordinal);

        await database.ExecuteAsync("insert into license_tokens select * from kept");
        Assert.True(await IsDisputedAsync());
        Assert.Equal(1, await world.Store.ApplyReversalsAsync(Policy, Token));

        var lost = (await world.ReadAsync(license)).ExpiresAt;
        Assert.True(lost < now.AddDays(10));
        Assert.Equal((false, false, 4), (await IsAutoRenewedAsync(), await IsDisputedAsync(), (await EntriesAsync()).Count));
        Assert.Empty(await CasesAsync());

        await database.ExecuteAsync(
            "drop table kept; create table kept as select * from license_tokens; delete from license_tokens");
        await ApplyAsync(Dispute(ReversalState.Won));
        Assert.Equal(["DEPOSIT 39.99", "FEE_SUBSCRIPTION 39.99"], (await EntriesAsync()).Skip(4));
        await database.ExecuteAsync("insert into license_tokens select * from kept");
        Assert.Equal(1, await world.Store.ApplyReversalsAsync(Policy, Token));

        Assert.Equal((now.AddDays(31), true, 6), (
            (await world.ReadAsync(license)).ExpiresAt, await IsAutoRenewedAsync(), (await EntriesAsync()).Count));
        Assert.Equal(0, await world.Store.ApplyReversalsAsync(Policy, Token));
    }

    [Fact]
    public async Task ARefundWhileThePlatformMovesTheExpiry_CountsFromTheNewOne()
    {
        await ChargeAsync();
        await SucceedAsync();
        await using var platform = await database.Source.OpenConnectionAsync(Token);
        await using var transaction = await platform.BeginTransactionAsync(Token);
        await using var move = new NpgsqlCommand("update license_tokens set expires_at = expires_at + interval '30 days'", platform);
        await move.ExecuteNonQueryAsync(Token);

        var refunded = ApplyAsync(Refund("pi_1"));
        await SomebodyWaitsAsync();
        await transaction.CommitAsync(Token);
        await refunded;

        Assert.Equal(now.AddDays(31).AddSeconds(1), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task Save_WhileAnotherPeriodsChargeBegins_KeepsItsGrace()
    {
        var first = await ChargeAsync(status: RenewalStatus.SoftDeclined);
        await world.MoveExpiryAsync(license, now.AddDays(2));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var second = await database.QueryAsync<Guid>("select renewal_id from renewals where status = 'due'");
        var facts = (await world.Store.FindAsync(second, Token))!;
        await using var other = await database.Source.OpenConnectionAsync(Token);
        await using var transaction = await other.BeginTransactionAsync(Token);
        await using var begin = new NpgsqlCommand(
            $"""
            update license_states set grace_until = '{first.PeriodStart.AddDays(30):O}';
            update renewals set status = 'charging' where renewal_id = '{first.RenewalId}'
            """,
            other);
        await begin.ExecuteNonQueryAsync(Token);

        var closed = world.Store.SaveAsync(
            new RenewalChange(facts.Renewal with { Status = RenewalStatus.Canceled }), new RenewalWriter(Lease: null), Token);
        await SomebodyWaitsAsync();
        await transaction.CommitAsync(Token);

        Assert.Equal(RenewalSave.Saved, await closed);
        Assert.Equal(first.PeriodStart.AddDays(30), (await world.ReadAsync(license)).GraceUntil);
    }

    // After a restore, neither the renewal nor the refund of PayPal names the intent.
    [Fact]
    public async Task ARefundOfAChargeThatWasNotBooked_LapsesItsRenewal()
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        await world.Store.RecordAsync(
            new PaymentEvent("stripe", "evt_success", "test", now, new PaymentFact.Ignored()),
            new PaymentCase(PaymentCaseReason.NotBooked, "pi_9", renewal, license, null, "ch_9", 4999, "usd", "a test"), Token);

        await ApplyAsync(new PaymentFact.Reversed(new PaymentReversal(
            ReversalKind.Refund, "re_9", ReversalState.Succeeded, 4999, "usd", null, "ch_9", null, now)));

        Assert.Equal(
            ("lapsed", "refunded"),
            (await database.QueryAsync<string>("select status from renewals"),
                await database.QueryAsync<string>("select decision from payment_cases")));
    }

    // The renewal continued with another provider: that one must not charge the period again.
    [Theory]
    [InlineData(RenewalStatus.SoftDeclined)]
    [InlineData(RenewalStatus.Unknown)]
    public async Task ARefundOfAChargeThatWasNotBooked_LapsesARenewalThatHasAnotherIntent(RenewalStatus status)
    {
        var renewal = await ChargeAsync("pi_2", status);
        await world.Store.RecordAsync(
            new PaymentEvent("paypal", "evt_success", "test", now, new PaymentFact.Ignored()),
            new PaymentCase(PaymentCaseReason.NotBooked, "order_1", renewal.RenewalId, license, null, "cap_1", 4999, "usd", "a test"),
            Token);

        // It had lapsed while the license was suspended, and was opened again.
        await database.ExecuteAsync("update renewals set lapsed_blocked = true");

        await ApplyAsync(new PaymentFact.Reversed(new PaymentReversal(
            ReversalKind.Refund, "re_9", ReversalState.Succeeded, 4999, "usd", null, "cap_1", null, now)), "paypal");
        var facts = Assert.Single(await world.Store.ClaimAsync(
            RenewalSelection.All, TimeProvider.System.GetUtcNow(), 10, TimeSpan.FromMinutes(3), Token));
        Assert.Equal("pi_2", Assert.IsType<RenewalStep.CancelIntent>(
            RenewalPlan.Next(facts, Policy, TimeProvider.System.GetUtcNow(), Guid.NewGuid())).IntentId);
        gateway.Answers(new ChargeOutcome.Canceled("requested"), "pi_2");
        await new ProcessRenewal(
            world.Store, new RenewalGateways([gateway]), Policy, new SignedLinks([], TimeProvider.System), TimeProvider.System)
            .RunAsync(facts, Token);

        var lapsed = await FindAsync(renewal);
        Assert.Equal((RenewalStatus.Lapsed, null), (lapsed.Status, lapsed.IntentId));
        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now, 10, Token));
    }

    // The renewal that the charge named is lost. The license now has another renewal, so its auto-renewal continues.
    [Fact]
    public async Task ARefundOfAChargeOfAnUnknownRenewal_LapsesNothing()
    {
        var renewal = await ChargeAsync("pi_2", RenewalStatus.SoftDeclined);
        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_lost", new ChargeOutcome.Succeeded("ch_1", 4999, "usd")), Guid.NewGuid(), license, renewal.UserId));
        Assert.True((await world.Store.FindAsync(renewal.RenewalId, Token))!.HasOtherCharge);

        await ApplyAsync(Refund("pi_lost"));

        var facts = (await world.Store.FindAsync(renewal.RenewalId, Token))!;
        Assert.Equal(
            (RenewalStatus.SoftDeclined, "pi_2", false, false),
            (facts.Renewal.Status, facts.Renewal.IntentId, facts.Renewal.IsRefunded, facts.HasOtherCharge));
    }

    // Auto-renewal was switched off and on again: the canceled renewal is not opened.
    [Fact]
    public async Task ARefundOfAChargeOfACanceledRenewal_ClosesItForGood()
    {
        await ChargeAsync(status: RenewalStatus.SoftDeclined);
        await database.ExecuteAsync("update renewals set status = 'canceled', next_action_at = null");
        await world.Store.RecordAsync(
            new PaymentEvent("stripe", "evt_success", "test", now, new PaymentFact.Ignored()),
            new PaymentCase(PaymentCaseReason.NotBooked, "pi_1", null, license, null, "ch_1", 4999, "usd", "a test"), Token);

        await ApplyAsync(Refund("pi_1"));

        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now, 10, Token));
        Assert.Equal("lapsed", await database.QueryAsync<string>("select status from renewals"));
    }

    // The charge is of one license, and the case about it names a renewal of another: two such changes must not wait for each other.
    [Theory]
    [InlineData("refund", false)]
    [InlineData("refund", true)]
    [InlineData("credit", false)]
    [InlineData("cannot_book", false)]
    [InlineData("cannot_book", true)]
    public async Task AChangeThatConcernsTwoLicenses_LocksThemInTheirOrder(string change, bool isDecided)
    {
        var other = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(90), CardId = "pm_2" });
        if (string.CompareOrdinal(other.ToString(), license.ToString()) > 0)
        {
            await world.MoveExpiryAsync(license, now.AddDays(90));
            await world.MoveExpiryAsync(other, now.AddDays(1));
            (license, other) = (other, license);
        }

        await ChargeAsync();
        await database.ExecuteAsync(
            """
            insert into license_states (subscription_id) select subscription_id from subscriptions on conflict do nothing;
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            select subscription_id, subscriber_id, now() + interval '90 days', 'auto', 'due', now() from subscriptions
            where subscription_id = @other;
            insert into payment_cases (provider, reason, subject, renewal_id, transaction_id, amount_minor, currency, detail)
            select 'stripe', 'not_booked', 'pi_1', renewal_id, 'ch_1', 4999, 'usd', 'a test' from renewals where subscription_id = @other;
            update payment_cases set decision = 'dismissed', decided_at = now() where @isDecided;
            update payment_cases set user_id = (select user_id from users limit 1)
            """,
            new { other, isDecided });
        var concern = new PaymentCase(
            PaymentCaseReason.NotBooked, "pi_1", Guid.Parse(await OfOtherAsync("renewal_id::text")), null, null, "ch_1", 4999, "usd",
            "a test");
        await using var holder = await database.Source.OpenConnectionAsync(Token);
        await using var transaction = await holder.BeginTransactionAsync(Token);
        await using var hold = new NpgsqlCommand($"select from license_states where subscription_id = '{other}' for update", holder);
        await hold.ExecuteNonQueryAsync(Token);

        Task changed = change switch
        {
            "refund" => ApplyAsync(Refund("pi_1")),
            "credit" => CreditAsync("not_booked"),
            _ => new PaymentEventReads(
                database.Database, new SuspensionStore(database.Database, new LicenseInvalidation(), TimeProvider.System),
                TimeProvider.System).FailAsync(
                    "stripe", new UnappliedEvent("evt_9", "x", now.UtcDateTime, default, "pi_1"), concern, Token),
        };
        await SomebodyWaitsAsync();
        Assert.Equal(1, await database.QueryAsync<int>(
            """
            with free as (select from license_states where subscription_id = @license for update skip locked)
            select count(*)::int from free
            """,
            new { license }));
        await transaction.RollbackAsync(Token);
        await changed;

        if (change == "refund" && !isDecided) Assert.Equal("lapsed", await OfOtherAsync("status"));

        Task<string> OfOtherAsync(string column) =>
            database.QueryAsync<string>($"select {column} from renewals where subscription_id = @other", new { other });
    }

    // Also if no run was made for days after the decision.
    [Fact]
    public async Task SuspendExpired_AfterTheDecisionOfAChargeThatWasNotBooked_EndsItsGrace()
    {
        await world.MoveExpiryAsync(license, now.AddDays(-4));
        await world.Store.RecordAsync(
            new PaymentEvent("stripe", "evt_1", "test", now, new PaymentFact.Ignored()),
            new PaymentCase(PaymentCaseReason.UnknownRenewal, "pi_9", Guid.NewGuid(), license, null, "ch_9", 4999, "usd", "a test"), Token);
        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy with { AutoRenewal = false }, now, 10, Token));
        Assert.Equal(now.AddDays(26), (await world.ReadAsync(license)).GraceUntil);

        await database.ExecuteAsync("update payment_cases set decision = 'dismissed', decided_at = now() - interval '2 days'");
        Assert.Equal(1, await world.Store.SuspendExpiredAsync(Policy with { AutoRenewal = false }, now, 10, Token));

        Assert.Null((await world.ReadAsync(license)).GraceUntil);
    }

    [Fact]
    public async Task SuspendExpired_WhileThePlatformSuspends_KeepsThePlatformsState()
    {
        await world.MoveExpiryAsync(license, now.AddDays(-4));
        await using var platform = await database.Source.OpenConnectionAsync(Token);
        await using var transaction = await platform.BeginTransactionAsync(Token);
        await using var suspend = new NpgsqlCommand(
            "update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'Fraud'", platform);
        await suspend.ExecuteNonQueryAsync(Token);

        var expired = world.Store.SuspendExpiredAsync(Policy, now, 10, Token);
        await SomebodyWaitsAsync();
        await transaction.CommitAsync(Token);

        Assert.Equal(1, await expired);
        Assert.Equal("SUSPENDED_ADMIN Fraud", await database.QueryAsync<string>(
            "select previous_state || ' ' || previous_paused_reason from license_suspensions"));
        Assert.Equal("license_suspended", await database.QueryAsync<string>("select renewal_block from renewal_terms"));
    }

    // The booking and the credit begin at the same time.
    [Fact]
    public async Task DecideCase_CreditBesideTheBookingOfTheCharge_OneOfThemWins()
    {
        await database.ExecuteAsync("create table kept as select * from license_tokens with no data");
        for (var round = 1; round <= 40; round++)
        {
            if (round > 1) license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = $"pm_{round}" });
            var renewal = await ChargeAsync($"pi_{round}");
            var success = new PaymentFact.IntentChanged(
                new IntentSnapshot($"pi_{round}", new ChargeOutcome.Succeeded($"ch_{round}", 4999)), renewal.RenewalId);
            await MoveTokenAsync("license_tokens", "kept");
            await ApplyAsync(success);
            await MoveTokenAsync("kept", "license_tokens");
            var opened = Assert.Single(await new PaymentReads(database.Database).CasesAsync(100, Token), one => one.Decision is null);

            var booking = Task.Run(() => ApplyAsync(success), Token);
            var decision = Task.Run(
                () => NewDecision().RunAsync(opened.CaseId, new PaymentCaseDecision("credit", "a test"), Actor.System, Token), Token);
            await Task.WhenAll(booking, decision);

            var refusal = (await decision).Refusal?.Code;
            var state = await world.ReadAsync(license);
            Assert.Contains(refusal, new[] { null, "CASE_DECIDED", "CHARGE_BOOKED" });
            Assert.Equal(
                refusal is null
                    ? (RenewalStatus.Canceled, now.AddDays(1), 49.99m, 49.99m, 1, "credited")
                    : (RenewalStatus.Applied, now.AddDays(31), 0m, 0m, 2, "applied"),
                ((await FindAsync(renewal)).Status, state.ExpiresAt!.Value, state.WalletUsd, state.LedgerUsd, state.LedgerRows,
                    await database.QueryAsync<string>("select decision from payment_cases where case_id = @CaseId", opened)));
            await database.ExecuteAsync("""update license_tokens set metadata = '{"auto_renew": false}'""");
        }
    }

    private Task<int> MoveTokenAsync(string from, string to) => database.ExecuteAsync(
        $"with moved as (delete from {from} where subscription_id = @license returning *) insert into {to} select * from moved",
        new { license });

    private async Task SomebodyWaitsAsync()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Token);
        end.CancelAfter(TimeSpan.FromMinutes(1));
        while (await database.QueryAsync<int>(
            "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0)
            await Task.Delay(1, end.Token);
    }

    private Task<bool> IsDisputedAsync() => database.QueryAsync<bool>("select is_disputed from renewal_terms");

    private Task<bool> IsAutoRenewedAsync() => database.QueryAsync<bool>("select auto_renew from renewal_terms");

    private static PaymentFact.Reversed Refund(string intent, long amount = 4999) => new(new PaymentReversal(
        ReversalKind.Refund, "re_1", ReversalState.Succeeded, amount, "usd", intent, null, null, DateTimeOffset.UnixEpoch));

    private static PaymentFact.Reversed Dispute(ReversalState state) => new(new PaymentReversal(
        ReversalKind.Dispute, "du_1", state, 3999, "usd", "pi_1", "ch_1", "fraudulent", DateTimeOffset.UnixEpoch));

    private async Task<string?> CreditAsync(string reason)
    {
        var opened = Assert.Single(await new PaymentReads(database.Database).CasesAsync(10, Token), one => one.Reason == reason);
        var decided = await NewDecision().RunAsync(opened.CaseId, new PaymentCaseDecision("credit", "a test"), Actor.System, Token);
        return decided.Refusal?.Code;
    }

    private DecidePaymentCase NewDecision() => new(
        database.Database, new SuspensionStore(database.Database, new LicenseInvalidation(), TimeProvider.System), Policy,
        TimeProvider.System);

    private Task<decimal> WalletAsync() => database.QueryAsync<decimal>("select coalesce(sum(balance_usd), 0) from user_wallets");

    // The entries of one transaction have the same time; the balance orders them.
    private Task<IReadOnlyList<string>> EntriesAsync() => database.QueryAllAsync<string>(
        "select entry_type || ' ' || round(amount_usd, 2) from billing_ledger order by created_at, balance_before");

    private Task<IReadOnlyList<string>> CasesAsync() => database.QueryAllAsync<string>(
        """
        select concat_ws(' ', reason, subject, renewal_id, subscription_id, user_id, amount_minor)
        from payment_cases where decided_at is null order by opened_at
        """);

    // The customer could still confirm the intent with the bank, and so pay twice.
    [Fact]
    public async Task Apply_ASuccessOfAnotherProvider_CancelsTheIntentThatTheCustomerCouldStillConfirm()
    {
        var renewal = await ChargeAsync(status: RenewalStatus.NeedsAuthentication);
        gateway.Answers(new ChargeOutcome.Canceled("requested"));

        await ApplyAsync(PaidAtPayPal(renewal), "paypal");

        Assert.Equal(["cancel pi_1"], gateway.Calls);
        Assert.Equal((RenewalStatus.Applied, "order_1"), ((await FindAsync(renewal)).Status, (await FindAsync(renewal)).IntentId));
        Assert.Empty(await database.QueryAllAsync<string>("select reason from payment_cases"));
    }

    [Fact]
    public async Task Apply_ASuccessOfAnotherProvider_WhenTheIntentIsPaidMeanwhile_IsACase()
    {
        var renewal = await ChargeAsync(status: RenewalStatus.NeedsAuthentication);
        gateway.Answers(new ChargeOutcome.Succeeded("ch_1", 4999, "usd"));

        await ApplyAsync(PaidAtPayPal(renewal), "paypal");

        Assert.Equal((RenewalStatus.Applied, "pi_1"), ((await FindAsync(renewal)).Status, (await FindAsync(renewal)).IntentId));
        Assert.Equal(
            ["paid_twice capture"],
            await database.QueryAllAsync<string>("select reason || ' ' || transaction_id from payment_cases where decided_at is null"));
    }

    [Fact]
    public async Task Apply_ASuccessOfAnotherProvider_WhileTheIntentCantBeCanceled_IsNotAcknowledged()
    {
        var renewal = await ChargeAsync(status: RenewalStatus.NeedsAuthentication);
        gateway.Answers(new ChargeOutcome.Unknown("time_out")).Answers(new ChargeOutcome.Canceled("requested"));

        await Assert.ThrowsAsync<InvalidOperationException>(() => ApplyAsync(PaidAtPayPal(renewal), "paypal"));
        Assert.Equal((RenewalStatus.NeedsAuthentication, 0), (
            (await FindAsync(renewal)).Status, await database.QueryAsync<int>("select count(*)::int from payment_events")));
        await ApplyAsync(PaidAtPayPal(renewal), "paypal");

        Assert.Equal(RenewalStatus.Applied, (await FindAsync(renewal)).Status);
    }

    private static PaymentFact.IntentChanged PaidAtPayPal(Renewal renewal) => new(
        new IntentSnapshot("order_1", new ChargeOutcome.Succeeded("capture", 4999, "usd")), renewal.RenewalId, renewal.SubscriptionId,
        renewal.UserId);

    // What a payer wrote into an order of their own must neither renew a license nor stop its charges.
    [Fact]
    public async Task Apply_ASuccessWhoseNoteIsNotSigned_IsACaseThatConcernsNoLicense()
    {
        var renewal = await ChargeAsync(status: RenewalStatus.SoftDeclined);

        await ApplyAsync(
            new PaymentFact.IntentChanged(
                new IntentSnapshot("order_1", new ChargeOutcome.Succeeded("capture", 4999, "usd")), RenewalId: null)
            {
                UnprovenRenewalId = renewal.RenewalId,
            }, "paypal");

        Assert.Equal(RenewalStatus.SoftDeclined, (await FindAsync(renewal)).Status);
        Assert.Equal(
            [$"unknown_renewal order_1 {renewal.RenewalId} "],
            await database.QueryAllAsync<string>(
                "select concat_ws(' ', reason, subject, renewal_id, coalesce(subscription_id::text, '')) from payment_cases"));
        Assert.False((await world.Store.FindAsync(renewal.RenewalId, Token))!.HasOtherCharge);
    }

    [Fact]
    public async Task Apply_ASuccessOfAKnownIntentWhoseNoteIsNotSigned_IsBooked()
    {
        var renewal = await ChargeAsync();

        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), RenewalId: null)
        {
            UnprovenRenewalId = renewal.RenewalId,
        });

        Assert.Equal(RenewalStatus.Applied, (await FindAsync(renewal)).Status);
    }

    // As after a restore: the row of the renewal that was charged is lost, and the license has another row.
    [Fact]
    public async Task Apply_ASuccessOfAnUnknownRenewal_StopsOtherChargesOfItsLicense_UntilItIsDecided()
    {
        var renewal = await ChargeAsync(status: RenewalStatus.SoftDeclined);
        await ApplyAsync(new PaymentFact.IntentChanged(
            new IntentSnapshot("pi_lost", new ChargeOutcome.Succeeded("ch_1", 4999, "usd")), Guid.NewGuid(), license, renewal.UserId));

        var facts = (await world.Store.FindAsync(renewal.RenewalId, Token))!;
        Assert.Equal((true, true), (facts.HasOtherCharge, facts.IsAnotherAwaited));

        await database.ExecuteAsync("update payment_cases set decision = 'dismissed', decided_at = now()");
        Assert.False((await world.Store.FindAsync(renewal.RenewalId, Token))!.HasOtherCharge);
    }

    /// <summary>A renewal whose charge was sent and not answered.</summary>
    private async Task<Renewal> ChargeAsync(
        string intent = "pi_1", RenewalStatus status = RenewalStatus.Charging, int number = 1)
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var facts = Assert.Single(await world.Store.ClaimAsync(RenewalSelection.All, now, 10, TimeSpan.FromMinutes(3), Token));
        var charging = new RenewalChange(facts.Renewal with
        {
            Status = status,
            IntentId = intent,
            Attempt = new RenewalAttempt(
                Guid.NewGuid(), number, "stripe", facts.Card!.PaymentMethodId,
                new ChargeRequest(
                    facts.Renewal.RenewalId, facts.Renewal.SubscriptionId, facts.Renewal.UserId, 4999, "usd", "cus_1", "pm_1", "A period"),
                now, OpensIntent: true),
        });
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(charging, new RenewalWriter(TimeSpan.Zero), Token));
        return charging.Saved;
    }

    private Task SucceedAsync() =>
        ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), null));

    private Task ApplyAsync(PaymentFact fact, string provider = "stripe") =>
        new ApplyPaymentEvent(world.Store, new RenewalGateways([gateway]), Policy, TimeProvider.System)
            .RunAsync(new PaymentEvent(provider, $"evt_{++events}", fact.GetType().Name, now.AddSeconds(events), fact), Token);

    private async Task<Renewal> FindAsync(Renewal renewal) => (await world.Store.FindAsync(renewal.RenewalId, Token))!.Renewal;
}
