using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing.Suspicion;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Suspicion;

/// <summary>New use of one license: its rows lie in this span of their own time.</summary>
public sealed record ArrivedUse(Guid SubscriptionId, DateTime EarliestAt, DateTime LatestAt);

/// <summary>A license under the scan, locked until the transaction's end.</summary>
/// <param name="ForgivenAt">Judgements up to then are in the state.</param>
public sealed record ScannedLicense(Guid SubscriptionId, LicenseUse State, DateTime ForgivenAt)
{
    /// <summary>With what a person decided taken in.</summary>
    public ScannedLicense Judged(Judgement judgement) => this with
    {
        State = Detector.Forgive(State, new DateTimeOffset(judgement.JudgedAt, TimeSpan.Zero), judgement.Trusted),
        ForgivenAt = judgement.JudgedAt > ForgivenAt ? judgement.JudgedAt : ForgivenAt,
    };
}

/// <summary>What a person decided about what the detector said.</summary>
/// <param name="Harmless">The devices in its evidence are the owner's.</param>
/// <param name="Evidence">JSON of the finding.</param>
public sealed record Judgement(Guid SubscriptionId, DateTime JudgedAt, bool Harmless, string? Evidence)
{
    /// <summary>Devices that are the owner's; none where the evidence isn't the detector's: alerts may come from elsewhere.</summary>
    public IEnumerable<(string? EaInstanceId, long? Account)> Trusted =>
        (Harmless && Evidence is { } json ? Read(json) : null)?.Devices?.Select(device => (device.EaInstanceId, device.Account)) ?? [];

    private static Evidence? Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<Evidence>(json, SuspicionStore.Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>An alert as the scan left it.</summary>
/// <param name="IsNew">False where an open one of the same incident was updated.</param>
public sealed record SavedAlert(Guid AlertId, Guid? UserId, bool IsNew, string AutoActionTaken);

/// <summary>The place of an address in records of a license that came without one.</summary>
public sealed record PlacedUse(Guid SubscriptionId, IPAddress Address, DateTime EarliestAt, DateTime LatestAt, Place Place);

/// <summary>What the hourly pass did.</summary>
public sealed record WatchCounts(int Licenses);

/// <summary>The detector's work table, its states, and the alerts that it raises.</summary>
public sealed class SuspicionStore(LicenseDatabase database)
{
    /// <summary>How states and evidence are written: snake_case, the contract's upper-case words.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper) },
    };

    public LicenseDatabase Database => database;

    private const string Claim = """
        with waiting as (
            select arrival_id, cardinality(subscription_ids) as licenses
            from usage_arrivals order by arrival_id limit 500 for update skip locked
        ), chosen as (
            select arrival_id from (select arrival_id, sum(licenses) over (order by arrival_id) - licenses as before from waiting) as w
            where before < @licenses
        ), claimed as (
            delete from usage_arrivals where arrival_id in (select arrival_id from chosen)
            returning subscription_ids, earliest_at, latest_at
        )
        select subscription_id, min(new_use.earliest) as earliest_at, max(new_use.latest) as latest_at
        from claimed c, unnest(c.subscription_ids, c.earliest_at, c.latest_at) as new_use (subscription_id, earliest, latest)
        group by subscription_id
        order by subscription_id
        """;

    /// <summary>
    /// Takes arrivals that no other worker holds. A row is there once its transaction has committed, however long that took; a worker that dies
    /// gives its rows back.
    /// </summary>
    /// <param name="licenses">About how many at once; one arrival has up to 1,000.</param>
    public static async Task<IReadOnlyList<ArrivedUse>> ClaimAsync(NpgsqlConnection connection, int licenses, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<ArrivedUse>(new CommandDefinition(Claim, new { licenses }, cancellationToken: cancellationToken))).AsList();

    private const string Watch = """
        with used as (
            select distinct subscription_id from license_tokens where is_active and last_used_at > now() - interval '2 hours'
        ), queued as (
            insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
            select array_agg(subscription_id), array_agg(now() - interval '2 hours'), array_agg(now())
            from (select subscription_id, row_number() over (order by subscription_id) / 500 as batch from used) as licenses
            group by batch
        )
        select count(*)::int as licenses from used
        """;

    /// <summary>
    /// Puts every license in use before the detector again, whatever has arrived: with its latest two hours, and so by a policy, a limit or a
    /// judgement that changed since. What was seen before tells nothing twice.
    /// </summary>
    public async Task<WatchCounts> WatchAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleAsync<WatchCounts>(new CommandDefinition(Watch, cancellationToken: cancellationToken));
    }

    private const string Lock = """
        insert into suspicion_states (subscription_id)
        select subscription_id from subscriptions where subscription_id = any($1) order by subscription_id
        on conflict do nothing
        """;

    private const string Load = """
        select subscription_id, state::text, forgiven_at
        from suspicion_states where subscription_id = any($1) order by subscription_id for update
        """;

    /// <summary>Locks and reads the states, in the order of the ids, so that two workers wait and never deadlock.</summary>
    public static async Task<Dictionary<Guid, ScannedLicense>> LoadAsync(
        NpgsqlConnection connection, Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        await using (var insert = new NpgsqlCommand(Lock, connection) { Parameters = { new() { Value = subscriptionIds } } })
            await insert.ExecuteNonQueryAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Load, connection) { Parameters = { new() { Value = subscriptionIds } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var licenses = new Dictionary<Guid, ScannedLicense>(subscriptionIds.Length);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid(0);
            var state = JsonSerializer.Deserialize<LicenseUse>(reader.GetString(1), Json)!;
            licenses[id] = new ScannedLicense(id, state, reader.GetFieldValue<DateTime>(2));
        }

        return licenses;
    }

    private const string Judgements = """
        select a.subscription_id, a.resolved_at as judged_at, a.status = 'FALSE_POSITIVE' as harmless, a.evidence::text as evidence
        from suspicious_activity_alerts a join suspicion_states s using (subscription_id)
        where a.subscription_id = any(@subscriptionIds) and a.status in ('RESOLVED', 'FALSE_POSITIVE') and a.resolved_at > s.forgiven_at
          and a.incident is not null
        union all
        select l.subscription_id, l.closed_at, true, l.evidence::text
        from license_suspensions l join suspicion_states s using (subscription_id)
        where l.subscription_id = any(@subscriptionIds) and l.cause = 'DETECTOR' and l.closed_at > s.forgiven_at
        order by 2
        """;

    /// <summary>What persons decided since, by the pages or by the guide's runbook, which writes the same columns by hand.</summary>
    public static async Task<ILookup<Guid, Judgement>> JudgementsAsync(
        NpgsqlConnection connection, Guid[] subscriptionIds, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<Judgement>(new CommandDefinition(Judgements, new { subscriptionIds }, cancellationToken: cancellationToken)))
            .ToLookup(judgement => judgement.SubscriptionId);

    private const string State = "select state::text, forgiven_at from suspicion_states where subscription_id = $1";

    /// <summary>What the detector knows of a license by now, for a check online: read, and not locked.</summary>
    public static async Task<LicenseUse> StateAsync(NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken)
    {
        ScannedLicense license;
        await using (var command = new NpgsqlCommand(State, connection) { Parameters = { new() { Value = subscriptionId } } })
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken))
                return new LicenseUse();
            license = new ScannedLicense(
                subscriptionId, JsonSerializer.Deserialize<LicenseUse>(reader.GetString(0), Json)!, reader.GetFieldValue<DateTime>(1));
        }

        if (license.State.Incidents.Count == 0)
            return license.State;
        var judgements = await JudgementsAsync(connection, [subscriptionId], cancellationToken);
        return judgements[subscriptionId].Aggregate(license, (current, judgement) => current.Judged(judgement)).State;
    }

    private const string Uses = """
        select u.subscription_id, u.logged_at, u.ea_instance_id, u.mt5_account_number, u.ip_address, u.country_code, u.city,
               u.latitude, u.longitude, u.session_duration_sec
        from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) with ordinality as arrived (subscription_id, earliest_at, latest_at, place)
        cross join lateral (
            select l.subscription_id, l.logged_at, l.ea_instance_id, l.mt5_account_number, l.ip_address, l.country_code, l.city,
                   l.latitude, l.longitude, l.session_duration_sec
            from license_usage_log l
            where l.subscription_id = arrived.subscription_id and l.logged_at between arrived.earliest_at and arrived.latest_at
            offset 0
        ) as u
        order by arrived.place, u.logged_at
        """;

    /// <summary>The new rows, license by license, and with them some that were seen before: those tell the detector nothing.</summary>
    /// <remarks>One index probe a license (offset 0 keeps the planner from joining the whole log): the cost is that of the new rows.</remarks>
    public static async Task ReadUsesAsync(
        NpgsqlConnection connection, IReadOnlyList<ArrivedUse> arrived, Action<Guid, List<Use>> onLicense, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Uses, connection)
        {
            Parameters =
            {
                new() { Value = arrived.Select(one => one.SubscriptionId).ToArray() },
                new() { Value = arrived.Select(one => one.EarliestAt).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = arrived.Select(one => one.LatestAt).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (current, uses) = (Guid.Empty, new List<Use>());
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid(0);
            if (id != current && uses.Count > 0)
            {
                onLicense(current, uses);
                uses.Clear();
            }

            current = id;
            uses.Add(ReadUse(reader));
        }

        if (uses.Count > 0)
            onLicense(current, uses);
    }

    private const string FillPlaces = """
        update license_usage_log l set country_code = p.country_code, city = p.city, latitude = p.latitude, longitude = p.longitude
        from unnest($1::uuid[], $2::inet[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::float8[], $8::float8[])
            as p (subscription_id, ip_address, earliest_at, latest_at, country_code, city, latitude, longitude)
        where l.subscription_id = p.subscription_id and l.logged_at between p.earliest_at and p.latest_at
          and l.ip_address = p.ip_address and l.country_code is null and l.latitude is null
        """;

    /// <summary>Fills in what the SQL function's records lack; others got it when they came in.</summary>
    public static async Task FillPlacesAsync(NpgsqlConnection connection, IReadOnlyList<PlacedUse> placed, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(FillPlaces, connection)
        {
            Parameters =
            {
                new() { Value = placed.Select(one => one.SubscriptionId).ToArray() },
                new() { Value = placed.Select(one => one.Address).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Inet },
                new() { Value = placed.Select(one => one.EarliestAt).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = placed.Select(one => one.LatestAt).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = placed.Select(one => one.Place.Country).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = placed.Select(one => one.Place.City).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = placed.Select(one => one.Place.Latitude).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Double },
                new() { Value = placed.Select(one => one.Place.Longitude).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Double },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string Log = """
        select subscription_id, logged_at, ea_instance_id, mt5_account_number, ip_address, country_code, city, latitude, longitude, session_duration_sec
        from license_usage_log
        where logged_at > now() - interval '90 days' and subscription_id is not null
        order by logged_at
        """;

    /// <summary>The last 90 days of the log, in the order of its times, for a backtest.</summary>
    public async IAsyncEnumerable<(Guid Subscription, Use Use)> ReadLogAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Log, connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            yield return (reader.GetGuid(0), ReadUse(reader));
    }

    private static Use ReadUse(NpgsqlDataReader reader)
    {
        var country = reader.IsDBNull(5) ? null : reader.GetString(5).TrimEnd();
        var city = reader.IsDBNull(6) ? null : reader.GetString(6);
        double? latitude = reader.IsDBNull(7) ? null : Convert.ToDouble(reader.GetValue(7), System.Globalization.CultureInfo.InvariantCulture);
        double? longitude = reader.IsDBNull(8) ? null : Convert.ToDouble(reader.GetValue(8), System.Globalization.CultureInfo.InvariantCulture);
        return new Use(
            new DateTimeOffset(reader.GetDateTime(1), TimeSpan.Zero),
            reader.IsDBNull(2) ? null : reader.GetString(2),
            reader.IsDBNull(3) ? null : reader.GetInt64(3),
            reader.IsDBNull(4) ? null : reader.GetFieldValue<IPAddress>(4),
            country is null && city is null && latitude is null ? null : new Place(country, city, latitude, longitude),
            reader.IsDBNull(9) ? null : TimeSpan.FromSeconds(reader.GetInt32(9)));
    }

    private const string Save = """
        update suspicion_states s set state = new.state, forgiven_at = new.forgiven_at, updated_at = now()
        from unnest($1::uuid[], $2::jsonb[], $3::timestamptz[]) as new (subscription_id, state, forgiven_at)
        where s.subscription_id = new.subscription_id
        """;

    public static async Task SaveAsync(NpgsqlConnection connection, IReadOnlyCollection<ScannedLicense> licenses, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Save, connection)
        {
            Parameters =
            {
                new() { Value = licenses.Select(one => one.SubscriptionId).ToArray() },
                new() { Value = licenses.Select(one => JsonSerializer.Serialize(one.State, Json)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = licenses.Select(one => one.ForgivenAt).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string Alert = """
        insert into suspicious_activity_alerts as a
            (detected_at, subscription_id, user_id, token_hash, activity_type, severity, description, evidence, incident, auto_action_taken)
        values (@now, @subscriptionId, (select subscriber_id from subscriptions where subscription_id = @subscriptionId),
                (select token_hash from v_current_license_tokens where subscription_id = @subscriptionId),
                @type, @severity, @description, @evidence::jsonb, @incident, @autoAction)
        on conflict (subscription_id, incident) where incident is not null and status in ('OPEN', 'INVESTIGATING')
        do update set severity = excluded.severity, activity_type = excluded.activity_type, description = excluded.description, evidence = excluded.evidence, updated_at = @now,
                      auto_action_taken = case when a.auto_action_taken = 'SUSPENDED' or excluded.auto_action_taken = 'NONE'
                                               then a.auto_action_taken else excluded.auto_action_taken end
        returning alert_id, user_id, xmax = 0 as is_new, auto_action_taken
        """;

    /// <summary>Raises the incident's alert, or updates the one that is open.</summary>
    /// <param name="autoAction">NONE, NOTIFIED or SUSPENDED.</param>
    public static Task<SavedAlert> AlertAsync(
        NpgsqlConnection connection, Guid subscriptionId, Finding finding, string autoAction, DateTime now, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<SavedAlert>(new CommandDefinition(Alert, new
        {
            now,
            subscriptionId,
            type = finding.Type.Word(),
            severity = finding.Severity.Word(),
            description = finding.Description,
            evidence = JsonSerializer.Serialize(finding.Evidence, Json),
            incident = finding.Incident,
            autoAction,
        }, cancellationToken: cancellationToken));

    private const string TellOperators = """
        with untold as (
            update suspicious_activity_alerts set operators_told_at = @now
            where operators_told_at is null
              and not exists (select from outbox where dedup_key like 'operator-alerts:%' and created_at > @now - @pause)
            returning alert_id, subscription_id, activity_type, severity, description, detected_at
        ), told as (
            select *, row_number() over (order by severity = 'CRITICAL' desc, severity = 'HIGH' desc, detected_at) as place
            from untold where severity <> 'LOW'
        ), rows as (
            select jsonb_agg(jsonb_build_object('alert_id', alert_id, 'subscription_id', subscription_id, 'activity_type', activity_type,
                                                'severity', severity, 'description', description, 'detected_at', detected_at)
                             order by place) filter (where place <= @named) as alerts,
                   count(*) as total
            from told
        ), mail as (
            insert into outbox (kind, dedup_key, payload)
            select 'email', 'operator-alerts:' || extract(epoch from @now),
                   jsonb_build_object('template', 'operator_alerts', 'to', @to::text,
                                      'model', jsonb_build_object('alerts', alerts, 'more', greatest(0, total - @named)))
            from rows where total > 0 and @to::text is not null
            on conflict (dedup_key) do nothing
        )
        insert into outbox (kind, dedup_key, payload)
        select 'alert_webhook', 'operator-alerts-webhook:' || extract(epoch from @now), jsonb_build_object('alerts', alerts, 'total', total)
        from rows where total > 0 and @webhook
        on conflict (dedup_key) do nothing
        """;

    /// <summary>One mail, and one webhook call, for all alerts since the last one: a storm is one mail. Those of severity LOW wait on the page.</summary>
    public async Task TellOperatorsAsync(string? to, bool webhook, TimeSpan pause, DateTime now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            TellOperators, new { to, webhook, pause, now, named = 20 }, cancellationToken: cancellationToken));
    }
}
