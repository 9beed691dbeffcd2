using Dapper;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>The originator of a change.</summary>
/// <param name="Kind">operator, owner, service, system, or runbook (an operator runs a statement of a runbook).</param>
public sealed record Actor(string Kind, Guid? Id = null)
{
    public static readonly Actor System = new("system");
    public static readonly Actor Service = new("service");
    public static readonly Actor Runbook = new("runbook");

    public static Actor Operator(Guid? userId) => new("operator", userId);

    public static Actor Owner(Guid userId) => new("owner", userId);
}

/// <param name="Action">The change, as noun.verb: license.suspended.</param>
/// <param name="Subject">ID of the changed object if it isn't the license.</param>
/// <param name="Reason">The reason that the actor gave.</param>
/// <param name="Before">JSON; null if the object didn't exist.</param>
/// <param name="After">JSON; null if the object no longer exists.</param>
public sealed record AuditRow(
    Actor Actor, string Action, Guid? SubscriptionId, string? Subject = null, string? Reason = null,
    string? Before = null, string? After = null);

/// <summary>Records each change with its actor, time and reason. A row is written in the transaction of the change.</summary>
public static class AuditLog
{
    private const string Add = """
        insert into audit_log (actor_kind, actor_id, action, subscription_id, subject, reason, before, after)
        select a.actor_kind, a.actor_id, a.action, a.subscription_id, a.subject, a.reason, a.before::jsonb, a.after::jsonb
        from unnest(@kinds, @actors, @actions, @subscriptions, @subjects, @reasons, @before, @after)
            as a (actor_kind, actor_id, action, subscription_id, subject, reason, before, after)
        """;

    public static Task AddAsync(NpgsqlConnection connection, AuditRow row, CancellationToken cancellationToken) =>
        AddAsync(connection, [row], cancellationToken);

    public static Task AddAsync(NpgsqlConnection connection, IReadOnlyCollection<AuditRow> rows, CancellationToken cancellationToken)
    {
        T[] Column<T>(Func<AuditRow, T> value) => [.. rows.Select(value)];
        return rows.Count == 0 ? Task.CompletedTask : connection.ExecuteAsync(new CommandDefinition(
            Add,
            new
            {
                kinds = Column(row => row.Actor.Kind),
                actors = Column(row => row.Actor.Id),
                actions = Column(row => row.Action),
                subscriptions = Column(row => row.SubscriptionId),
                subjects = Column(row => row.Subject),
                reasons = Column(row => row.Reason),
                before = Column(row => row.Before),
                after = Column(row => row.After),
            },
            cancellationToken: cancellationToken));
    }
}
