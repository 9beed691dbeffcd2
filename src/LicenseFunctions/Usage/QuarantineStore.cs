using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Usage;

namespace LicenseFunctions.Usage;

/// <param name="Source">queue, dead_letter, http, replay or sql.</param>
/// <param name="Excerpt">The first 200 characters of the payload.</param>
/// <param name="SizeBytes">Size of the payload as it was received.</param>
/// <param name="State">OPEN, REPLAYED or DISCARDED.</param>
public sealed record QuarantinedUsage(
    Guid QuarantineId, DateTime QuarantinedAt, string Source, string Code, string? Field, string Detail, string Excerpt, int SizeBytes,
    string State, DateTime? ClosedAt, Guid? ClosedBy);

/// <param name="Payload">The text: decompressed if possible, with U+FFFD for what is not text.</param>
/// <param name="PayloadBase64">The exact bytes as they were received.</param>
public sealed record QuarantinedMessage(
    Guid QuarantineId, DateTime QuarantinedAt, string Source, string Code, string? Field, string Detail, string Payload,
    byte[] PayloadBase64, string State, DateTime? ClosedAt, Guid? ClosedBy);

/// <summary>Usage that could not be stored, until an operator replays or discards it.</summary>
public sealed class QuarantineStore(LicenseDatabase database)
{
    private const string Add = """
        insert into usage_quarantine (source, code, field, detail, payload, payload_bytes, payload_digest)
        select @source, code, field, detail, payload, bytes, digest
        from unnest(@codes, @fields, @details, @payloads, @bytes, @digests) as rejected (code, field, detail, payload, bytes, digest)
        order by digest
        on conflict (payload_digest) do nothing
        """;

    /// <summary>Adds payloads that are not in the quarantine yet.</summary>
    public Task AddAsync(string source, IReadOnlyCollection<RejectedUsage> rejected, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
                Add,
                new
                {
                    source,
                    codes = rejected.Select(one => one.Fault.Code).ToArray(),
                    fields = rejected.Select(one => one.Fault.Field).ToArray(),
                    details = rejected.Select(one => one.Fault.Detail).ToArray(),
                    payloads = rejected.Select(one => one.Payload).ToArray(),
                    bytes = rejected.Select(one => one.Bytes).ToArray(),
                    digests = rejected.Select(one => one.Digest).ToArray(),
                },
                cancellationToken: token)), cancellationToken);

    private const string RejectAgain = """
        update usage_quarantine set code = @Code, field = @Field, detail = @Detail where quarantine_id = @quarantineId and state = 'OPEN'
        """;

    /// <summary>A replayed entry is still invalid, perhaps for another reason than before.</summary>
    public Task RejectAgainAsync(Guid quarantineId, UsageFault fault, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            RejectAgain, new { quarantineId, fault.Code, fault.Field, fault.Detail }, cancellationToken: token)), cancellationToken);

    private const string List = """
        select quarantine_id, quarantined_at, source, code, field, detail, left(payload, 200) as excerpt,
               coalesce(octet_length(payload_bytes), octet_length(payload)) as size_bytes, state, closed_at, closed_by
        from usage_quarantine
        where (@state::text is null or state = @state) and (@code::text is null or code = @code)
          and (@after::uuid is null
               or (quarantined_at, quarantine_id) < (
                   select quarantined_at, quarantine_id from usage_quarantine where quarantine_id = @after))
        order by quarantined_at desc, quarantine_id desc
        limit @limit
        """;

    /// <summary>Newest first.</summary>
    /// <param name="after">Last id of the previous page; null for the first page.</param>
    public async Task<IReadOnlyList<QuarantinedUsage>> ListAsync(
        string? state, string? code, Guid? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<QuarantinedUsage>(
            new CommandDefinition(List, new { state, code, after, limit }, cancellationToken: cancellationToken))];
    }

    private const string Find = """
        select quarantine_id, quarantined_at, source, code, field, detail, payload,
               coalesce(payload_bytes, convert_to(payload, 'UTF8')) as payload_base64, state, closed_at, closed_by
        from usage_quarantine where quarantine_id = @quarantineId
        """;

    /// <summary>The whole entry. Its payload may have many megabytes.</summary>
    public async Task<QuarantinedMessage?> FindAsync(Guid quarantineId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleOrDefaultAsync<QuarantinedMessage>(
            new CommandDefinition(Find, new { quarantineId }, cancellationToken: cancellationToken));
    }

    private const string Describe = """
        select quarantine_id, quarantined_at, source, code, field, detail, left(payload, 200) as excerpt,
               coalesce(octet_length(payload_bytes), octet_length(payload)) as size_bytes, state, closed_at, closed_by
        from usage_quarantine where quarantine_id = @quarantineId
        """;

    public async Task<QuarantinedUsage?> DescribeAsync(Guid quarantineId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleOrDefaultAsync<QuarantinedUsage>(
            new CommandDefinition(Describe, new { quarantineId }, cancellationToken: cancellationToken));
    }

    private const string Close = """
        update usage_quarantine set state = @state, closed_at = now(), closed_by = @byId
        where quarantine_id = @quarantineId and state = 'OPEN'
        returning quarantine_id, quarantined_at, source, code, field, detail, left(payload, 200) as excerpt,
                  coalesce(octet_length(payload_bytes), octet_length(payload)) as size_bytes, state, closed_at, closed_by
        """;

    /// <summary>Closes an open entry. The change is audited.</summary>
    /// <returns>Null if the entry doesn't exist or is closed.</returns>
    public Task<QuarantinedUsage?> CloseAsync(Guid quarantineId, string state, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var closed = await connection.QuerySingleOrDefaultAsync<QuarantinedUsage>(
                new CommandDefinition(Close, new { quarantineId, state, byId = by.Id }, cancellationToken: token));
            if (closed is not null)
            {
                await AuditLog.AddAsync(connection, new AuditRow(
                    by, "usage_quarantine." + state.ToLowerInvariant(), null, $"usage_quarantine {quarantineId}",
                    Before: RowJson.Of(new { State = "OPEN", closed.Code }), After: RowJson.Of(new { closed.State })), token);
            }

            return closed;
        }, cancellationToken);
}
