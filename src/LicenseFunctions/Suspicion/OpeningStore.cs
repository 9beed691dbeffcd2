using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>Positions that a license's devices opened while they might only close.</summary>
/// <param name="Records">The usage records of these positions, by time; at least one.</param>
public sealed record OpenedUnderCloseOnly(Guid SubscriptionId, CloseOnlyPeriod Period, IReadOnlyList<OpenedPositions> Records);

/// <summary>
/// Alerts about positions that were opened although the license had ended: one for each close-only period. If no refused check began a
/// period, one each time that the license ends.
/// </summary>
public static class OpeningStore
{
    private sealed record RefusedLicense
    {
        public Guid SubscriptionId { get; init; }
        public string Code { get; init; } = "";
        public DateTime BeganAt { get; init; }
        public DateTime? RefusedSince { get; init; }
        public DateTime EarliestAt { get; init; }
        public DateTime LatestAt { get; init; }
    }

    private sealed record Row
    {
        public Guid SubscriptionId { get; init; }
        public string? EaInstanceId { get; init; }
        public long? Mt5AccountNumber { get; init; }
        public DateTime LoggedAt { get; init; }
        public int? SessionDurationSec { get; init; }
        public int Opened { get; init; }
    }

    // Nearly all licenses are left out by the first join, which finds those that may be refused.
    // If no refused check began a period, usage counts from the end of the license. If the platform doesn't say when that was, it was after
    // the last check that passed and before the subscription's last change. Only usage after both counts.
    private const string Refused = """
        select s.subscription_id, facts.code, coalesce(p.began_at, refused.before) as began_at,
               coalesce(refused.at, refused.after) as refused_since,
               greatest(arrived.earliest_at, coalesce(p.began_at, refused.before)) as earliest_at, arrived.latest_at
        from unnest(@ids, @earliest, @latest) as arrived (subscription_id, earliest_at, latest_at)
        join lateral (
            select b.subscription_id, b.paused_at, b.updated_at
            from subscriptions b
            where b.subscription_id = arrived.subscription_id
              and (not is_subscription_active(b.is_active) or b.state in ('LOCKED_NO_FUNDS', 'PAUSED_TOXIC', 'SUSPENDED_ADMIN')
                   or exists (select from license_tokens k
                              where k.subscription_id = b.subscription_id and k.is_active and k.expires_at <= now())
                   or exists (select from license_suspensions o where o.subscription_id = b.subscription_id and o.closed_at is null))
            offset 0
        ) s on true
        cross join lateral (select listed_license_code(s.subscription_id, @grace) as code offset 0) facts
        cross join lateral close_only_facts(s.subscription_id, null, @since) f
        left join close_only_periods p on p.subscription_id = s.subscription_id and p.began_at = f.began_at
        cross join lateral (select c.expires_at from v_current_license_tokens c where c.subscription_id = s.subscription_id limit 1) t
        left join license_states l on l.subscription_id = s.subscription_id
        cross join lateral (
            select known.at, seen.at as after, coalesce(known.at, greatest(seen.at, past_time(s.updated_at))) as before
            from (select case facts.code
                             when 'EXPIRED' then past_time(greatest(t.expires_at + @grace, l.grace_until))
                             when 'SUSPENDED' then f.suspended_at
                             -- paused_at may be the time of an earlier pause.
                             when 'INACTIVE' then null
                             else past_time(s.paused_at) end) as known (at)
            cross join (select max(d.last_accepted_at) from license_devices d
                        where d.subscription_id = s.subscription_id) as seen (at)
        ) refused
        where facts.code = any(@codes) and p.alert_id is null and coalesce(p.began_at, refused.before) < arrived.latest_at
          -- One alert each time that the license ends. An alert of another period is not one of the present period.
          and not exists (
              select from suspicious_activity_alerts a
              where a.subscription_id = s.subscription_id and a.activity_type = 'OPENED_UNDER_CLOSE_ONLY'
                and a.detected_at >= coalesce(refused.at, refused.after, '-infinity')
                and (p.began_at is null or not exists (select from close_only_periods other
                                                       where other.subscription_id = s.subscription_id and other.alert_id = a.alert_id)))
        """;

    private const string Openings = """
        set local enable_hashjoin = off; set local enable_mergejoin = off;
        select u.subscription_id, u.ea_instance_id, u.mt5_account_number, u.logged_at, u.session_duration_sec, u.opened
        from unnest(@ids, @earliest, @latest) as refused (subscription_id, earliest_at, latest_at)
        join license_usage_log u
            on u.subscription_id = refused.subscription_id and u.logged_at between refused.earliest_at and refused.latest_at
               and u.opened > 0
        order by u.subscription_id, u.logged_at;
        set local enable_hashjoin to default; set local enable_mergejoin to default;
        """;

    private static readonly string[] CloseOnlyCodes =
        [.. Enum.GetValues<LicenseCode>().Where(Entitlements.MayClose).Select(EnumWords.UpperOf)];

    /// <summary>Finds such positions in new usage, if there is no alert about them yet.</summary>
    /// <param name="grace">How long an expired license stays valid.</param>
    public static async Task<IReadOnlyList<OpenedUnderCloseOnly>> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<ArrivedUsage> arrived, TimeSpan grace, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var refused = (await connection.QueryAsync<RefusedLicense>(new CommandDefinition(Refused, new
        {
            ids = arrived.Select(one => one.SubscriptionId).ToArray(),
            earliest = arrived.Select(one => one.EarliestAt).ToArray(),
            latest = arrived.Select(one => one.LatestAt).ToArray(),
            grace,
            since = (now - Entitlements.PeriodCountsFor).UtcDateTime,
            codes = CloseOnlyCodes,
        }, cancellationToken: cancellationToken))).ToDictionary(license => license.SubscriptionId);
        if (refused.Count == 0)
            return [];
        // As in SuspicionStore.ReadUsageAsync, one index probe for each license.
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Openings, new
        {
            ids = refused.Keys.ToArray(),
            earliest = refused.Values.Select(license => license.EarliestAt).ToArray(),
            latest = refused.Values.Select(license => license.LatestAt).ToArray(),
        }, cancellationToken: cancellationToken));
        return
        [
            .. from row in rows
               group row by row.SubscriptionId into license
               let facts = refused[license.Key]
               let period = new CloseOnlyPeriod(
                   EnumWords.Parse<LicenseCode>(facts.Code), Time(facts.BeganAt), facts.RefusedSince is { } at ? Time(at) : null)
               let records = CloseOnlyOpenings.Of(period, license.Select(Opened))
               where records.Count > 0
               select new OpenedUnderCloseOnly(license.Key, period, records),
        ];
    }

    private static OpenedPositions Opened(Row row) => new(
        row.EaInstanceId, row.Mt5AccountNumber, Time(row.LoggedAt),
        row.SessionDurationSec is { } seconds ? TimeSpan.FromSeconds(seconds) : null, row.Opened);

    private static DateTimeOffset Time(DateTime time) => new(time, TimeSpan.Zero);

    private const string MarkPeriod = """
        update close_only_periods set alert_id = @alertId where subscription_id = @subscriptionId and began_at = @beganAt
        """;

    /// <summary>Raises the alert, and marks the period, if any. The caller's scan has locked the license's detection state.</summary>
    public static async Task RaiseAsync(
        NpgsqlConnection connection, OpenedUnderCloseOnly found, DateTime now, CancellationToken cancellationToken)
    {
        var opened = found.Records.Sum(record => (long)record.Opened);
        var code = EnumWords.UpperOf(found.Period.Code);
        var evidence = RowJson.Of(new
        {
            opened,
            code,
            closeOnlySince = found.Period.BeganAt,
            from = found.Records[0].LoggedAt,
            to = found.Records[^1].LoggedAt,
            devices = from record in found.Records
                      group record by (record.EaInstanceId, record.Account) into device
                      select new
                      {
                          device.Key.EaInstanceId,
                          device.Key.Account,
                          firstAt = device.Min(record => record.LoggedAt),
                          lastAt = device.Max(record => record.LoggedAt),
                          records = device.Count(),
                          opened = device.Sum(record => (long)record.Opened),
                      },
        });
        var alert = await AlertLog.RaiseAsync(connection, new NewAlert(
            found.SubscriptionId, "OPENED_UNDER_CLOSE_ONLY", AlertSeverity.Medium,
            $"{opened} positions were opened although the license allowed no new positions ({code}).", evidence, "NONE", now),
            cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            MarkPeriod, new { alert.AlertId, found.SubscriptionId, beganAt = found.Period.BeganAt.UtcDateTime },
            cancellationToken: cancellationToken));
    }
}
