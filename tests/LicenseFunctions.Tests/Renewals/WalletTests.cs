using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>The platform's wallet functions as this project creates them, and the append-only tables.</summary>
public sealed class WalletTests(PostgresFixture postgres)
{
    private const string Owner = "11111111-1111-1111-1111-111111111111";

    [Fact]
    public async Task DebitAndCredit_MoveTheBalanceAndWriteTheLedger()
    {
        await using var database = await WalletAsync();

        await database.QueryAsync<Guid>($"select credit_wallet('{Owner}', 50, 'DEPOSIT', 'card', '55555555-5555-5555-5555-555555555555')");
        await database.QueryAsync<Guid>($"select debit_wallet('{Owner}', 49.5, 'FEE_SUBSCRIPTION', 'renewal')");

        Assert.Equal("100.50000000 50.00000000 49.50000000 2", await database.QueryAsync<string>(
            "select balance_usd || ' ' || lifetime_deposits || ' ' || lifetime_fees || ' ' || version from user_wallets"));
        Assert.Equal(["DEPOSIT 50 100 150 card 55555555-5555-5555-5555-555555555555", "FEE_SUBSCRIPTION 49.5 150 100.5 renewal"],
            await database.QueryAllAsync<string>("""
                select concat_ws(' ', entry_type, trim_scale(amount_usd), trim_scale(balance_before), trim_scale(balance_after),
                                 description, reference_id)
                from billing_ledger order by amount_usd desc
                """));
    }

    [Theory]
    [InlineData("select debit_wallet(@user, 100.00000001, 'WITHDRAWAL', 'too much')", "P0001")]
    [InlineData("select debit_wallet(@user, 0, 'WITHDRAWAL', 'nothing')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select debit_wallet(@user, -1, 'WITHDRAWAL', 'less')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select debit_wallet(@user, null, 'WITHDRAWAL', 'unknown')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select debit_wallet(@user, 1, 'DEPOSIT', 'wrong way')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select credit_wallet(@user, 1, 'FEE_SUBSCRIPTION', 'wrong way')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select credit_wallet(@user, 0, 'DEPOSIT', 'nothing')", PostgresErrorCodes.InvalidParameterValue)]
    [InlineData("select credit_wallet('99999999-9999-9999-9999-999999999999', 1, 'DEPOSIT', 'nobody')", "P0002")]
    public async Task DebitOrCredit_Invalid_RaisesAndChangesNothing(string call, string state)
    {
        await using var database = await WalletAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.QueryAsync<Guid>(call, new { user = Guid.Parse(Owner) }));

        Assert.Equal(state, refused.SqlState);
        Assert.Equal(100, await database.QueryAsync<decimal>("select balance_usd from user_wallets"));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from billing_ledger"));
    }

    [Fact]
    public async Task DebitWallet_ToTheLastCent_Passes()
    {
        await using var database = await WalletAsync();

        await database.QueryAsync<Guid>($"select debit_wallet('{Owner}', 100, 'WITHDRAWAL', 'all')");

        Assert.Equal(0, await database.QueryAsync<decimal>("select balance_usd from user_wallets"));
    }

    [Fact]
    public async Task DebitWallet_WhileAnotherChangesTheWallet_RaisesImmediately()
    {
        await using var database = await WalletAsync();
        await using var other = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var open = await other.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var debit = new NpgsqlCommand($"select debit_wallet('{Owner}', 60, 'WITHDRAWAL', 'first')", other);
        await debit.ExecuteScalarAsync(TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<PostgresException>(() =>
            database.QueryAsync<Guid>($"select debit_wallet('{Owner}', 60, 'WITHDRAWAL', 'second')"));

        Assert.Equal(PostgresErrorCodes.LockNotAvailable, refused.SqlState);
    }

    [Theory]
    [InlineData("DEPOSIT", 5, 100, 95)]
    [InlineData("REFUND", 5, 100, 104)]
    [InlineData("WITHDRAWAL", 5, 100, 105)]
    [InlineData("FEE_PERFORMANCE", 5, 100, 96)]
    [InlineData("ADJUSTMENT_ADMIN", 5, 100, 100)]
    public async Task BillingLedger_RefusesBalancesThatDisagreeWithTheEntry(string type, int amount, int before, int after)
    {
        await using var database = await WalletAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync($"""
            insert into billing_ledger (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after)
            select user_id, wallet_id, '{type}', {amount}, {before}, {after} from user_wallets
            """));

        Assert.Equal("balances_agree_with_entry_type", refused.ConstraintName);
    }

    [Theory]
    [InlineData("update billing_ledger set description = 'else'")]
    [InlineData("delete from billing_ledger")]
    [InlineData("truncate billing_ledger")]
    [InlineData("update audit_log set reason = 'else'")]
    [InlineData("delete from audit_log")]
    [InlineData("truncate audit_log")]
    public async Task Evidence_IsNeverChanged(string change)
    {
        await using var database = await WalletAsync();
        await database.ExecuteAsync($"""
            select credit_wallet('{Owner}', 1, 'DEPOSIT', 'card');
            insert into audit_log (actor_kind, action) values ('system', 'SUSPEND')
            """);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync(change));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
        Assert.EndsWith("is append-only", refused.MessageText, StringComparison.Ordinal);
    }

    private async Task<TestDatabase> WalletAsync()
    {
        var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync($"""
            insert into users (user_id, email) values ('{Owner}', 'subscriber@example.test');
            insert into user_wallets (user_id, balance_usd) values ('{Owner}', 100)
            """);
        return database;
    }
}
