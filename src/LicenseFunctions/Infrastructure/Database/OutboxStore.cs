using Dapper;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>A claimed mail of the outbox.</summary>
/// <param name="Address">The user's, or the one that the row names; null where the user is gone.</param>
/// <param name="Payload">JSON: template, user_id or to, model.</param>
/// <param name="Attempts">This one included.</param>
/// <param name="Fence">Only who holds it may settle the row.</param>
public sealed record OutboxMail(Guid OutboxId, string? Address, string Payload, DateTime CreatedAt, int Attempts, long Fence);

/// <summary>The outbox's way out: claim, then settle. A worker that died gives its rows back when their lease ends.</summary>
public sealed class OutboxStore(LicenseDatabase database)
{
    private const string Claim = """
        with due as (
            select outbox_id from outbox
            where kind = 'email' and sent_at is null and dead_at is null
              and due_at <= now() and (lease_until is null or lease_until <= now())
            order by due_at, outbox_id
            limit @limit
            for update skip locked
        ), claimed as (
            update outbox o set lease_until = now() + @lease, fence = o.fence + 1, attempts = o.attempts + 1
            from due where o.outbox_id = due.outbox_id
            returning o.outbox_id, o.payload, o.created_at, o.attempts, o.fence
        )
        select c.outbox_id, coalesce(c.payload ->> 'to', u.email) as address, c.payload::text as payload, c.created_at, c.attempts, c.fence
        from claimed c
        left join users u on u.user_id = (c.payload ->> 'user_id')::uuid
        order by c.created_at, c.outbox_id
        """;

    public async Task<IReadOnlyList<OutboxMail>> ClaimAsync(int limit, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return [.. await connection.QueryAsync<OutboxMail>(new CommandDefinition(Claim, new { limit, lease }, cancellationToken: cancellationToken))];
    }

    private const string Sent = """
        update outbox set sent_at = now(), lease_until = null, last_error = null
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    public Task<bool> SentAsync(OutboxMail mail, CancellationToken cancellationToken) => SettleAsync(Sent, mail, null, null, cancellationToken);

    private const string Later = """
        update outbox set due_at = now() + @wait, lease_until = null, last_error = @error
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    public Task<bool> LaterAsync(OutboxMail mail, TimeSpan wait, string error, CancellationToken cancellationToken) =>
        SettleAsync(Later, mail, wait, error, cancellationToken);

    private const string Dead = """
        update outbox set dead_at = now(), lease_until = null, last_error = @error
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    public Task<bool> DeadAsync(OutboxMail mail, string error, CancellationToken cancellationToken) => SettleAsync(Dead, mail, null, error, cancellationToken);

    /// <returns>False where another worker has taken the row over since.</returns>
    private async Task<bool> SettleAsync(string sql, OutboxMail mail, TimeSpan? wait, string? error, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(
            sql, new { mail.OutboxId, mail.Fence, wait, error }, cancellationToken: cancellationToken)) == 1;
    }
}
