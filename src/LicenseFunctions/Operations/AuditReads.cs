using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>A change of the audit log.</summary>
public sealed record AuditEntry
{
    public long AuditId { get; init; }
    public DateTime OccurredAt { get; init; }

    /// <summary>operator, owner, service, system or runbook.</summary>
    public string ActorKind { get; init; } = "";

    public Guid? ActorId { get; init; }

    /// <summary>The actor's mail address; null if it is not known.</summary>
    public string? ActorEmail { get; init; }

    /// <summary>The change, as noun.verb: license.suspended.</summary>
    public string Action { get; init; } = "";

    public Guid? SubscriptionId { get; init; }

    /// <summary>The license's customer; for a change of a customer or by a customer, that customer.</summary>
    public Guid? UserId { get; init; }

    public string? Email { get; init; }

    public string? Subject { get; init; }
    public string? Reason { get; init; }
    public JsonElement? Before { get; init; }
    public JsonElement? After { get; init; }
}

/// <summary>Somebody whose changes the audit log may have.</summary>
public sealed record AuditActor(Guid ActorId, string Email);

/// <summary>A filter of the audit log. A null field matches all.</summary>
/// <param name="ActorKind">operator, owner, service, system or runbook.</param>
/// <param name="UserId">The customer: changes of their licenses, of themselves, and by them.</param>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
public sealed record AuditFilter(
    string? ActorKind, Guid? ActorId, string? Action, Guid? SubscriptionId, Guid? UserId, DateTime? From, DateTime? To);

/// <summary>Reads the audit log.</summary>
public sealed class AuditReads(LicenseDatabase database)
{
    // Each filter alone has an index. The subselects of a null filter are not run.
    private const string List = """
        select a.audit_id, a.occurred_at, a.actor_kind, a.actor_id, actor.email as actor_email, a.action, a.subscription_id,
               customer.user_id, customer.email, a.subject, a.reason, a.before, a.after
        from audit_log a
        left join users actor on actor.user_id = a.actor_id
        left join subscriptions s on s.subscription_id = a.subscription_id
        left join users customer on customer.user_id = coalesce(
            s.subscriber_id, case when a.action ~ '^(customer|person)\.' and a.subject ~ '^[0-9a-f-]{36}$' then a.subject::uuid end,
            case when a.actor_kind = 'owner' then a.actor_id end)
        where (@ActorKind::text is null or a.actor_kind = @ActorKind)
          and (@ActorId::uuid is null or a.actor_id = @ActorId)
          and (@Action::text is null or a.action = @Action)
          and (@SubscriptionId::uuid is null or a.subscription_id = @SubscriptionId)
          and (@UserId::uuid is null or a.audit_id = any(array(
              select o.audit_id from subscriptions l join audit_log o on o.subscription_id = l.subscription_id
              where l.subscriber_id = @UserId
              union
              select o.audit_id from audit_log o where o.subject = @UserId::text
              union
              select o.audit_id from audit_log o where o.actor_id = @UserId)))
          and (@From::timestamptz is null or a.occurred_at >= @From)
          and (@To::timestamptz is null or a.occurred_at < @To)
          and (@after::bigint is null or (a.occurred_at, a.audit_id) < (select l.occurred_at, l.audit_id from audit_log l
                                                                       where l.audit_id = @after))
        order by a.occurred_at desc, a.audit_id desc
        limit @limit
        """;

    /// <summary>The latest first.</summary>
    /// <param name="after">The last row of the previous page; null for the first page.</param>
    public async Task<IReadOnlyList<AuditEntry>> ListAsync(AuditFilter filter, long? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<AuditEntry>(new CommandDefinition(List, new
        {
            filter.ActorKind,
            filter.ActorId,
            filter.Action,
            filter.SubscriptionId,
            filter.UserId,
            filter.From,
            filter.To,
            after,
            limit,
        }, cancellationToken: session.Token))).AsList();
    }

    private const string FindActor = "select user_id as actor_id, email from users where email = lower(@email)";

    /// <returns>Null if nobody has this mail address.</returns>
    public async Task<AuditActor?> FindActorAsync(string email, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<AuditActor>(
            new CommandDefinition(FindActor, new { email }, cancellationToken: session.Token));
    }

    // Reads one row of the index for each action, however many rows an action has.
    private const string Actions = """
        with recursive action as (
            (select action from audit_log order by action limit 1)
            union all
            select (select l.action from audit_log l where l.action > a.action order by l.action limit 1)
            from action a where a.action is not null
        )
        select action from action where action is not null
        """;

    /// <summary>The actions that the audit log contains, sorted.</summary>
    public async Task<IReadOnlyList<string>> ActionsAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<string>(new CommandDefinition(Actions, cancellationToken: session.Token))).AsList();
    }
}
