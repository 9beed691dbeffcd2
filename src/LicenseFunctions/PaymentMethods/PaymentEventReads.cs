using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Table payment_event_reads: until when a provider's list of events was read.</summary>
public sealed class PaymentEventReads(LicenseDatabase database)
{
    private const string Find = "select read_until, held_since from payment_event_reads where provider = @provider";

    /// <returns>Until when the list was read, and since when an event that can't be applied stops that time; null for never.</returns>
    public async Task<(DateTimeOffset? ReadUntil, DateTimeOffset? HeldSince)> FindAsync(
        string provider, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var (readUntil, heldSince) = await session.Connection.QuerySingleOrDefaultAsync<(DateTime?, DateTime?)>(
            new CommandDefinition(Find, new { provider }, cancellationToken: session.Token));
        return (readUntil, heldSince);
    }

    private const string Ask = """
        update payment_event_reads
        set missed_until = case when has_missed_events(asked_at, read_until, asked_every) then now() else missed_until end,
            -- What fails then may be a charge that is not known here: the wait for it begins again.
            held_since = case when has_missed_events(asked_at, read_until, asked_every) then null else held_since end,
            asked_every = now() - asked_at, asked_at = now()
        where provider = @provider
        returning asked_at
        """;

    /// <summary>
    /// A read begins. If the provider was not asked for a long time, charges wait until the list is read up to now.
    /// </summary>
    /// <returns>The database's time; null before the first read of this provider.</returns>
    public Task<DateTime?> BeginAsync(string provider, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(Ask, new { provider }, cancellationToken: token)), cancellationToken);

    private const string CatchUp = """
        update payment_event_reads set missed_until = null where provider = @provider and missed_until <= @readUntil
        """;

    /// <summary>The list was read up to this time. Charges that wait for it may begin.</summary>
    public Task CatchUpAsync(string provider, DateTime readUntil, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(CatchUp, new { provider, readUntil }, cancellationToken: token)), cancellationToken);

    private const string Hold = """
        insert into payment_event_reads as r (provider, read_until, held_since, asked_at) values (@provider, @from, now(), now())
        on conflict (provider) do update set held_since = coalesce(r.held_since, excluded.held_since)
        """;

    /// <summary>From now on, an event that can't be applied stops the stored time.</summary>
    public Task HoldAsync(string provider, DateTimeOffset from, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Hold, new { provider, from = from.UtcDateTime }, cancellationToken: token)), cancellationToken);

    private const string Release = "update payment_event_reads set held_since = null where provider = @provider";

    /// <summary>No event stops the stored time any longer.</summary>
    public Task ReleaseAsync(string provider, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Release, new { provider }, cancellationToken: token)), cancellationToken);

    private const string Save = """
        insert into payment_event_reads as r (provider, read_until, asked_at) values (@provider, @until, now())
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
