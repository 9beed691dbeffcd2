using Dapper;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>A claimed row of the outbox.</summary>
/// <param name="Address">The payload's <c>to</c>, else the address of its <c>user_id</c>; null if there is neither.</param>
/// <param name="Payload">JSON.</param>
/// <param name="Licenses">Names of the licenses that the payload's model contains, by ID, as JSON; null if there are none.</param>
/// <param name="Attempts">Number of attempts, including the present one.</param>
/// <param name="Fence">Changes with each claim: only the last claim can settle the row.</param>
public sealed record OutboxRow(
    Guid OutboxId, string? Address, string Payload, string? Licenses, DateTime CreatedAt, int Attempts, long Fence);

/// <summary>
/// Claims and settles rows of the outbox. A process that crashes does not settle its rows: they can be claimed again when their lease
/// expires.
/// </summary>
public sealed class OutboxStore(LicenseDatabase database)
{
    public const string Email = "email";
    public const string AlertWebhook = "alert_webhook";

    private const string Claim = """
        with due as (
            select outbox_id from outbox
            where kind = @kind and sent_at is null and dead_at is null
              and due_at <= now() and (lease_until is null or lease_until <= now())
            order by due_at, outbox_id
            limit @limit
            for update skip locked
        ), claimed as (
            update outbox o set lease_until = now() + @lease, fence = o.fence + 1, attempts = o.attempts + 1
            from due where o.outbox_id = due.outbox_id
            returning o.outbox_id, o.payload, o.created_at, o.attempts, o.fence
        )
        select c.outbox_id, coalesce(c.payload ->> 'to', u.email) as address, c.payload::text as payload,
               mail_licenses(c.payload -> 'model')::text as licenses, c.created_at, c.attempts, c.fence
        from claimed c
        left join users u on u.user_id = case
            when c.payload ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (c.payload ->> 'user_id')::uuid
        end
        order by c.created_at, c.outbox_id
        """;

    /// <param name="kind">A value of <c>outbox.kind</c>.</param>
    /// <param name="lease">During this time no other process can claim the rows.</param>
    /// <returns>At most <paramref name="limit"/> rows that are due.</returns>
    public async Task<IReadOnlyList<OutboxRow>> ClaimAsync(string kind, int limit, TimeSpan lease, CancellationToken cancellationToken) =>
    [
        .. await database.InStatementAsync((connection, token) => connection.QueryAsync<OutboxRow>(
            new CommandDefinition(Claim, new { kind, limit, lease }, cancellationToken: token)), cancellationToken),
    ];

    private const string MarkSent = """
        update outbox set sent_at = now(), lease_until = null, last_error = null
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    /// <returns>False if another process has claimed the row since.</returns>
    public Task<bool> MarkSentAsync(OutboxRow row, CancellationToken cancellationToken) =>
        SettleAsync(MarkSent, row, null, null, cancellationToken);

    private const string MarkFailed = """
        update outbox
        set due_at = coalesce(now() + @delay::interval, due_at), dead_at = case when @delay::interval is null then now() end,
            lease_until = null, last_error = @error
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    /// <param name="delay">The time until the next attempt; null if the row is given up.</param>
    /// <param name="error">Must not contain the address or the body, because operators see the text.</param>
    /// <returns>False if another process has claimed the row since.</returns>
    public Task<bool> MarkFailedAsync(OutboxRow row, TimeSpan? delay, string error, CancellationToken cancellationToken) =>
        SettleAsync(MarkFailed, row, delay, error, cancellationToken);

    private const string Postpone = """
        update outbox
        set due_at = now() + @delay, attempts = attempts - 1, lease_until = null, last_error = @error
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    /// <summary>Returns a claimed row that was not tried. The claim does not count as an attempt.</summary>
    /// <returns>False if another process has claimed the row since.</returns>
    public Task<bool> PostponeAsync(OutboxRow row, TimeSpan delay, string reason, CancellationToken cancellationToken) =>
        SettleAsync(Postpone, row, delay, reason, cancellationToken);

    private async Task<bool> SettleAsync(string sql, OutboxRow row, TimeSpan? delay, string? error, CancellationToken cancellationToken) =>
        await database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            sql, new { row.OutboxId, row.Fence, delay, error }, cancellationToken: token)), cancellationToken) == 1;
}
