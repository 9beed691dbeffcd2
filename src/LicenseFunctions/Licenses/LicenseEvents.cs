using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>Something changed for a license; other systems read it in the event feed.</summary>
/// <param name="Type">One of those that the constraint event_type_is_known lists.</param>
/// <param name="Data">Without addresses, mail addresses, tokens and hashes. Property names are converted to snake_case.</param>
public sealed record LicenseEvent(Guid SubscriptionId, string Type, object Data)
{
    /// <summary>An event that is about no license: its subscription_id is the nil UUID, and it has its own sequence.</summary>
    public static LicenseEvent OfBackend(string type, object data) => new(Guid.Empty, type, data);
}

/// <summary>Events that no trigger adds: for a change that is more than a change of a row.</summary>
public static class LicenseEvents
{
    private const string Add = "select add_license_event(@SubscriptionId, @Type, @data::jsonb)";

    /// <summary>Adds an event in the transaction of its change.</summary>
    public static Task AddAsync(NpgsqlConnection connection, LicenseEvent added, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Add, new { added.SubscriptionId, added.Type, data = RowJson.Of(added.Data) }, cancellationToken: cancellationToken));
}
