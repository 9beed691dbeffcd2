using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Table payment_event_reads: until when a provider's list of events was read.</summary>
public sealed class PaymentEventReads(LicenseDatabase database)
{
    private const string ReadUntil = "select read_until from payment_event_reads where provider = @provider";

    /// <returns>Null before the first read.</returns>
    public async Task<DateTimeOffset?> ReadUntilAsync(string provider, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(ReadUntil, new { provider }, cancellationToken: session.Token));
    }

    private const string Save = """
        insert into payment_event_reads as r (provider, read_until) values (@provider, @until)
        on conflict (provider) do update set read_until = greatest(r.read_until, excluded.read_until)
        """;

    /// <summary>All events before this time are applied.</summary>
    public Task SaveAsync(string provider, DateTimeOffset until, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Save, new { provider, until = until.UtcDateTime }, cancellationToken: token)), cancellationToken);

    /// <returns>Those of the events that were applied before.</returns>
    public async Task<IReadOnlySet<string>> AppliedAsync(
        string provider, IEnumerable<string> ids, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await PaymentEventInbox.KnownAsync(session.Connection, provider, ids, session.Token);
    }
}
