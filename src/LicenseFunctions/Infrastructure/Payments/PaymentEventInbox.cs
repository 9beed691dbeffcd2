using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>The events of payment providers, each stored once.</summary>
public static class PaymentEventInbox
{
    private const string Add = """
        insert into payment_events (provider, event_id, event_type, created_at, body)
        values (@Provider, @EventId, @EventType, @createdAt, @body::jsonb)
        on conflict do nothing
        """;

    /// <summary>Adds an event in the transaction of its effect.</summary>
    /// <returns>False if the event was applied before.</returns>
    public static async Task<bool> AddAsync(NpgsqlConnection connection, PaymentEvent received, CancellationToken cancellationToken) =>
        await connection.ExecuteAsync(new CommandDefinition(Add, new
        {
            received.Provider,
            received.EventId,
            received.EventType,
            createdAt = received.CreatedAt.UtcDateTime,
            body = RowJson.Of(new { Fact = received.Fact.GetType().Name }),
        }, cancellationToken: cancellationToken)) == 1;

    private const string Known = "select event_id from payment_events where provider = @provider and event_id = any (@ids)";

    /// <returns>Those of the events that were applied before.</returns>
    public static async Task<IReadOnlySet<string>> KnownAsync(
        NpgsqlConnection connection, string provider, IEnumerable<string> ids, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<string>(new CommandDefinition(
            Known, new { provider, ids = ids.ToArray() }, cancellationToken: cancellationToken))).ToHashSet(StringComparer.Ordinal);
}
