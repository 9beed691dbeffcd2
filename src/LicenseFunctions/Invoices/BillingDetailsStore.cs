using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <summary>What customers want on invoices.</summary>
public sealed class BillingDetailsStore(LicenseDatabase database)
{
    private const string Find = "select name, address, country, tax_id from billing_details where user_id = @userId";

    /// <returns>Null if the customer has not given any.</returns>
    public async Task<BillingDetails?> FindAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<BillingDetails>(
            new CommandDefinition(Find, new { userId }, cancellationToken: session.Token));
    }

    // The user's row is locked, so that details can't be saved while the customer is erased.
    private const string Save = """
        with customer as (
            select user_id from users where user_id = @userId and is_active is not false for share
        )
        insert into billing_details (user_id, name, address, country, tax_id)
        select user_id, @Name, @Address, @Country, @TaxId from customer
        on conflict (user_id) do update
        set name = excluded.name, address = excluded.address, country = excluded.country, tax_id = excluded.tax_id, updated_at = now()
        """;

    /// <summary>Saves the details. The audit row has no detail, because the audit log keeps its rows after an erasure.</summary>
    /// <returns>False if there is no such customer, or the account is closed.</returns>
    public Task<bool> SaveAsync(Guid userId, BillingDetails details, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var save = new { userId, details.Name, details.Address, details.Country, details.TaxId };
            if (await connection.ExecuteAsync(new CommandDefinition(Save, save, cancellationToken: token)) == 0)
                return false;
            await AuditLog.AddAsync(
                connection, new AuditRow(by, "customer.billing_details_changed", SubscriptionId: null, userId.ToString()), token);
            return true;
        }, cancellationToken);
}
