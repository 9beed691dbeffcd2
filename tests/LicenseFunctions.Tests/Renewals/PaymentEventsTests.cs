using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
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
    public async Task Apply_ASuccessOfAnUnknownRenewal_IsACase_AlsoWhenItComesAgain()
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
    public async Task Decide_WithAChargeThatPaidAnotherRenewal_IsAConflict()
    {
        await ChargeAsync();
        await SucceedAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_2" });
        var second = await ChargeAsync("pi_2", RenewalStatus.Undecided);

        var decided = await new ResolveUnknownCharge(world.Store, Policy, TimeProvider.System).RunAsync(
            second.RenewalId, new RenewalDecision(true, "seen", "ch_1"), Actor.System, Token);

        Assert.Equal("CHARGE_IN_USE", decided.Refusal?.Code);
        Assert.Equal(RenewalStatus.Undecided, (await FindAsync(second)).Status);
    }

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

    private static PaymentFact.Reversed Refund(string intent, long amount = 4999) => new(new PaymentReversal(
        ReversalKind.Refund, "re_1", ReversalState.Succeeded, amount, "usd", intent, null, null, DateTimeOffset.UnixEpoch));

    private static PaymentFact.Reversed Dispute(ReversalState state) => new(new PaymentReversal(
        ReversalKind.Dispute, "du_1", state, 3999, "usd", "pi_1", "ch_1", "fraudulent", DateTimeOffset.UnixEpoch));

    // The entries of one transaction have the same time; the balance orders them.
    private Task<IReadOnlyList<string>> EntriesAsync() => database.QueryAllAsync<string>(
        "select entry_type || ' ' || round(amount_usd, 2) from billing_ledger order by created_at, balance_before");

    private Task<IReadOnlyList<string>> CasesAsync() => database.QueryAllAsync<string>(
        """
        select concat_ws(' ', reason, subject, renewal_id, subscription_id, user_id, amount_minor)
        from payment_cases where decided_at is null order by opened_at
        """);

    /// <summary>A renewal whose charge was sent and not answered.</summary>
    private async Task<Renewal> ChargeAsync(string intent = "pi_1", RenewalStatus status = RenewalStatus.Charging)
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var facts = Assert.Single(await world.Store.ClaimAsync(RenewalSelection.All, now, 10, TimeSpan.FromMinutes(3), Token));
        var charging = new RenewalChange(facts.Renewal with
        {
            Status = status,
            IntentId = intent,
            Attempt = new RenewalAttempt(
                Guid.NewGuid(), 1, "stripe", facts.Card!.PaymentMethodId,
                new ChargeRequest(
                    facts.Renewal.RenewalId, facts.Renewal.SubscriptionId, facts.Renewal.UserId, 4999, "usd", "cus_1", "pm_1", "A period"),
                now, OpensIntent: true),
        });
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(charging, new RenewalWriter(TimeSpan.Zero), Token));
        return charging.Saved;
    }

    private Task SucceedAsync() =>
        ApplyAsync(new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), null));

    private Task ApplyAsync(PaymentFact fact) => new ApplyPaymentEvent(world.Store, Policy, TimeProvider.System)
        .RunAsync(new PaymentEvent("stripe", $"evt_{++events}", fact.GetType().Name, now.AddSeconds(events), fact), Token);

    private async Task<Renewal> FindAsync(Renewal renewal) => (await world.Store.FindAsync(renewal.RenewalId, Token))!.Renewal;
}
