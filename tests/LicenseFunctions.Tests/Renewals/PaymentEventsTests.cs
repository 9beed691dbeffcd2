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
