using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>An event of the feed.</summary>
/// <param name="Id">Its place in the feed, from 1, without gaps.</param>
/// <param name="Sequence">Its number within the license, from 1, without gaps.</param>
/// <param name="Data">What docs/api.md lists for the type.</param>
public sealed record FeedEvent(long Id, string Type, DateTime OccurredAt, Guid SubscriptionId, long Sequence, JsonElement Data);

/// <summary>Numbers and reads the events of all licenses.</summary>
/// <remarks>
/// Events get their places after they are committed, from one transaction at a time. So a reader that has seen one place has seen all lower
/// ones, and no reader waits for open transactions. A change that follows another one of the same license gets the later place: its event
/// has the higher event_id, and is visible only together with the earlier one.
/// </remarks>
public sealed class EventStore(LicenseDatabase database)
{
    private const int MostNumbered = 10_000;

    private const string IsWaiting = "select exists (select from license_events where position is null)";

    private const string Lock = "select last_position from license_event_numbering for update";

    // A separate statement after the lock, because only a new snapshot sees the numbers that the previous holder of the lock assigned.
    private const string Number = """
        with waiting as (
            select event_id, subscription_id from license_events where position is null order by event_id limit @MostNumbered for update
        ), counted as (
            select event_id, subscription_id, row_number() over (order by event_id) as number,
                   row_number() over (partition by subscription_id order by event_id desc) - 1 as later_ones
            from waiting
        ), licenses as (
            insert into license_event_sequences as s (subscription_id, last_sequence)
            select subscription_id, count(*) from waiting group by subscription_id
            on conflict (subscription_id) do update set last_sequence = s.last_sequence + excluded.last_sequence
            returning subscription_id, last_sequence
        ), numbered as (
            update license_events e set position = @last + c.number, sequence = l.last_sequence - c.later_ones
            from counted c join licenses l using (subscription_id)
            where e.event_id = c.event_id and e.position is null -- so that the index of events without a place is used
        )
        update license_event_numbering set last_position = @last + (select count(*) from waiting)
        """;

    /// <summary>Assigns places to committed events, at most 10,000.</summary>
    public async Task NumberAsync(CancellationToken cancellationToken)
    {
        if (!await IsWaitingAsync(cancellationToken)) return;
        await database.InTransactionAsync(async (connection, token) =>
        {
            var last = await connection.ExecuteScalarAsync<long>(new CommandDefinition(Lock, cancellationToken: token));
            await connection.ExecuteAsync(new CommandDefinition(Number, new { last, MostNumbered }, cancellationToken: token));
        }, cancellationToken);
    }

    private async Task<bool> IsWaitingAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<bool>(new CommandDefinition(IsWaiting, cancellationToken: session.Token));
    }

    private const string List = """
        select position as id, type, occurred_at, subscription_id, sequence, data::text as data
        from license_events
        where position > @after
        order by position
        limit @most
        """;

    /// <summary>Events that have a place, in the order of their places. They are kept for 90 days.</summary>
    /// <param name="after">Exclusive.</param>
    public async Task<IReadOnlyList<FeedEvent>> ListAsync(long after, int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<FeedEvent>(
            new CommandDefinition(List, new { after, most }, cancellationToken: session.Token))).AsList();
    }

    private const string Last = "select last_position from license_event_numbering";

    /// <summary>The last place that was assigned; 0 for none.</summary>
    public async Task<long> LastAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<long>(new CommandDefinition(Last, cancellationToken: session.Token));
    }
}
