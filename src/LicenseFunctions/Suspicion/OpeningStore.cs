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

/// <summary>Alerts about positions that were opened although only closing was allowed: one for each license and period.</summary>
public static class OpeningStore
{
    private sealed record Row
    {
        public Guid SubscriptionId { get; init; }
        public string Code { get; init; } = "";
        public DateTime BeganAt { get; init; }
        public DateTime? RefusedSince { get; init; }
        public string? EaInstanceId { get; init; }
        public long? Mt5AccountNumber { get; init; }
        public DateTime LoggedAt { get; init; }
        public int? SessionDurationSec { get; init; }
        public int Opened { get; init; }
    }

    // Nearly all licenses are left out by the first join.
    private const string Find = """
        select p.subscription_id, facts.code, p.began_at,
               case facts.code
                   when 'EXPIRED' then past_time(greatest(t.expires_at + @grace, l.grace_until))
                   when 'SUSPENDED' then p.suspended_at
                   -- The time of the refusal is not known. It is later than the last check that passed.
                   else coalesce(past_time(s.paused_at), (select max(d.last_accepted_at) from license_devices d
                                                              where d.subscription_id = p.subscription_id)) end as refused_since,
               u.ea_instance_id, u.mt5_account_number, u.logged_at, u.session_duration_sec, u.opened
        from unnest(@ids, @earliest, @latest) as arrived (subscription_id, earliest_at, latest_at)
        join lateral (
            select began.subscription_id, began.began_at, began.alert_id, f.suspended_at
            from (select * from close_only_periods c where c.subscription_id = arrived.subscription_id offset 0) began
            cross join lateral close_only_facts(began.subscription_id, null, @since) f
            where began.began_at = f.began_at
        ) p on p.alert_id is null and p.began_at < arrived.latest_at
        join subscriptions s on s.subscription_id = p.subscription_id
        cross join lateral (select c.expires_at from v_current_license_tokens c where c.subscription_id = p.subscription_id limit 1) t
        cross join lateral (select listed_license_code(p.subscription_id, @grace) as code) facts
        left join license_states l on l.subscription_id = p.subscription_id
        cross join lateral (
            select used.ea_instance_id, used.mt5_account_number, used.logged_at, used.session_duration_sec, used.opened
            from license_usage_log used
            where used.subscription_id = p.subscription_id and used.opened > 0
              and used.logged_at between greatest(arrived.earliest_at, p.began_at) and arrived.latest_at
            offset 0
        ) u
        order by p.subscription_id, u.logged_at
        """;

    /// <summary>Finds such positions in new usage, for periods without an alert.</summary>
    /// <param name="grace">How long an expired license stays valid.</param>
    public static async Task<IReadOnlyList<OpenedUnderCloseOnly>> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<ArrivedUsage> arrived, TimeSpan grace, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Find, new
        {
            ids = arrived.Select(one => one.SubscriptionId).ToArray(),
            earliest = arrived.Select(one => one.EarliestAt).ToArray(),
            latest = arrived.Select(one => one.LatestAt).ToArray(),
            grace,
            since = (now - Entitlements.PeriodCountsFor).UtcDateTime,
        }, cancellationToken: cancellationToken));
        return
        [
            .. from row in rows
               group row by row.SubscriptionId into license
               let first = license.First()
               let period = new CloseOnlyPeriod(
                   EnumWords.Parse<LicenseCode>(first.Code), Time(first.BeganAt), first.RefusedSince is { } at ? Time(at) : null)
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

    /// <summary>Raises the alert, and marks the period. The caller's scan has locked the license's detection state.</summary>
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
            $"{opened} positions were opened although the license allows closing only ({code}).", evidence, "NONE", now),
            cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            MarkPeriod, new { alert.AlertId, found.SubscriptionId, beganAt = found.Period.BeganAt.UtcDateTime },
            cancellationToken: cancellationToken));
    }
}
