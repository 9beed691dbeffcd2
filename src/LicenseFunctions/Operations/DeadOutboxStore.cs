using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>A mail or webhook that was given up.</summary>
public sealed record DeadMessage
{
    public Guid OutboxId { get; init; }

    /// <summary>email or alert_webhook.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The mail's template, or what the row's key begins with.</summary>
    public string Name { get; init; } = "";

    /// <summary>The customer who would get the mail; null for operators' mails and webhooks.</summary>
    public Guid? UserId { get; init; }

    /// <summary>The address of the mail; null for a webhook and for an emptied row.</summary>
    public string? Recipient { get; init; }

    public DateTime CreatedAt { get; init; }
    public DateTime DeadAt { get; init; }
    public int Attempts { get; init; }
    public string? LastError { get; init; }

    /// <summary>False for a row that was emptied, 30 days after it was added or by an erasure.</summary>
    public bool CanRevive { get; init; }
}

/// <summary>Mails and webhooks of the outbox that were given up.</summary>
public sealed class DeadOutboxStore(LicenseDatabase database)
{
    private const string List = """
        select o.outbox_id, o.kind, coalesce(o.payload ->> 'template', split_part(o.dedup_key, ':', 1)) as name, u.user_id,
               coalesce(o.payload ->> 'to', u.email) as recipient, o.created_at, o.dead_at, o.attempts, o.last_error,
               o.payload <> '{}' as can_revive
        from outbox o
        left join users u on u.user_id = case
            when o.payload ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (o.payload ->> 'user_id')::uuid
        end
        where o.dead_at is not null
        order by o.payload <> '{}' desc, o.dead_at desc, o.outbox_id
        limit @limit
        """;

    /// <summary>Those that can be revived, the latest first, then emptied ones.</summary>
    public async Task<IReadOnlyList<DeadMessage>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<DeadMessage>(
            new CommandDefinition(List, new { limit }, cancellationToken: session.Token))).AsList();
    }

    private const string CountRevivable = "select count(*)::int from outbox where dead_at is not null and payload <> '{}'";

    public async Task<int> CountRevivableAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<int>(
            new CommandDefinition(CountRevivable, cancellationToken: session.Token));
    }

    // The fence settles a worker's claim that outlived its lease.
    private const string Revive = """
        with revived as (
            update outbox set dead_at = null, due_at = now(), attempts = 0, lease_until = null, fence = fence + 1, last_error = null
            where dead_at is not null and payload <> '{}' and (@outboxIds::uuid[] is null or outbox_id = any(@outboxIds))
            returning outbox_id, kind
        ), audited as (
            insert into audit_log (actor_kind, actor_id, action, subject, after)
            select @Kind, @Id, 'outbox.revived', outbox_id::text, jsonb_build_object('kind', kind) from revived
        )
        select outbox_id from revived
        """;

    /// <summary>Makes rows due again, and audits each.</summary>
    /// <param name="outboxIds">Null for all.</param>
    /// <returns>The rows that are due now.</returns>
    public async Task<IReadOnlyList<Guid>> ReviveAsync(IReadOnlyList<Guid>? outboxIds, Actor by, CancellationToken cancellationToken) =>
    [
        .. await database.InStatementAsync((connection, token) => connection.QueryAsync<Guid>(
            new CommandDefinition(Revive, new { outboxIds, by.Kind, by.Id }, cancellationToken: token)), cancellationToken),
    ];
}
