using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Webhooks;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>An endpoint as operators see it.</summary>
public sealed record WebhookEndpoint
{
    public required Guid EndpointId { get; init; }

    public required string Url { get; init; }

    /// <summary>* for all types, those of later versions included.</summary>
    public required string[] Types { get; init; }

    /// <summary>The id of an event; sending continues with the next one.</summary>
    public required long After { get; init; }

    /// <summary>Events after it, those of other types included.</summary>
    public required long Waiting { get; init; }

    /// <summary>Failed attempts to send the next event.</summary>
    public required int Attempts { get; init; }

    public DateTime? FailingSince { get; init; }

    /// <summary>Null if the endpoint is disabled, or if the last attempt did not fail.</summary>
    public DateTime? NextAttemptAt { get; init; }

    public string? LastError { get; init; }

    public DateTime? LastAcceptedAt { get; init; }

    public DateTime? DisabledAt { get; init; }

    /// <summary>operator, failures or gone (410); null if it is enabled.</summary>
    public string? DisabledBy { get; init; }

    /// <summary>How long older secrets also sign; null if only the newest one does.</summary>
    public DateTime? OldSecretsUntil { get; init; }

    public required DateTime CreatedAt { get; init; }
}

/// <summary>A row of webhook_secrets.</summary>
public sealed record WebhookSecret(int Number, string KeyId);

/// <summary>An endpoint that this process sends to until the lease ends.</summary>
public sealed record ClaimedEndpoint
{
    public required Guid EndpointId { get; init; }

    public required string Url { get; init; }

    /// <summary>Null for all types.</summary>
    public string[]? Types { get; init; }

    public required long Position { get; init; }

    public required int Attempts { get; init; }

    /// <summary>The time since the first of the failed attempts; zero if there were none.</summary>
    public required TimeSpan Failing { get; init; }

    /// <summary>Changes with each claim and each change by an operator: only the last claim can store a result.</summary>
    public required long Fence { get; init; }
}

/// <summary>Tables webhook_endpoints and webhook_secrets. The database's clock decides all times.</summary>
public sealed class WebhookEndpointStore(LicenseDatabase database)
{
    private const string List = """
        select e.endpoint_id, e.url, coalesce(e.types, '{*}') as types, e.position as after,
               greatest(n.last_position - e.position, 0) as waiting, e.attempts, e.failing_since,
               case when e.attempts > 0 and e.disabled_at is null then e.due_at end as next_attempt_at, e.last_error,
               e.last_accepted_at, e.disabled_at, e.disabled_by,
               (select max(s.expires_at) from webhook_secrets s
                where s.endpoint_id = e.endpoint_id and s.expires_at > now()) as old_secrets_until,
               e.created_at
        from webhook_endpoints e cross join license_event_numbering n
        where @endpointId::uuid is null or e.endpoint_id = @endpointId
        order by e.created_at, e.endpoint_id
        """;

    public async Task<IReadOnlyList<WebhookEndpoint>> ListAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<WebhookEndpoint>(
            new CommandDefinition(List, new { endpointId = (Guid?)null }, cancellationToken: session.Token))).AsList();
    }

    /// <summary>In the caller's transaction.</summary>
    public static Task<WebhookEndpoint?> FindAsync(NpgsqlConnection connection, Guid endpointId, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<WebhookEndpoint>(
            new CommandDefinition(List, new { endpointId }, cancellationToken: cancellationToken));

    private const string Lock = "select true from webhook_endpoints where endpoint_id = @endpointId for update";

    /// <returns>False if there is no such endpoint.</returns>
    public static Task<bool> LockAsync(NpgsqlConnection connection, Guid endpointId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(Lock, new { endpointId }, cancellationToken: cancellationToken));

    private const string LockLast = "select last_position from license_event_numbering for update";

    private const string Count = "select count(*) from webhook_endpoints";

    private const string Add = """
        insert into webhook_endpoints (url, types, position, created_by) values (@url, @types, @position, @createdBy) returning endpoint_id
        """;

    /// <summary>Adds an endpoint that gets the events from now on.</summary>
    /// <returns>Null if there are already <paramref name="most"/> endpoints.</returns>
    public static async Task<Guid?> AddAsync(
        NpgsqlConnection connection, string url, string[]? types, Guid? createdBy, int most, CancellationToken cancellationToken)
    {
        // Endpoints are added one at a time, so that the limit holds. The count must be a statement of its own, after the lock.
        var position = await connection.ExecuteScalarAsync<long>(new CommandDefinition(LockLast, cancellationToken: cancellationToken));
        if (await connection.ExecuteScalarAsync<long>(new CommandDefinition(Count, cancellationToken: cancellationToken)) >= most)
            return null;
        return await connection.ExecuteScalarAsync<Guid>(
            new CommandDefinition(Add, new { url, types, position, createdBy }, cancellationToken: cancellationToken));
    }

    private const string HasUrl = """
        select exists (select from webhook_endpoints where url = @url and endpoint_id is distinct from @except::uuid)
        """;

    public static Task<bool> HasUrlAsync(NpgsqlConnection connection, string url, Guid? except, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(HasUrl, new { url, except }, cancellationToken: cancellationToken));

    private const string AddSecret = """
        with older as (
            update webhook_secrets set expires_at = now() + @overlap where endpoint_id = @endpointId and expires_at is null
        )
        insert into webhook_secrets (endpoint_id, number, key_id)
        select @endpointId, coalesce(max(number), 0) + 1, @keyId from webhook_secrets where endpoint_id = @endpointId
        returning number, key_id
        """;

    /// <summary>Adds the newest secret. The one before it signs until the overlap ends.</summary>
    public static Task<WebhookSecret> AddSecretAsync(
        NpgsqlConnection connection, Guid endpointId, string keyId, TimeSpan overlap, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<WebhookSecret>(
            new CommandDefinition(AddSecret, new { endpointId, keyId, overlap }, cancellationToken: cancellationToken));

    private const string EndClaim = "update webhook_endpoints set fence = fence + 1, lease_until = null where endpoint_id = @endpointId";

    /// <summary>Ends the claim of a process that sends to the endpoint: it signs with the older secrets.</summary>
    public static Task EndClaimAsync(NpgsqlConnection connection, Guid endpointId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(EndClaim, new { endpointId }, cancellationToken: cancellationToken));

    private const string EndSecrets = """
        update webhook_secrets set expires_at = now() where endpoint_id = @endpointId and (expires_at is null or expires_at > now())
        """;

    /// <summary>No secret signs until one is added.</summary>
    public static Task EndSecretsAsync(NpgsqlConnection connection, Guid endpointId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(EndSecrets, new { endpointId }, cancellationToken: cancellationToken));

    private const string Secrets = """
        select number, key_id from webhook_secrets
        where endpoint_id = @endpointId and (expires_at is null or expires_at > now())
        order by number desc
        """;

    /// <summary>The secrets that sign, the newest first.</summary>
    public async Task<IReadOnlyList<WebhookSecret>> SecretsAsync(Guid endpointId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<WebhookSecret>(
            new CommandDefinition(Secrets, new { endpointId }, cancellationToken: session.Token))).AsList();
    }

    // A process that sends with the older values loses its claim. Each change ends a series of failures.
    private const string Change = """
        update webhook_endpoints
        set url = @url, types = @types, position = @position, fence = fence + 1, lease_until = null, attempts = 0, failing_since = null,
            due_at = now(), last_error = case when @enabled then null else last_error end,
            disabled_at = case when not @enabled then coalesce(disabled_at, now()) end,
            disabled_by = case when not @enabled then coalesce(disabled_by, 'operator') end
        where endpoint_id = @endpointId
        """;

    public static Task ChangeAsync(
        NpgsqlConnection connection, Guid endpointId, string url, string[]? types, long position, bool enabled,
        CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Change, new { endpointId, url, types, position, enabled }, cancellationToken: cancellationToken));

    private const string Remove = "delete from webhook_endpoints where endpoint_id = @endpointId";

    public static Task RemoveAsync(NpgsqlConnection connection, Guid endpointId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Remove, new { endpointId }, cancellationToken: cancellationToken));

    private const string Before = """
        select coalesce((select min(position) - 1 from license_events where occurred_at >= @since), last_position)
        from license_event_numbering
        """;

    /// <summary>The place before the first event since a time; the last place if there is none.</summary>
    public static Task<long> BeforeAsync(NpgsqlConnection connection, DateTimeOffset since, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(
            Before, new { since = since.UtcDateTime }, cancellationToken: cancellationToken));

    private const string Last = "select last_position from license_event_numbering";

    public static Task<long> LastAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(Last, cancellationToken: cancellationToken));

    private const string Due = """
        select e.endpoint_id from webhook_endpoints e cross join license_event_numbering n
        where e.disabled_at is null and e.due_at <= now() and e.position < n.last_position
          and (e.lease_until is null or e.lease_until <= now())
        order by e.due_at, e.endpoint_id
        """;

    /// <summary>Endpoints with events to send.</summary>
    public async Task<IReadOnlyList<Guid>> DueAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<Guid>(new CommandDefinition(Due, cancellationToken: session.Token))).AsList();
    }

    private const string Claim = """
        update webhook_endpoints set lease_until = now() + @lease, fence = fence + 1
        where endpoint_id = @endpointId and disabled_at is null and due_at <= now() and (lease_until is null or lease_until <= now())
        returning endpoint_id, url, types, position, attempts, coalesce(now() - failing_since, interval '0') as failing, fence
        """;

    /// <returns>Null if another process sends to the endpoint, or if it is no longer due.</returns>
    public Task<ClaimedEndpoint?> ClaimAsync(Guid endpointId, TimeSpan lease, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.QuerySingleOrDefaultAsync<ClaimedEndpoint>(
            new CommandDefinition(Claim, new { endpointId, lease }, cancellationToken: token)), cancellationToken);

    private const string Advance = """
        update webhook_endpoints
        set position = @position, lease_until = now() + @lease, attempts = 0, failing_since = null, last_error = null,
            last_accepted_at = case when @accepted > 0 then now() else last_accepted_at end
        where endpoint_id = @EndpointId and fence = @Fence
        """;

    /// <summary>Stores how far the events were accepted.</summary>
    /// <param name="accepted">Number of accepted events.</param>
    /// <returns>False if the claim is lost.</returns>
    public async Task<bool> AdvanceAsync(
        ClaimedEndpoint endpoint, long position, int accepted, TimeSpan lease, CancellationToken cancellationToken) =>
        await database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            Advance, new { endpoint.EndpointId, endpoint.Fence, position, accepted, lease }, cancellationToken: token)),
            cancellationToken) == 1;

    private const string Release = "update webhook_endpoints set lease_until = null where endpoint_id = @EndpointId and fence = @Fence";

    /// <summary>Ends a claim.</summary>
    public Task ReleaseAsync(ClaimedEndpoint endpoint, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Release, endpoint, cancellationToken: token)), cancellationToken);

    private const string Fail = """
        update webhook_endpoints
        set position = @position, attempts = @attempts,
            failing_since = case when @attempts = 1 then now() else failing_since end, due_at = now() + @Delay, lease_until = null,
            last_error = @error, disabled_at = case when @DisabledBy::text is not null then now() end, disabled_by = @DisabledBy,
            last_accepted_at = case when @accepted > 0 then now() else last_accepted_at end
        where endpoint_id = @EndpointId and fence = @Fence
        """;

    private const string Mail = """
        insert into outbox (kind, dedup_key, payload)
        select 'email', 'webhook-disabled:' || endpoint_id || ':' || extract(epoch from disabled_at),
               jsonb_build_object('template', 'operator_webhook', 'to', @alertEmail::text,
                                  'model', jsonb_build_object('host', @host, 'endpoint_id', endpoint_id, 'error', last_error,
                                                              'disabled_by', disabled_by, 'failing_since', failing_since))
        from webhook_endpoints
        where endpoint_id = @EndpointId and @alertEmail::text is not null
        on conflict (dedup_key) do nothing
        """;

    /// <summary>
    /// Stores how far the events were accepted, and that the next one was not. If the endpoint is disabled, a mail to operators is added.
    /// </summary>
    /// <param name="attempts">Failed attempts to send that event.</param>
    /// <returns>False if the claim is lost.</returns>
    public Task<bool> FailAsync(
        ClaimedEndpoint endpoint, long position, int accepted, int attempts, WebhookRetry retry, string error,
        string? alertEmail, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var values = new
            {
                endpoint.EndpointId,
                endpoint.Fence,
                position,
                accepted,
                attempts,
                error,
                retry.Delay,
                retry.DisabledBy,
                alertEmail,
                host = new Uri(endpoint.Url).Host,
            };
            if (await connection.ExecuteAsync(new CommandDefinition(Fail, values, cancellationToken: token)) == 0)
                return false;
            if (retry.DisabledBy is null)
                return true;
            await connection.ExecuteAsync(new CommandDefinition(Mail, values, cancellationToken: token));
            await AuditLog.AddAsync(connection, new AuditRow(
                Actor.System, "webhook.disabled", null, endpoint.EndpointId.ToString(),
                After: RowJson.Of(new { retry.DisabledBy, Error = error })), token);
            return true;
        }, cancellationToken);
}
