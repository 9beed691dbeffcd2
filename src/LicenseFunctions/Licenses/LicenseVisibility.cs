using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>Decides whether a caller may see a license. The rule itself is the SQL function is_license_visible.</summary>
public static class LicenseVisibility
{
    private const string Visible = """
        select exists (select from subscriptions
                       where subscription_id = @subscriptionId and is_license_visible(subscriber_id, @subscriberId))
        """;

    /// <param name="subscriberId">The subscriber that calls; null for an operator, who sees every license.</param>
    /// <returns>Whether the license exists and the caller sees it.</returns>
    public static Task<bool> IsVisibleAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            Visible, new { subscriptionId, subscriberId }, cancellationToken: cancellationToken));

    /// <inheritdoc cref="IsVisibleAsync(NpgsqlConnection, Guid, Guid?, CancellationToken)"/>
    public static async Task<bool> IsVisibleAsync(
        LicenseDatabase database, Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await IsVisibleAsync(connection, subscriptionId, subscriberId, cancellationToken);
    }
}
