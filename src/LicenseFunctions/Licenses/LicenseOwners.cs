using Dapper;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>Whose a license is.</summary>
public static class LicenseOwners
{
    private const string Visible = """
        select exists (select from subscriptions
                       where subscription_id = @subscriptionId and (@ownerId::uuid is null or subscriber_id = @ownerId))
        """;

    /// <param name="ownerId">Whose it has to be; null for an operator, who sees them all.</param>
    public static Task<bool> IsVisibleAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            Visible, new { subscriptionId, ownerId }, cancellationToken: cancellationToken));
}
