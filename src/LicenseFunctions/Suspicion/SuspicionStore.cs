using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>New usage of one license: the logged_at of its rows lies in this span.</summary>
public sealed record ArrivedUsage(Guid SubscriptionId, DateTime EarliestAt, DateTime LatestAt);

/// <summary>A license in a scan. Its row is locked until the end of the transaction.</summary>
/// <param name="ReviewedAt">Reviews up to this time are in the state.</param>
public sealed record ScannedLicense(Guid SubscriptionId, DetectionState State, DateTime ReviewedAt)
{
    /// <summary>The license after a review.</summary>
    public ScannedLicense After(Review review) => this with
    {
        State = Detector.ApplyReview(State, new DateTimeOffset(review.ReviewedAt, TimeSpan.Zero), review.Trusted),
        ReviewedAt = review.ReviewedAt > ReviewedAt ? review.ReviewedAt : ReviewedAt,
    };
}

/// <summary>A decision of an operator, or of the customer, about a finding.</summary>
/// <param name="Harmless">The devices in the evidence belong to the subscriber.</param>
/// <param name="Evidence">The evidence of the finding, as JSON.</param>
public sealed record Review(Guid SubscriptionId, DateTime ReviewedAt, bool Harmless, string? Evidence)
{
    /// <summary>
    /// Devices that belong to the subscriber; none when the evidence is not the detector's, because the check and the platform raise
    /// alerts, too.
    /// </summary>
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

/// <summary>The location of an address in a license's records of a span of time.</summary>
public sealed record LocatedUsage(Guid SubscriptionId, IPAddress Address, DateTime EarliestAt, DateTime LatestAt, Location Location);

/// <summary>The result of the hourly run.</summary>
/// <param name="Licenses">Licenses that the next scan examines again.</param>
public sealed record WatchCounts(int Licenses);

/// <summary>The detector's queue of arrivals, its states, and the messages to operators.</summary>
public sealed class SuspicionStore(LicenseDatabase database)
{
    /// <summary>The format of states, evidence and policies: snake_case names, and the upper-case words of the contract.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { EnumWords.Json },
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
    /// Claims arrivals that no other worker has locked. A row is visible once its transaction has committed, however long that took. When a
    /// worker crashes, its rows are unlocked.
    /// </summary>
    /// <param name="licenses">The approximate number of licenses to claim; one arrival has up to 1,000.</param>
    public static async Task<IReadOnlyList<ArrivedUsage>> ClaimAsync(
        NpgsqlConnection connection, int licenses, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<ArrivedUsage>(new CommandDefinition(Claim, new { licenses }, cancellationToken: cancellationToken)))
            .AsList();

    private const string MarkUsed = "select mark_used_licenses_due(@subscriptionIds)";

    /// <summary>Makes those of the licenses due for scoring that lose points because they were not used.</summary>
    public static Task MarkUsedAsync(NpgsqlConnection connection, Guid[] subscriptionIds, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(MarkUsed, new { subscriptionIds }, cancellationToken: cancellationToken));

    private const string Requeue = """
        insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
        values (array[@SubscriptionId], array[@EarliestAt::timestamptz], array[@LatestAt::timestamptz])
        """;

    /// <summary>Puts a claimed license back, so that a later scan reads the same usage again.</summary>
    public static Task RequeueAsync(NpgsqlConnection connection, ArrivedUsage arrived, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Requeue, arrived, cancellationToken: cancellationToken));

    private const string Watch = """
        with used as (
            select distinct subscription_id from license_tokens where is_active and last_used_at > now() - @period
        ), queued as (
            insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
            select array_agg(subscription_id), array_agg(now() - @period), array_agg(now())
            from (select subscription_id, row_number() over (order by subscription_id) / 500 as batch from used) as licenses
            group by batch
        )
        select count(*)::int as licenses from used
        """;

    /// <summary>
    /// Re-enqueues active licenses for detection, with their usage of the period, so that a changed policy, limit or review takes effect
    /// without new usage. Idempotent: records that were seen before add nothing.
    /// </summary>
    /// <param name="period">Only licenses that were used within this time before now.</param>
    public Task<WatchCounts> WatchAsync(TimeSpan period, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.QuerySingleAsync<WatchCounts>(
                new CommandDefinition(Watch, new { period }, cancellationToken: token)), cancellationToken);

    private sealed record StateRow(Guid SubscriptionId, string State, DateTime ReviewedAt)
    {
        /// <exception cref="JsonException">The stored state can't be read.</exception>
        public ScannedLicense License => new(
            SubscriptionId,
            JsonSerializer.Deserialize<DetectionState>(State, Json) ?? throw new JsonException("The state is null."),
            ReviewedAt);
    }

    private const string Create = """
        insert into suspicion_states (subscription_id)
        select subscription_id from subscriptions where subscription_id = any(@subscriptionIds) order by subscription_id
        on conflict do nothing
        """;

    private const string Load = """
        select subscription_id, state::text as state, forgiven_at as reviewed_at
        from suspicion_states where subscription_id = any(@subscriptionIds) order by subscription_id for update
        """;

    /// <summary>Locks and reads the states, in the order of the ids, so that two workers wait and never deadlock.</summary>
    /// <param name="skip">Called for a license whose state can't be read; the others are returned.</param>
    public static async Task<Dictionary<Guid, ScannedLicense>> LoadAsync(
        NpgsqlConnection connection, Guid[] subscriptionIds, Action<Guid, Exception> skip, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(new CommandDefinition(Create, new { subscriptionIds }, cancellationToken: cancellationToken));
        var rows = await connection.QueryAsync<StateRow>(
            new CommandDefinition(Load, new { subscriptionIds }, cancellationToken: cancellationToken));
        var licenses = new Dictionary<Guid, ScannedLicense>();
        foreach (var row in rows)
        {
            try
            {
                licenses[row.SubscriptionId] = row.License;
            }
            catch (JsonException unreadable)
            {
                skip(row.SubscriptionId, unreadable);
            }
        }

        return licenses;
    }

    private const string Reviews = """
        select a.subscription_id, past_time(a.resolved_at) as reviewed_at, a.status = 'FALSE_POSITIVE' as harmless,
               a.evidence::text as evidence
        from suspicious_activity_alerts a join suspicion_states s using (subscription_id)
        where a.subscription_id = any(@subscriptionIds) and not is_alert_open(a.status) and past_time(a.resolved_at) > s.forgiven_at
          and a.incident is not null
        union all
        select l.subscription_id, l.closed_at as reviewed_at, true as harmless, l.evidence::text as evidence
        from license_suspensions l join suspicion_states s using (subscription_id)
        where l.subscription_id = any(@subscriptionIds) and l.cause = 'DETECTOR' and l.closed_at > s.forgiven_at
        order by reviewed_at
        """;

    /// <summary>Reviews since the last scan, from the pages or from SQL as in the runbook of the integration guide.</summary>
    public static async Task<ILookup<Guid, Review>> ReviewsAsync(
        NpgsqlConnection connection, Guid[] subscriptionIds, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<Review>(new CommandDefinition(Reviews, new { subscriptionIds }, cancellationToken: cancellationToken)))
            .ToLookup(review => review.SubscriptionId);

    private const string State = """
        select subscription_id, state::text as state, forgiven_at as reviewed_at
        from suspicion_states where subscription_id = @subscriptionId
        """;

    /// <summary>The state of a license with all reviews, for a check. Takes no lock. A state that can't be read counts as empty.</summary>
    public static async Task<DetectionState> StateAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken)
    {
        var row = await connection.QuerySingleOrDefaultAsync<StateRow>(
            new CommandDefinition(State, new { subscriptionId }, cancellationToken: cancellationToken));
        if (row is null)
            return new DetectionState();
        ScannedLicense license;
        try
        {
            license = row.License;
        }
        catch (JsonException)
        {
            return new DetectionState();
        }

        if (license.State.Incidents.Count == 0)
            return license.State;
        var reviews = await ReviewsAsync(connection, [subscriptionId], cancellationToken);
        return reviews[subscriptionId].Aggregate(license, (current, review) => current.After(review)).State;
    }

    private const string Usage = """
        set local enable_hashjoin = off; set local enable_mergejoin = off;
        select l.subscription_id, l.logged_at, l.ea_instance_id, l.mt5_account_number, l.ip_address, l.country_code, l.city,
               l.latitude, l.longitude, l.session_duration_sec
        from unnest(@ids, @earliest, @latest) with ordinality as arrived (subscription_id, earliest_at, latest_at, ordinal)
        join license_usage_log l
            on l.subscription_id = arrived.subscription_id and l.logged_at between arrived.earliest_at and arrived.latest_at
        order by arrived.ordinal, l.logged_at;
        set local enable_hashjoin to default; set local enable_mergejoin to default;
        """;

    /// <summary>Reads the new rows, license by license, and some rows that were read before: these add nothing to a state.</summary>
    /// <remarks>
    /// One index probe for each license, so only the new rows cost time; without the two settings, the planner may join the whole log. A
    /// lateral subquery would need no settings, but it could not read a distributed log. A scan streams up to a million rows.
    /// </remarks>
    public static async Task ReadUsageAsync(
        NpgsqlConnection connection, IReadOnlyList<ArrivedUsage> arrived, Action<Guid, List<UsageSample>> onLicense,
        CancellationToken cancellationToken)
    {
        await using var reader = await connection.ExecuteReaderAsync(new CommandDefinition(Usage, new
        {
            ids = arrived.Select(one => one.SubscriptionId).ToArray(),
            earliest = arrived.Select(one => one.EarliestAt).ToArray(),
            latest = arrived.Select(one => one.LatestAt).ToArray(),
        }, cancellationToken: cancellationToken));
        var row = new UsageRow(reader);
        var (current, samples) = (Guid.Empty, new List<UsageSample>());
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = row.SubscriptionId;
            if (id != current && samples.Count > 0)
            {
                onLicense(current, samples);
                samples.Clear();
            }

            current = id;
            samples.Add(row.ToSample());
        }

        if (samples.Count > 0)
            onLicense(current, samples);
    }

    private const string FillLocations = """
        update license_usage_log l set country_code = p.country_code, city = p.city, latitude = p.latitude, longitude = p.longitude
        from unnest(@ids, @addresses, @earliest, @latest, @countries, @cities, @latitudes, @longitudes)
            as p (subscription_id, ip_address, earliest_at, latest_at, country_code, city, latitude, longitude)
        where l.subscription_id = p.subscription_id and l.logged_at between p.earliest_at and p.latest_at
          and l.ip_address = p.ip_address and l.country_code is null and l.latitude is null
        """;

    /// <summary>Fills in the locations of records from the SQL function. Other records got theirs on arrival.</summary>
    public static Task FillLocationsAsync(
        NpgsqlConnection connection, IReadOnlyCollection<LocatedUsage> located, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(FillLocations, new
        {
            ids = located.Select(one => one.SubscriptionId).ToArray(),
            addresses = located.Select(one => one.Address).ToArray(),
            earliest = located.Select(one => one.EarliestAt).ToArray(),
            latest = located.Select(one => one.LatestAt).ToArray(),
            countries = located.Select(one => one.Location.Country).ToArray(),
            cities = located.Select(one => one.Location.City).ToArray(),
            latitudes = located.Select(one => one.Location.Latitude).ToArray(),
            longitudes = located.Select(one => one.Location.Longitude).ToArray(),
        }, cancellationToken: cancellationToken));

    private const string Log = """
        select subscription_id, logged_at, ea_instance_id, mt5_account_number, ip_address, country_code, city, latitude, longitude,
               session_duration_sec
        from license_usage_log
        where logged_at > now() - interval '90 days' and subscription_id is not null
        order by logged_at
        """;

    /// <summary>The last 90 days of the usage log, ordered by time, for a backtest. It streams the whole log.</summary>
    public async IAsyncEnumerable<(Guid Subscription, UsageSample Sample)> ReadLogAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        await using var reader = await connection.ExecuteReaderAsync(
            new CommandDefinition(Log, commandTimeout: 0, cancellationToken: cancellationToken));
        var row = new UsageRow(reader);
        while (await reader.ReadAsync(cancellationToken))
            yield return (row.SubscriptionId, row.ToSample());
    }

    private const string Save = """
        update suspicion_states s set state = new.state, forgiven_at = new.reviewed_at, updated_at = now()
        from unnest(@ids, @states::jsonb[], @reviewed) as new (subscription_id, state, reviewed_at)
        where s.subscription_id = new.subscription_id
        """;

    /// <summary>Saves the states of a batch.</summary>
    public static Task SaveAsync(
        NpgsqlConnection connection, IReadOnlyCollection<ScannedLicense> licenses, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Save, new
        {
            ids = licenses.Select(one => one.SubscriptionId).ToArray(),
            states = licenses.Select(one => JsonSerializer.Serialize(one.State, Json)).ToArray(),
            reviewed = licenses.Select(one => one.ReviewedAt).ToArray(),
        }, cancellationToken: cancellationToken));

    /// <summary>The current row of a query of license_usage_log.</summary>
    private sealed class UsageRow(DbDataReader reader)
    {
        private readonly int subscriptionId = reader.GetOrdinal("subscription_id");
        private readonly int loggedAt = reader.GetOrdinal("logged_at");
        private readonly int eaInstanceId = reader.GetOrdinal("ea_instance_id");
        private readonly int account = reader.GetOrdinal("mt5_account_number");
        private readonly int address = reader.GetOrdinal("ip_address");
        private readonly int country = reader.GetOrdinal("country_code");
        private readonly int city = reader.GetOrdinal("city");
        private readonly int latitude = reader.GetOrdinal("latitude");
        private readonly int longitude = reader.GetOrdinal("longitude");
        private readonly int sessionSeconds = reader.GetOrdinal("session_duration_sec");

        public Guid SubscriptionId => reader.GetGuid(subscriptionId);

        public UsageSample ToSample() => new(
            new DateTimeOffset(reader.GetDateTime(loggedAt), TimeSpan.Zero),
            reader.IsDBNull(eaInstanceId) ? null : reader.GetString(eaInstanceId),
            reader.IsDBNull(account) ? null : reader.GetInt64(account),
            reader.IsDBNull(address) ? null : reader.GetFieldValue<IPAddress>(address),
            ToLocation(),
            reader.IsDBNull(sessionSeconds) ? null : TimeSpan.FromSeconds(reader.GetInt32(sessionSeconds)));

        private Location? ToLocation()
        {
            var countryCode = reader.IsDBNull(country) ? null : reader.GetString(country).TrimEnd();
            var cityName = reader.IsDBNull(city) ? null : reader.GetString(city);
            var north = Number(latitude);
            return countryCode is null && cityName is null && north is null
                ? null
                : new Location(countryCode, cityName, north, Number(longitude));
        }

        private double? Number(int column) =>
            reader.IsDBNull(column) ? null : Convert.ToDouble(reader.GetValue(column), CultureInfo.InvariantCulture);
    }

    private const string NotifyOperators = """
        with unannounced as (
            update suspicious_activity_alerts set operators_told_at = @now
            where operators_told_at is null
              and not exists (select from outbox where dedup_key like 'operator-alerts:%' and created_at > @now - @pause)
            returning alert_id, subscription_id, activity_type, severity, description, detected_at, appealed_at, measure, status, evidence
        ), announced as (
            select alert_id, subscription_id, activity_type, severity, description, detected_at, appealed_at, measure,
                   -- Alerts of the platform may have any evidence.
                   case when jsonb_typeof(evidence -> 'refused_device') = 'object' then jsonb_build_object(
                       'ea_instance_id', evidence #>> '{refused_device,ea_instance_id}',
                       'mt5_account_number', evidence #>> '{refused_device,mt5_account_number}',
                       'city', evidence #>> '{refused_device,city}', 'country', evidence #>> '{refused_device,country}') end as refused,
                   row_number() over (order by severity = 'CRITICAL' desc, severity = 'HIGH' desc, detected_at) as ordinal
            from unannounced where severity <> 'LOW' and is_alert_open(status)
        ), rows as (
            select jsonb_agg(jsonb_build_object('alert_id', alert_id, 'subscription_id', subscription_id, 'activity_type', activity_type,
                                                'severity', severity, 'description', description, 'detected_at', detected_at,
                                                'appealed_at', appealed_at, 'measure', measure)
                             order by ordinal) filter (where ordinal <= @named) as alerts,
                   jsonb_object_agg(alert_id, refused) filter (where ordinal <= @named and refused is not null) as refused,
                   count(*) as total
            from announced
        ), mail as (
            insert into outbox (kind, dedup_key, payload)
            select 'email', 'operator-alerts:' || extract(epoch from @now),
                   jsonb_build_object('template', 'operator_alerts', 'to', @to::text,
                                      'model', jsonb_build_object('alerts', alerts, 'refused_devices', refused,
                                                                  'more', greatest(0, total - @named)))
            from rows where total > 0 and @to::text is not null
            on conflict (dedup_key) do nothing
        )
        insert into outbox (kind, dedup_key, payload)
        select 'alert_webhook', 'operator-alerts-webhook:' || extract(epoch from @now), jsonb_build_object('alerts', alerts, 'total', total)
        from rows where total > 0 and @webhook
        on conflict (dedup_key) do nothing
        """;

    /// <summary>
    /// Enqueues one mail and one webhook call for all open alerts since the previous mail and call, from every source. Alerts of severity
    /// LOW are only listed on the page; one that was closed meanwhile needs no review.
    /// </summary>
    /// <param name="pause">The least time between two messages, so that many alerts are combined in one mail.</param>
    public Task NotifyOperatorsAsync(string? to, bool webhook, TimeSpan pause, DateTime now, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
                NotifyOperators, new { to, webhook, pause, now, named = 20 }, cancellationToken: token)), cancellationToken);
}
