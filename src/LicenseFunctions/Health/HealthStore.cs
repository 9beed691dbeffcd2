using System.Runtime.CompilerServices;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Licensing.Health;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Health;

/// <summary>One license's facts as they were read, with the mark that tells whether they have changed since.</summary>
/// <param name="License">For the verdict that gives the status.</param>
/// <param name="Facts">With <see cref="LicenseStatus.Active"/> in place of the status, which only a verdict tells.</param>
public sealed record HealthRow(Guid SubscriptionId, long Marks, LicenseFacts License, HealthFacts Facts);

/// <summary>A judgement to be stored.</summary>
public sealed record ScoredHealth(HealthRow Row, LicenseStatus Status, HealthReport Report, DateTimeOffset DueAt);

public sealed class HealthStore(LicenseDatabase database)
{
    private const string MarkNewAndWoken = """
        with woken as (
            update license_health h set due_at = now()
            where h.is_silent and h.due_at > now()
              and exists (select from license_tokens t where t.subscription_id = h.subscription_id and t.last_used_at > h.scored_at)
        )
        insert into license_health (subscription_id)
        select s.subscription_id from subscriptions s
        where not exists (select from license_health h where h.subscription_id = s.subscription_id)
        on conflict do nothing
        """;

    /// <summary>Makes rows of licenses that have none, and due those that were silent and have been used since.</summary>
    public async Task MarkAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(MarkNewAndWoken, cancellationToken: cancellationToken));
    }

    private const string Due = """
        select h.subscription_id from license_health h
        where h.due_at <= now() and exists (select from license_tokens t where t.subscription_id = h.subscription_id)
        order by h.due_at limit $1
        """;

    /// <summary>Licenses to be judged, the longest due first; one without any token can't be judged and stays due.</summary>
    public async Task<IReadOnlyList<Guid>> DueAsync(int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Due, connection) { Parameters = { new NpgsqlParameter<int> { TypedValue = limit } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var due = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
            due.Add(reader.GetGuid(0));
        return due;
    }

    // What a license has many of is looked up license by license: the cost is that of the licenses asked for, however much else there is.
    private const string Load = """
        select a.subscription_id, coalesce(h.marks, 0),
               t.is_active is true, t.revoked_reason, null::timestamptz, t.expires_at, l.grace_until, coalesce(s.state, 'SYNCED')::text,
               s.is_active is not false, s.paused_reason,
               o.only_for_expiry, o.reason, o.took_token, o.stands, false,
               now(), s.created_at, greatest(t.last_used_at, d.last_seen_at), d.used::int, c.changes::int,
               g.received::bigint, g.rejected::bigint, e.severities,
               coalesce(t.metadata ->> 'auto_renew' = 'true', false), p.monthly_fee_usd, coalesce(w.balance_usd - w.reserved_usd, 0), m.payment_method_id is not null,
               make_timestamptz(m.expiry_year, m.expiry_month, 1, 0, 0, 0, 'UTC') + interval '1 month',
               coalesce(r.status = 'failed', false)
        from unnest($1) as a (subscription_id)
        join subscriptions s using (subscription_id)
        cross join lateral (
            select * from license_tokens t
            where t.subscription_id = a.subscription_id
              and not exists (select from license_token_replacements r where r.token_id = t.token_id)
            order by t.is_active is true desc, t.created_at desc, t.token_id limit 1
        ) t
        cross join lateral (
            select count(*) filter (where d.removed_at is null) as used, max(d.last_seen_at) as last_seen_at
            from license_devices d where d.subscription_id = a.subscription_id
        ) d
        cross join lateral (
            select count(*) as changes from license_device_changes c
            where c.subscription_id = a.subscription_id and c.changed_at > now() - interval '30 days'
        ) c
        cross join lateral (
            select coalesce(sum(g.signals_received), 0) as received, coalesce(sum(g.signals_rejected), 0) as rejected
            from usage_rollups g where g.subscription_id = a.subscription_id and g.hour_at > now() - interval '7 days'
        ) g
        cross join lateral (
            select coalesce(array_agg(e.severity::text), '{}') as severities from suspicious_activity_alerts e
            where e.subscription_id = a.subscription_id and e.status in ('OPEN', 'INVESTIGATING')
        ) e
        cross join lateral (
            select bool_and(o.cause = 'EXPIRY') as only_for_expiry,
                   (array_agg(o.reason order by o.cause = 'EXPIRY', o.suspended_at desc))[1] as reason,
                   bool_or(t.token_id = any (o.token_ids)) as took_token,
                   bool_or(o.reason = s.paused_reason and s.state = 'SUSPENDED_ADMIN') as stands
            from license_suspensions o where o.subscription_id = a.subscription_id and o.closed_at is null
        ) o
        left join lateral (
            select r.status from license_renewal_history r
            where r.subscription_id = a.subscription_id and r.previous_expiry = t.expires_at
            order by r.attempted_at desc limit 1
        ) r on true
        left join license_health h on h.subscription_id = a.subscription_id
        left join license_states l on l.subscription_id = a.subscription_id
        left join master_pricing p on p.master_id = s.master_id and p.is_active
        left join user_wallets w on w.user_id = s.subscriber_id
        left join user_payment_methods m on m.user_id = s.subscriber_id and m.is_default and m.is_active
        """;

    /// <summary>The facts of these licenses; one without any token is left out.</summary>
    /// <param name="maxDevices">The limit in force, 1 or more.</param>
    public async IAsyncEnumerable<HealthRow> LoadAsync(
        Guid[] subscriptionIds, int maxDevices, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Load, connection) { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = subscriptionIds } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            yield return Map(reader, maxDevices);
    }

    private static HealthRow Map(NpgsqlDataReader row, int maxDevices)
    {
        var license = LicenseFactsColumns.Read(row, 2);
        return new HealthRow(row.GetGuid(0), row.GetInt64(1), license, new HealthFacts(
            Now: row.Time(15)!.Value,
            LicenseStatus.Active,
            IssuedAt: row.Time(16)!.Value,
            license.ExpiresAt,
            LastUsedAt: row.Time(17),
            DevicesUsed: row.GetInt32(18),
            maxDevices,
            DeviceChanges: row.GetInt32(19),
            SignalsReceived: row.GetInt64(20),
            SignalsRejected: row.GetInt64(21),
            OpenAlerts: Array.ConvertAll(row.GetFieldValue<string[]>(22), severity => Enum.Parse<AlertSeverity>(severity, ignoreCase: true)),
            new PaymentFacts(
                AutoRenew: row.GetBoolean(23),
                Fee: row.IsDBNull(24) ? null : row.GetDecimal(24),
                WalletAvailable: row.GetDecimal(25),
                HasCard: row.GetBoolean(26),
                CardExpiresAt: row.Time(27),
                LastDeclined: row.GetBoolean(28))));
    }

    private const string Save = """
        with judged as (
            select j.*, h.score as score_before, h.contributions as contributions_before
            from unnest($1, $2, $3, $4::jsonb[], $5, $6, $7, $8)
                as j (subscription_id, score, status, contributions, is_silent, scored_at, due_at, marks)
            join license_health h using (subscription_id)
            where h.scored_at is null or h.scored_at < j.scored_at
            order by subscription_id for update of h
        ),
        saved as (
            update license_health h
            set score = j.score, status = j.status, contributions = j.contributions, is_silent = j.is_silent, scored_at = j.scored_at,
                due_at = case when h.marks = j.marks then j.due_at else h.due_at end
            from judged j where h.subscription_id = j.subscription_id
        )
        insert into license_health_days as d (subscription_id, day, score, previous_score, gained, lost)
        select j.subscription_id, (j.scored_at at time zone 'UTC')::date, j.score, j.score_before,
               (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(j.contributions) c where not j.contributions_before @> jsonb_build_array(c)),
               (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(j.contributions_before) c where not j.contributions @> jsonb_build_array(c))
        from judged j
        where j.score is distinct from j.score_before
        on conflict (subscription_id, day) do update
            set score = excluded.score, gained = d.gained || excluded.gained, lost = d.lost || excluded.lost
        """;

    /// <summary>Stores judgements and each day's last score; an older judgement never replaces a younger one.</summary>
    public async Task SaveAsync(IReadOnlyList<ScoredHealth> judged, CancellationToken cancellationToken) =>
        await database.InTransactionAsync(async (connection, token) =>
        {
            await using var command = new NpgsqlCommand(Save, connection)
            {
                Parameters =
                {
                    Column(judged, one => one.Row.SubscriptionId),
                    Column(judged, one => (short)one.Report.Score),
                    Column(judged, one => StatusText(one.Status)),
                    new NpgsqlParameter<string[]>
                    {
                        TypedValue = [.. judged.Select(one => RowJson.Of(one.Report.Contributions))], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
                    },
                    Column(judged, one => one.Report.IsSilent),
                    Column(judged, one => one.Row.Facts.Now.UtcDateTime),
                    Column(judged, one => one.DueAt.UtcDateTime),
                    Column(judged, one => one.Row.Marks),
                },
            };
            await command.ExecuteNonQueryAsync(token);
        }, cancellationToken);

    private static NpgsqlParameter<T[]> Column<T>(IReadOnlyList<ScoredHealth> judged, Func<ScoredHealth, T> value) =>
        new() { TypedValue = [.. judged.Select(value)] };

    /// <summary>The guide's words: PENDING_RENEWAL.</summary>
    public static string StatusText(LicenseStatus status) => status == LicenseStatus.PendingRenewal ? "PENDING_RENEWAL" : status.ToString().ToUpperInvariant();

    private const string Surroundings = """
        select coalesce(sum(signals_received), 0)::bigint as signals_received_24h, coalesce(sum(signals_executed), 0)::bigint as signals_executed_24h,
               coalesce(sum(signals_rejected), 0)::bigint as signals_rejected_24h,
               (sum(latency_weighted) / nullif(sum(latency_signals), 0))::int as avg_latency_ms
        from usage_rollups where subscription_id = @subscriptionId and hour_at > now() - interval '24 hours';

        select distinct activity_type from suspicious_activity_alerts
        where subscription_id = @subscriptionId and status in ('OPEN', 'INVESTIGATING') order by 1;

        select to_char(g.day, 'YYYY-MM-DD') as day, (
            select d.score from license_health_days d where d.subscription_id = @subscriptionId and d.day <= g.day::date order by d.day desc limit 1) as score
        from generate_series((now() at time zone 'UTC')::date - 29, (now() at time zone 'UTC')::date, interval '1 day') as g (day) order by g.day;

        select to_char(day, 'YYYY-MM-DD') as day, previous_score as "from", score as "to", gained::text as gained, lost::text as lost
        from license_health_days where subscription_id = @subscriptionId order by license_health_days.day desc limit 10;
        """;

    /// <summary>What a report shows beside the score: use of the last 24 hours, open activities, 30 days' scores, the last changes.</summary>
    public async Task<HealthSurroundings> SurroundingsAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var read = await connection.QueryMultipleAsync(new CommandDefinition(Surroundings, new { subscriptionId }, cancellationToken: cancellationToken));
        return new HealthSurroundings(
            await read.ReadSingleAsync<UsageOfADay>(),
            [.. await read.ReadAsync<string>()],
            [.. await read.ReadAsync<ScoreOfADay>()],
            [.. await read.ReadAsync<ScoreChange>()]);
    }

    private const string Owns = "select exists (select from subscriptions where subscription_id = $1 and ($2::uuid is null or subscriber_id = $2))";

    /// <param name="ownerId">Null for who may see every license.</param>
    public async Task<bool> ExistsForAsync(Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Owns, connection)
        {
            Parameters = { new() { Value = subscriptionId }, new() { Value = (object?)ownerId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}

/// <summary>The first version's usage stats.</summary>
public sealed record UsageOfADay(
    long SignalsReceived24h, long SignalsExecuted24h, long SignalsRejected24h, int? AvgLatencyMs);

/// <param name="Day">yyyy-MM-dd, UTC.</param>
/// <param name="Score">Null before the license was first judged.</param>
public sealed record ScoreOfADay(string Day, short? Score);

/// <param name="Gained">JSON: contributions that came.</param>
/// <param name="Lost">JSON: contributions that went.</param>
public sealed record ScoreChange(string Day, short? From, short To, string Gained, string Lost);

public sealed record HealthSurroundings(
    UsageOfADay Usage, IReadOnlyList<string> Activities, IReadOnlyList<ScoreOfADay> Trend, IReadOnlyList<ScoreChange> Changes);
