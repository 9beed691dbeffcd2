using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>An event that could not be applied.</summary>
/// <param name="CreatedAt">When the provider created it.</param>
/// <param name="FailedAt">Since when it can't be applied.</param>
/// <param name="IntentId">Of the charge whose success it reports; null if it reports none.</param>
public sealed record UnappliedEvent(string EventId, string EventType, DateTime CreatedAt, DateTime FailedAt, string? IntentId);

/// <summary>
/// Table payment_event_reads: until when a provider's list of events was read. Table unapplied_events: the events until then that could not
/// be applied.
/// </summary>
public sealed class PaymentEventReads(LicenseDatabase database, SuspensionStore suspensions, TimeProvider time)
{
    private const string Find = "select read_until from payment_event_reads where provider = @provider";

    /// <returns>Until when the list was read; null for never.</returns>
    public async Task<DateTimeOffset?> FindAsync(string provider, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(Find, new { provider }, cancellationToken: session.Token));
    }

    // What failed may be a charge that a restored database doesn't know: the wait for it begins again. A provider that was not asked before
    // may be new, or the backup may be older than its first read. A wait that was noted before that read begins again, too.
    private const string Ask = """
        with asked as (
            insert into payment_event_reads as r (provider, asked_at, missed_until)
            select @provider, now(), case when exists (select from renewals) then now() end
            on conflict (provider) do update
            set missed_until = case when coalesce(has_missed_events(r.asked_at, r.read_until, r.asked_every), true) then now()
                               else r.missed_until end,
                asked_every = now() - r.asked_at, asked_at = now()
            returning provider, asked_at, missed_until
        ), begun as (
            update unapplied_events u set failed_at = now()
            from asked a
            where u.provider = a.provider and a.missed_until = a.asked_at
        )
        select asked_at from asked
        """;

    /// <summary>
    /// A read begins. If the provider was not asked for a long time, or never and there are renewals, charges wait until the list is read
    /// up to now.
    /// </summary>
    /// <returns>The database's time.</returns>
    public Task<DateTime> BeginAsync(string provider, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteScalarAsync<DateTime>(
            new CommandDefinition(Ask, new { provider }, cancellationToken: token)), cancellationToken);

    private const string CatchUp = """
        update payment_event_reads r set missed_until = null
        where r.provider = @provider and r.missed_until <= @readUntil
          and not exists (
              select from unapplied_events u
              -- A success has a case, for which only its own license waits.
              where u.provider = r.provider and u.intent_id is null and u.failed_at > now() - @longestWait)
        """;

    /// <summary>
    /// The list was read up to this time. Charges that wait for it may begin, unless an event could not be applied a short time ago.
    /// </summary>
    public Task CatchUpAsync(string provider, DateTime readUntil, TimeSpan longestWait, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(
                new CommandDefinition(CatchUp, new { provider, readUntil, longestWait }, cancellationToken: token)), cancellationToken);

    private const string Unapplied = """
        select event_id, event_type, created_at, failed_at, intent_id from unapplied_events
        where provider = @provider
        order by tried_at
        limit @most
        """;

    /// <summary>Events that could not be applied, in the order of their last tries.</summary>
    public async Task<IReadOnlyList<UnappliedEvent>> UnappliedAsync(string provider, int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<UnappliedEvent>(
            new CommandDefinition(Unapplied, new { provider, most }, cancellationToken: session.Token))).AsList();
    }

    private const string IsGivenUp = """
        exists (
            select from payment_cases c
            where c.provider = @provider and c.reason = 'not_booked' and c.subject = @IntentId and c.decision in ('credited', 'dismissed'))
        """;

    private const string Fail = $"""
        insert into unapplied_events as u (provider, event_id, event_type, created_at, intent_id)
        select @provider, @EventId, @EventType, @CreatedAt, @IntentId
        where not {IsGivenUp}
        on conflict (provider, event_id) do update set tried_at = now(), intent_id = coalesce(u.intent_id, excluded.intent_id)
        """;

    /// <summary>The event can't be applied now.</summary>
    /// <param name="concern">
    /// The case of a success; null for another event. It is opened in the same transaction, so that nothing more is charged for the license
    /// and it is not suspended. If the charge is already refunded, no case is opened.
    /// </param>
    /// <returns>False if an operator has decided its case: it is not tried again.</returns>
    public Task<bool> FailAsync(string provider, UnappliedEvent failed, PaymentCase? concern, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (concern is not null)
                await new RenewalTransaction(connection, suspensions, time).CannotBookAsync(provider, concern, token);
            return await connection.ExecuteAsync(new CommandDefinition(
                Fail, new { provider, failed.EventId, failed.EventType, failed.CreatedAt, failed.IntentId },
                cancellationToken: token)) > 0;
        }, cancellationToken);

    private const string TryLater = "update unapplied_events set tried_at = now() where provider = @provider and event_id = @EventId";

    /// <summary>The stored event can't be applied now, either.</summary>
    /// <returns>False if it is no longer stored, because an operator has decided its case.</returns>
    public Task<bool> TryLaterAsync(string provider, UnappliedEvent late, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            async (connection, token) => await connection.ExecuteAsync(
                new CommandDefinition(TryLater, new { provider, late.EventId }, cancellationToken: token)) > 0, cancellationToken);

    /// <summary>Whether an operator has decided that the charge of a success is not to be booked.</summary>
    public async Task<bool> IsGivenUpAsync(string provider, string intentId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            $"select {IsGivenUp}", new { provider, intentId }, cancellationToken: session.Token));
    }

    private const string Remove = "delete from unapplied_events where provider = @provider and event_id = @EventId";

    /// <summary>The event is tried no longer.</summary>
    public Task RemoveAsync(string provider, UnappliedEvent late, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Remove, new { provider, late.EventId }, cancellationToken: token)), cancellationToken);

    private const string Save = """
        update payment_event_reads set read_until = greatest(read_until, @until) where provider = @provider
        """;

    /// <summary>All events before this time are applied, or are stored because they can't be.</summary>
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

    private const string Waiting = "select event_id from unapplied_events where provider = @provider and event_id = any (@ids)";

    /// <returns>Those of the events that were applied before, or that are tried again by themselves.</returns>
    public async Task<IReadOnlySet<string>> HandledAsync(
        string provider, IReadOnlyCollection<string> ids, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var waiting = await session.Connection.QueryAsync<string>(
            new CommandDefinition(Waiting, new { provider, ids = ids.ToArray() }, cancellationToken: session.Token));
        return (await PaymentEventInbox.KnownAsync(session.Connection, provider, ids, session.Token)).Union(waiting).ToHashSet();
    }
}
