using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>What payment providers told us, each event once.</summary>
public static class PaymentEventInbox
{
    private const string Add = """
        insert into payment_events (provider, event_id, event_type, created_at, body)
        values (@Provider, @EventId, @EventType, @createdAt, @body::jsonb)
        on conflict do nothing
        """;

    /// <returns>Whether it is new; in the transaction of its effect, so that it was handled exactly if it isn't.</returns>
    public static async Task<bool> AddAsync(NpgsqlConnection connection, PaymentEvent received, CancellationToken cancellationToken) =>
        await connection.ExecuteAsync(new CommandDefinition(Add, new
        {
            received.Provider,
            received.EventId,
            received.EventType,
            createdAt = received.CreatedAt.UtcDateTime,
            body = RowJson.Of(new { Fact = received.Fact.GetType().Name }),
        }, cancellationToken: cancellationToken)) == 1;
}
