using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Usage;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Usage;

/// <param name="Source">queue, dead_letter, http, replay or sql.</param>
/// <param name="State">OPEN, REPLAYED or DISCARDED.</param>
public sealed record QuarantinedUsage(
    Guid QuarantineId, DateTime QuarantinedAt, string Source, string Code, string? Field, string Detail, string Payload,
    string State, DateTime? ClosedAt, Guid? ClosedBy);

/// <summary>Usage that could not be taken, until an operator has replayed or discarded it.</summary>
public sealed class QuarantineStore(LicenseDatabase database)
{
    private const string Add = """
        insert into usage_quarantine (source, code, field, detail, payload, payload_digest)
        select $1, code, field, detail, payload, digest
        from unnest($2, $3, $4, $5, $6) as rejected (code, field, detail, payload, digest)
        order by digest
        on conflict (payload_digest) do nothing
        """;

    /// <summary>Quarantines what isn't there yet.</summary>
    public async Task AddAsync(string source, IReadOnlyCollection<RejectedUsage> rejected, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Add, connection)
        {
            Parameters =
            {
                new() { Value = source },
                new() { Value = rejected.Select(one => one.Fault.Code).ToArray() },
                new() { Value = rejected.Select(one => one.Fault.Field).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = rejected.Select(one => one.Fault.Detail).ToArray() },
                new() { Value = rejected.Select(one => one.Payload).ToArray() },
                new() { Value = rejected.Select(one => one.Digest).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string List = """
        select quarantine_id, quarantined_at, source, code, field, detail, payload, state, closed_at, closed_by
        from usage_quarantine
        where (@state::text is null or state = @state) and (@code::text is null or code = @code)
          and (@after::uuid is null
               or (quarantined_at, quarantine_id) < (select quarantined_at, quarantine_id from usage_quarantine where quarantine_id = @after))
        order by quarantined_at desc, quarantine_id desc
        limit @limit
        """;

    /// <summary>The newest first; <paramref name="after"/> is the last one of the page before.</summary>
    public async Task<IReadOnlyList<QuarantinedUsage>> ListAsync(
        string? state, string? code, Guid? after, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return [.. await connection.QueryAsync<QuarantinedUsage>(
            new CommandDefinition(List, new { state, code, after, limit }, cancellationToken: cancellationToken))];
    }

    private const string Find = """
        select quarantine_id, quarantined_at, source, code, field, detail, payload, state, closed_at, closed_by
        from usage_quarantine where quarantine_id = @quarantineId
        """;

    public async Task<QuarantinedUsage?> FindAsync(Guid quarantineId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<QuarantinedUsage>(
            new CommandDefinition(Find, new { quarantineId }, cancellationToken: cancellationToken));
    }

    private const string Close = """
        with closed as (
            update usage_quarantine set state = @state, closed_at = now(), closed_by = @operatorId
            where quarantine_id = @quarantineId and state = 'OPEN'
            returning quarantine_id, quarantined_at, source, code, field, detail, payload, state, closed_at, closed_by
        ), audited as (
            insert into audit_log (actor_kind, actor_id, action, subject, before, after)
            select 'operator', @operatorId, 'usage_quarantine.' || lower(@state), 'usage_quarantine ' || quarantine_id,
                   jsonb_build_object('state', 'OPEN', 'code', code), jsonb_build_object('state', state)
            from closed
        )
        select * from closed
        """;

    /// <summary>Closes an open one, audited.</summary>
    /// <returns>Null when there is none, or it was closed before.</returns>
    public async Task<QuarantinedUsage?> CloseAsync(Guid quarantineId, string state, Guid? operatorId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<QuarantinedUsage>(
            new CommandDefinition(Close, new { quarantineId, state, operatorId }, cancellationToken: cancellationToken));
    }
}
