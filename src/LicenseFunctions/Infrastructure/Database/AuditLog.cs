using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Who changes something.</summary>
/// <param name="Kind">operator, owner, service, system or runbook (an operator's statement by hand).</param>
public sealed record Actor(string Kind, Guid? Id = null)
{
    public static readonly Actor System = new("system");
    public static readonly Actor Service = new("service");
    public static readonly Actor Runbook = new("runbook");

    public static Actor Operator(Guid? userId) => new("operator", userId);

    public static Actor Owner(Guid userId) => new("owner", userId);
}

/// <param name="Action">What was done, as noun.verb: license.suspended.</param>
/// <param name="Subject">The id of what was changed, where it isn't the license.</param>
/// <param name="Reason">In the words of whoever did it.</param>
/// <param name="Before">JSON; null where there was nothing.</param>
/// <param name="After">JSON; null where nothing is left.</param>
public sealed record AuditRow(
    Actor Actor, string Action, Guid? SubscriptionId, string? Subject = null, string? Reason = null, string? Before = null, string? After = null);

/// <summary>Who did what, when and why; written in the transaction of the change itself.</summary>
public static class AuditLog
{
    private const string Add = """
        insert into audit_log (actor_kind, actor_id, action, subscription_id, subject, reason, before, after)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """;

    public static async Task AddAsync(NpgsqlConnection connection, AuditRow row, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Add, connection)
        {
            Parameters =
            {
                new() { Value = row.Actor.Kind },
                new() { Value = (object?)row.Actor.Id ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                new() { Value = row.Action },
                new() { Value = (object?)row.SubscriptionId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                new() { Value = (object?)row.Subject ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = (object?)row.Reason ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = (object?)row.Before ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = (object?)row.After ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
