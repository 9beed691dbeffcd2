using System.Net;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>A device was seen by an accepted check.</summary>
public readonly record struct DeviceSighting(Guid DeviceId, IPAddress Address, DateTimeOffset At);

/// <summary>The registry of devices.</summary>
/// <remarks>Methods that take a connection join a transaction that has locked the license.</remarks>
public sealed class DeviceStore(LicenseDatabase database)
{
    private sealed record RegisteredRow
    {
        public required Guid DeviceId { get; init; }

        public required string DeviceKey { get; init; }

        public required string EaInstanceId { get; init; }

        public required long Mt5AccountNumber { get; init; }

        public short? Slot { get; init; }

        public required DateTime LastSeenAt { get; init; }

        public required string[] Networks { get; init; }
    }

    private const string Registered = """
        select d.device_id, d.device_key, d.ea_instance_id, d.mt5_account_number, d.slot, d.last_seen_at,
               array(select host(source_network(d.ip_address))
                     union
                     select host(n.network) from license_device_networks n
                     where n.device_id = d.device_id and n.last_seen_at > @activeSince) as networks
        from license_devices d
        where d.subscription_id = @subscriptionId and d.removed_at is null
        order by d.slot, d.first_seen_at
        """;

    /// <summary>The devices that are registered on the license, without sightings that are not written yet.</summary>
    public static async Task<List<RegisteredDevice>> RegisteredAsync(
        NpgsqlConnection connection, Guid subscriptionId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var activeSince = (now - DeviceAdmission.ActiveWithin).UtcDateTime;
        var rows = await connection.QueryAsync<RegisteredRow>(
            new CommandDefinition(Registered, new { subscriptionId, activeSince }, cancellationToken: cancellationToken));
        return [.. rows.Select(row => new RegisteredDevice(
            row.DeviceId, row.DeviceKey, row.EaInstanceId, row.Mt5AccountNumber, row.Slot,
            new DateTimeOffset(row.LastSeenAt, TimeSpan.Zero), Array.ConvertAll(row.Networks, IPAddress.Parse)))];
    }

    private const string History = """
        select (select count(*)::int from license_device_changes
                where subscription_id = @subscriptionId and changed_at > now() - @ChangesCountFor) as changes,
               exists (select from license_suspensions
                       where subscription_id = @subscriptionId and device_key = @deviceKey and closed_at is not null) as suspension_lifted,
               is_device_granted(@subscriptionId, @deviceKey) as marked_false_positive,
               false as sharing_suspected,
               exists (select from license_device_changes c
                       join license_devices d on d.device_id = c.replaced_device_id
                       where c.subscription_id = @subscriptionId and d.device_key = @deviceKey and c.admitted_device_id is null
                         and c.changed_at > now() - @ChangesCountFor) as removed_by_subscriber
        """;

    /// <summary>The license's history with this device, without SharingSuspected, which the caller adds.</summary>
    public static Task<DeviceHistory> HistoryAsync(
        NpgsqlConnection connection, Guid subscriptionId, string deviceKey, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<DeviceHistory>(new CommandDefinition(
            History, new { subscriptionId, deviceKey, DeviceAdmission.ChangesCountFor }, cancellationToken: cancellationToken));

    private sealed record AdmittedRow(Guid DeviceId, DateTime FirstSeenAt, DateTime LastSeenAt);

    private const string Admit = """
        with admitted as (
            insert into license_devices
                (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, beyond_limit,
                 first_seen_at, last_seen_at, last_accepted_at)
            values (@subscriptionId, @deviceKey, @EaInstanceId, @Mt5AccountNumber, @address::inet, @slot, @slot is null, @now, @now, @now)
            on conflict on constraint a_device_once_a_license do update
            set slot = excluded.slot, beyond_limit = excluded.beyond_limit, removed_at = null,
                ip_address = excluded.ip_address, last_seen_at = greatest(license_devices.last_seen_at, excluded.last_seen_at),
                last_accepted_at = greatest(license_devices.last_accepted_at, excluded.last_accepted_at)
            returning device_id, ip_address, first_seen_at, last_seen_at
        ), network as (
            insert into license_device_networks (device_id, network, first_seen_at, last_seen_at)
            select device_id, source_network(ip_address), @now, @now
            from admitted
            on conflict (device_id, network) do update
            set last_seen_at = greatest(license_device_networks.last_seen_at, excluded.last_seen_at)
        )
        select device_id, first_seen_at, last_seen_at from admitted
        """;

    /// <param name="slot">Null for a device beyond the limit.</param>
    public static async Task<KnownDevice> AdmitAsync(
        NpgsqlConnection connection, Guid subscriptionId, string deviceKey, DeviceClaim claim, int? slot, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var row = await connection.QuerySingleAsync<AdmittedRow>(new CommandDefinition(Admit, new
        {
            subscriptionId,
            deviceKey,
            claim.EaInstanceId,
            claim.Mt5AccountNumber,
            address = new IPAddress(claim.Address.GetAddressBytes()).ToString(), // without an IPv6 scope, which inet doesn't have
            slot = (short?)slot,
            now = now.UtcDateTime,
        }, cancellationToken: cancellationToken));
        return new KnownDevice(
            row.DeviceId, new DateTimeOffset(row.FirstSeenAt, TimeSpan.Zero), new DateTimeOffset(row.LastSeenAt, TimeSpan.Zero));
    }

    private sealed record RemovalRow
    {
        public required DateTime Now { get; init; }

        public required DateTime[] Changes { get; init; }
    }

    private const string RemovalFacts = """
        select now() as now,
               array(select changed_at from license_device_changes
                     where subscription_id = d.subscription_id and changed_at > now() - @ChangesCountFor) as changes
        from license_devices d
        where d.subscription_id = @subscriptionId and d.device_id = @deviceId and d.removed_at is null
        for update of d
        """;

    /// <summary>Reads and locks the device.</summary>
    /// <returns>
    /// The database's time and the times of the license's changes within <see cref="DeviceAdmission.ChangesCountFor"/>; null if the license
    /// has no such device.
    /// </returns>
    public static async Task<(DateTimeOffset Now, IReadOnlyList<DateTimeOffset> Changes)?> RemovalFactsAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid deviceId, CancellationToken cancellationToken) =>
        await connection.QuerySingleOrDefaultAsync<RemovalRow?>(new CommandDefinition(
            RemovalFacts, new { subscriptionId, deviceId, DeviceAdmission.ChangesCountFor },
            cancellationToken: cancellationToken)) is { } row
            ? (new DateTimeOffset(row.Now, TimeSpan.Zero), Array.ConvertAll(row.Changes, time => new DateTimeOffset(time, TimeSpan.Zero)))
            : null;

    private const string Remove = """
        update license_devices d set slot = null, beyond_limit = false, removed_at = @now
        from (select device_id, slot, beyond_limit, last_seen_at from license_devices
              where subscription_id = @subscriptionId and device_id = @deviceId and removed_at is null for update) as before
        where d.device_id = before.device_id
        returning before.device_id, before.slot, before.beyond_limit, before.last_seen_at
        """;

    /// <returns>The device as it was; null if the license has no such device.</returns>
    public static Task<RemovedDeviceRow?> RemoveAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid deviceId, DateTimeOffset now, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<RemovedDeviceRow>(new CommandDefinition(
            Remove, new { subscriptionId, deviceId, now = now.UtcDateTime }, cancellationToken: cancellationToken));

    private const string AddChange = """
        insert into license_device_changes (subscription_id, changed_at, replaced_device_id, admitted_device_id)
        values (@subscriptionId, now(), @removed, @admitted)
        """;

    /// <param name="admitted">Null if the subscriber has removed the device.</param>
    public static Task AddChangeAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid removed, Guid? admitted, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            AddChange, new { subscriptionId, removed, admitted }, cancellationToken: cancellationToken));

    private const string Rename = """
        update license_devices d set name = @name
        from (select device_id, name from license_devices
              where subscription_id = @subscriptionId and device_id = @deviceId and removed_at is null for update) as before
        where d.device_id = before.device_id
        returning before.device_id, before.name
        """;

    /// <returns>The name that it had; null if the license has no such device.</returns>
    public static Task<DeviceNameRow?> RenameAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid deviceId, string? name, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<DeviceNameRow>(new CommandDefinition(
            Rename, new { subscriptionId, deviceId, name }, cancellationToken: cancellationToken));

    // license_devices has the device's current network. A row of license_device_networks changes only when the device moves to another
    // network (the row of the old one gets its last time) or once per day. Usage that was recorded in the meantime is later than the check
    // but has no address of a check; the check's network is kept in that case, too. last_accepted_at, which usage doesn't change,
    // says whether a check is already written. It is never later than last_seen_at.
    // The sub-selects hide the number of sightings from the planner. For a thousand it would read the whole table.
    // No commit waits for the disk: waiting commits held concurrent checks up for half a second. A crash of the server loses less than a
    // second of sightings.
    private const string Flush = """
        with seen as (
            select s.device_id, s.ip_address, s.seen_at, d.ip_address as left_address, d.last_seen_at as left_at,
                   d.last_seen_at < s.seen_at as is_latest
            from unnest((select @deviceIds), (select @addresses), (select @seenAt)) as s (device_id, ip_address, seen_at)
            join license_devices d on d.device_id = s.device_id
            where d.removed_at is null
              and (d.last_accepted_at is null or d.last_accepted_at < s.seen_at or d.ip_address <> s.ip_address)
            for no key update of d skip locked
        ), moved as (
            select device_id, ip_address, seen_at from seen
            where ip_address <> left_address or seen_at - left_at > interval '1 day'
            union all
            select device_id, left_address, left_at from seen where is_latest and ip_address <> left_address
        ), networks as (
            insert into license_device_networks (device_id, network, first_seen_at, last_seen_at)
            select device_id, source_network(ip_address) as network, min(seen_at), max(seen_at)
            from moved
            group by device_id, network
            order by device_id, network
            on conflict (device_id, network) do update
            set last_seen_at = greatest(license_device_networks.last_seen_at, excluded.last_seen_at)
        ), expired as (
            -- An address is personal data: it is kept for 90 days. It is deleted when the device's networks change anyway.
            delete from license_device_networks n using moved
            where n.device_id = moved.device_id and n.last_seen_at < moved.seen_at - interval '90 days'
              and n.network <> source_network(moved.ip_address)
        ), written as (
            update license_devices d
            set last_accepted_at = seen.seen_at, last_seen_at = greatest(d.last_seen_at, seen.seen_at),
                ip_address = case when d.last_seen_at < seen.seen_at then seen.ip_address else d.ip_address end
            from seen
            where d.device_id = seen.device_id and (d.last_accepted_at is null or d.last_accepted_at < seen.seen_at)
        )
        select d.device_id
        from (select set_config('synchronous_commit', 'off', true)) as not_synchronous
        cross join unnest((select @deviceIds), (select @seenAt)) as s (device_id, seen_at)
        join license_devices d on d.device_id = s.device_id
        where d.removed_at is null and (d.last_accepted_at is null or d.last_accepted_at < s.seen_at)
          and not exists (select from seen where seen.device_id = d.device_id)
        """;

    /// <summary>
    /// Writes sightings, at most one for each device. Repeated or late sightings change nothing. It waits for no device that another
    /// session has locked.
    /// </summary>
    /// <returns>The locked devices, whose sightings are not written.</returns>
    public async Task<IReadOnlySet<Guid>> FlushAsync(
        IReadOnlyCollection<DeviceSighting> sightings, CancellationToken cancellationToken) =>
        (await database.InStatementAsync((connection, token) => connection.QueryAsync<Guid>(new CommandDefinition(Flush, new
        {
            deviceIds = sightings.Select(one => one.DeviceId).ToArray(),
            addresses = sightings.Select(one => one.Address).ToArray(),
            seenAt = sightings.Select(one => one.At.UtcDateTime).ToArray(),
        }, cancellationToken: token)), cancellationToken)).ToHashSet();

    /// <summary>Adds the alert about a new device that caused the license's suspension.</summary>
    public static async Task<Guid> AddSuspensionAlertAsync(
        NpgsqlConnection connection, Guid subscriptionId, string tokenHash, string description, string evidence, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var alert = new NewAlert(
            subscriptionId, EnumWords.UpperOf(ActivityType.ConcurrentSessions), AlertSeverity.High, description, evidence, "SUSPENDED",
            now.UtcDateTime);
        return (await AlertLog.RaiseAsync(connection, alert with { TokenHash = tokenHash }, cancellationToken)).AlertId;
    }

    // Raises no alert: it counts a refusal in an open one. A client that invents a new EA instance for every check must not fill the table.
    private const string RepeatAlert = """
        with open_alerts as (
            select alert_id, evidence ->> 'device_key' = @deviceKey as same_device, detected_at, count(*) over () as number
            from suspicious_activity_alerts
            where subscription_id = @subscriptionId and activity_type = 'TOO_MANY_DEVICES' and is_alert_open(status)
              and evidence ? 'device_key'
        ), counted as (
            select alert_id, same_device from open_alerts
            where same_device or number >= @MostOpenAlerts
            order by same_device desc, detected_at desc limit 1
        )
        update suspicious_activity_alerts a
        set updated_at = @now, evidence = a.evidence || jsonb_build_object(
                'refusals', coalesce((a.evidence ->> 'refusals')::int, 1) + 1, 'last_refused_at', @now::timestamptz,
                case when same_device then 'refused_device' else 'last_refused_device' end, @evidence::jsonb -> 'refused_device')
        from counted where a.alert_id = counted.alert_id
        """;

    private const int MostOpenAlerts = 10;

    /// <summary>
    /// Adds the alert about a new device that was refused. While that alert is open, further refusals of the device are counted in it. If a
    /// license already has ten open alerts, refusals of other devices are counted in the latest one, which names the last of them.
    /// </summary>
    /// <param name="evidence">With device_key, refused_device and measure.</param>
    public static async Task AddRefusalAlertAsync(
        NpgsqlConnection connection, Guid subscriptionId, string tokenHash, string deviceKey, string description, string evidence,
        DateTimeOffset now, CancellationToken cancellationToken)
    {
        var repeated = await connection.ExecuteAsync(new CommandDefinition(
            RepeatAlert, new { subscriptionId, deviceKey, MostOpenAlerts, evidence, now = now.UtcDateTime },
            cancellationToken: cancellationToken));
        if (repeated > 0)
            return;
        var alert = new NewAlert(subscriptionId, "TOO_MANY_DEVICES", AlertSeverity.Medium, description, evidence, "NONE", now.UtcDateTime);
        await AlertLog.RaiseAsync(connection, alert with { TokenHash = tokenHash }, cancellationToken);
    }

    // An alert of a suspension is evidence of sharing, even after the customer lifted the suspension: only operators close it.
    // An alert with the appeal against an open suspension stays open, because operators review the appeal there.
    private const string CloseRefusalAlerts = """
        update suspicious_activity_alerts a
        set status = @Resolved, updated_at = @now, resolved_at = @now, resolution_notes = @notes
        where a.subscription_id = @subscriptionId and is_alert_open(a.status) and a.evidence ->> 'device_key' = @deviceKey
          and a.activity_type = 'TOO_MANY_DEVICES' and a.measure <> 'SUSPENDED'
          and not (a.appealed_at is not null
                   and exists (select from license_suspensions s where s.alert_id = a.alert_id and s.closed_at is null))
        returning a.alert_id
        """;

    /// <summary>Closes the open alerts about the refusal of a device that has a slot now, except one that suspended the license.</summary>
    /// <returns>Their ids.</returns>
    public static async Task<IReadOnlyList<Guid>> CloseRefusalAlertsAsync(
        NpgsqlConnection connection, Guid subscriptionId, string deviceKey, string notes, DateTimeOffset now,
        CancellationToken cancellationToken) =>
        (await connection.QueryAsync<Guid>(new CommandDefinition(
            CloseRefusalAlerts, new { subscriptionId, deviceKey, notes, now = now.UtcDateTime, AlertStatus.Resolved },
            cancellationToken: cancellationToken))).AsList();

    // The platform's alerts may have any evidence, so its fields are read in C#. An index of the alerts begins with the license.
    private const string Refused = """
        select a.alert_id, a.subscription_id, a.evidence::text as evidence, a.detected_at,
               a.auto_action_taken = 'SUSPENDED' as has_suspended,
               exists (select from license_devices d
                       where d.subscription_id = a.subscription_id and d.device_key = a.evidence ->> 'device_key'
                         and d.removed_at is null) as is_registered,
               is_device_granted(a.subscription_id, a.evidence ->> 'device_key') as is_granted,
               a.customer_denied_at is not null as is_denied
        from subscriptions s
        cross join lateral (
            select * from suspicious_activity_alerts a
            where a.subscription_id = s.subscription_id and a.detected_at > now() - interval '90 days' and a.evidence ? 'device_key'
              and a.evidence ?| array['refused_device', 'newcomer']
            order by a.detected_at desc, a.alert_id
            limit 100
        ) a
        where (@subscriptionId::uuid is null or s.subscription_id = @subscriptionId)
          and (@subscriberId::uuid is null or s.subscriber_id = @subscriberId)
        order by a.detected_at desc, a.alert_id
        """;

    /// <summary>
    /// What alerts of 90 days say about the refused devices of a subscriber's licenses, at most 100 of each license, the newest first.
    /// </summary>
    public async Task<IReadOnlyList<RefusedDevice>> RefusalsAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await RefusalsAsync(session.Connection, null, subscriberId, session.Token);
    }

    /// <summary>The same of one license.</summary>
    public static async Task<IReadOnlyList<RefusedDevice>> RefusalsAsync(
        NpgsqlConnection connection, Guid? subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        [.. (await connection.QueryAsync<RefusalRow>(new CommandDefinition(
            Refused, new { subscriptionId, subscriberId }, cancellationToken: cancellationToken)))
            .Select(row => RefusedDevice.Of(row)).OfType<RefusedDevice>()];

    // A device that has no row of the audit log was admitted before the log, or loaded by SQL.
    private const string Changes = """
        select l.occurred_at as at, l.action, l.actor_kind, d.device_id, d.ea_instance_id, d.mt5_account_number, d.name,
               o.ea_instance_id as other_ea_instance_id, o.mt5_account_number as other_mt5_account_number, o.name as other_name,
               (select host(n.network) from license_device_networks n
                where n.device_id = d.device_id and l.action in ('device.admitted', 'device.replaced', 'device.kept')
                  and n.first_seen_at <= l.occurred_at + interval '1 minute'
                order by n.last_seen_at >= l.occurred_at - interval '1 minute' desc, n.first_seen_at desc limit 1) as network
        from audit_log l
        join license_devices d on d.subscription_id = l.subscription_id and d.device_id::text = l.subject
        left join license_devices o on o.subscription_id = l.subscription_id and o.device_id::text = l.before ->> 'device_id'
        where l.subscription_id = @subscriptionId
          and l.action in ('device.admitted', 'device.replaced', 'device.kept', 'device.removed', 'device.renamed')
        union all
        select d.first_seen_at, 'device.admitted', 'system', d.device_id, d.ea_instance_id, d.mt5_account_number, d.name, null, null, null,
               null
        from license_devices d
        where d.subscription_id = @subscriptionId
          and not exists (select from audit_log l
                          where l.subscription_id = @subscriptionId and l.subject = d.device_id::text
                            and l.action in ('device.admitted', 'device.replaced', 'device.kept'))
        order by at desc
        limit @limit
        """;

    /// <summary>The changes of a license's devices, the newest first.</summary>
    public async Task<(List<DeviceChangeRow> Changes, IReadOnlyList<RefusedDevice> Refusals)> ChangesAsync(
        Guid subscriptionId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var changes = await connection.QueryAsync<DeviceChangeRow>(
            new CommandDefinition(Changes, new { subscriptionId, limit }, cancellationToken: cancellationToken));
        return (changes.AsList(), await RefusalsAsync(connection, subscriptionId, null, cancellationToken));
    }

    private const string ListDevices = """
        select device_id, ea_instance_id, mt5_account_number, name, slot, beyond_limit, host(ip_address) as ip_address, first_seen_at,
               last_seen_at, removed_at
        from license_devices
        where subscription_id = @subscriptionId
        order by last_seen_at desc, device_id
        """;

    private const string ListNetworks = """
        select d.device_id, d.ea_instance_id, d.mt5_account_number, host(n.network) as ip_address, null as country_code, null as city,
               n.last_seen_at as last_seen, 0::bigint as usage_count
        from license_devices d join license_device_networks n on n.device_id = d.device_id
        where d.subscription_id = @subscriptionId and d.removed_at is null and n.last_seen_at > @since
        union all
        select null, ea_instance_id, mt5_account_number, host(ip_address), trim(country_code), city, max(logged_at), count(*)
        from license_usage_log
        where subscription_id = @subscriptionId and logged_at > @since
          and ea_instance_id is not null and mt5_account_number is not null
        group by ea_instance_id, mt5_account_number, license_usage_log.ip_address, license_usage_log.country_code, license_usage_log.city
        """;

    /// <summary>Every device that is or was registered, and every network from which a device of the license was seen since then.</summary>
    public async Task<(List<DeviceRow> Devices, List<DeviceNetworkRow> Networks)> ListAsync(
        Guid subscriptionId, DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var devices = await connection.QueryAsync<DeviceRow>(
            new CommandDefinition(ListDevices, new { subscriptionId }, cancellationToken: cancellationToken));
        var networks = await connection.QueryAsync<DeviceNetworkRow>(
            new CommandDefinition(ListNetworks, new { subscriptionId, since = since.UtcDateTime }, cancellationToken: cancellationToken));
        return (devices.AsList(), networks.AsList());
    }

    private const string HasUser = "select exists (select from users where user_id = @userId)";

    public async Task<bool> HasUserAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(HasUser, new { userId }, cancellationToken: session.Token));
    }

    private const string LicensesOf = """
        select s.subscription_id, split_part(m.email, '@', 1) as master
        from subscriptions s join users m on m.user_id = s.master_id
        where s.subscriber_id = @userId and (@after::uuid is null or s.subscription_id > @after)
        order by s.subscription_id
        limit @limit
        """;

    /// <summary>A customer's licenses.</summary>
    /// <param name="after">The last license of the previous page; null for the first page.</param>
    public async Task<IReadOnlyList<NamedLicense>> LicensesOfAsync(
        Guid userId, Guid? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<NamedLicense>(
            new CommandDefinition(LicensesOf, new { userId, after, limit }, cancellationToken: session.Token))).AsList();
    }
}

/// <summary>A row of audit_log about a device, and the other device of a replacement.</summary>
public sealed record DeviceChangeRow
{
    public DateTime At { get; init; }
    public string Action { get; init; } = "";
    public string ActorKind { get; init; } = "";
    public Guid DeviceId { get; init; }
    public string EaInstanceId { get; init; } = "";
    public long Mt5AccountNumber { get; init; }
    public string? Name { get; init; }
    public string? OtherEaInstanceId { get; init; }
    public long? OtherMt5AccountNumber { get; init; }
    public string? OtherName { get; init; }
    public string? Network { get; init; }
}

public sealed record DeviceNameRow(Guid DeviceId, string? Name);

/// <summary>A device before its removal.</summary>
public sealed record RemovedDeviceRow(Guid DeviceId, short? Slot, bool BeyondLimit, DateTime LastSeenAt);

public sealed record DeviceRow
{
    public required Guid DeviceId { get; init; }

    public required string EaInstanceId { get; init; }

    public required long Mt5AccountNumber { get; init; }

    public string? Name { get; init; }

    public short? Slot { get; init; }

    /// <summary>An operator granted it a slot of its own.</summary>
    public required bool BeyondLimit { get; init; }

    public required string IpAddress { get; init; }

    public required DateTime FirstSeenAt { get; init; }

    public required DateTime LastSeenAt { get; init; }

    /// <summary>Null while the device is registered.</summary>
    public DateTime? RemovedAt { get; init; }
}

/// <summary>Use of one device from one network: from the usage log, with location and count, or from checks, without them.</summary>
public sealed record DeviceNetworkRow
{
    /// <summary>The registered device that checked from the network; null for the usage log.</summary>
    public Guid? DeviceId { get; init; }

    public required string EaInstanceId { get; init; }

    public required long Mt5AccountNumber { get; init; }

    public string? IpAddress { get; init; }

    public string? CountryCode { get; init; }

    public string? City { get; init; }

    public required DateTime LastSeen { get; init; }

    public required long UsageCount { get; init; }
}
