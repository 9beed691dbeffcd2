using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using Licensing.Devices;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>How suspensions end: license_suspensions.closed_how.</summary>
public static class ClosedHow
{
    public const string Reinstated = "REINSTATED";
    public const string FalsePositive = "FALSE_POSITIVE";
    public const string Runbook = "RUNBOOK";
    public const string Owner = "OWNER";
    public const string Renewed = "RENEWED";
}

/// <param name="Cause">One of <see cref="SuspensionCause"/>.</param>
/// <param name="Evidence">JSON.</param>
/// <param name="DeviceKey">The new device that caused it; null if none did.</param>
/// <param name="MailTemplate">Null if the customer gets another mail.</param>
/// <param name="Summary">What was seen, as a code with values, for the mail; null where the cause alone says it.</param>
public sealed record NewSuspension(
    Guid SubscriptionId,
    string Cause,
    SuspensionTexts Texts,
    Actor By,
    string Evidence = "{}",
    string? DeviceKey = null,
    Guid? AlertId = null,
    string? MailTemplate = "suspended",
    object? Summary = null);

/// <param name="Causes">The open suspensions to close, by cause.</param>
/// <param name="How">One of <see cref="ClosedHow"/>.</param>
/// <param name="Why">For the audit log.</param>
/// <param name="MailTemplate">Null if the customer gets another mail.</param>
public sealed record Reinstatement(
    Guid SubscriptionId, IReadOnlyCollection<string> Causes, string How, Actor By, string? Why = null, string? MailTemplate = "reinstated");

/// <param name="Lifted">The suspensions that were closed; none if no suspension for those causes was open.</param>
/// <param name="StillOpen">A suspension for another cause; null if the tokens and the subscription's state are restored.</param>
public sealed record ReinstatementResult(IReadOnlyList<SuspensionRow> Lifted, SuspensionRow? StillOpen)
{
    /// <summary>The open alerts about the suspensions and their appeals, which a false alarm closes.</summary>
    public IReadOnlyList<Guid> ClosedAlerts { get; init; } = [];
}

/// <summary>A row of license_suspensions.</summary>
public sealed record SuspensionRow
{
    public required Guid SuspensionId { get; init; }

    public required string Cause { get; init; }

    public required string Reason { get; init; }

    /// <summary>JSON.</summary>
    public required string Evidence { get; init; }

    public string? DeviceKey { get; init; }

    /// <summary>The EA instance of the refused device that caused it; null if none did, or if it has a slot or can get one.</summary>
    public string? RefusedEa { get; init; }

    public Guid? AlertId { get; init; }

    public required string PreviousState { get; init; }

    public string? PreviousPausedReason { get; init; }

    public DateTime? PreviousPausedAt { get; init; }

    public required Guid[] TokenIds { get; init; }

    public DateTime SuspendedAt { get; init; }
}

/// <summary>Suspends and reinstates licenses for all callers. Tokens, subscription, audit row and mail are written together.</summary>
/// <remarks>Methods that take a connection join its transaction. Methods that write lock the license first.</remarks>
public sealed class SuspensionStore(LicenseDatabase database, LicenseInvalidation invalidation, TimeProvider time)
{
    /// <summary>An operator who suspends the license again within this time takes the reinstatement back.</summary>
    private static readonly TimeSpan UndoneWithin = TimeSpan.FromMinutes(10);

    private sealed record LicenseRow(Guid SubscriberId, string State, string? PausedReason, bool HasActiveToken);

    private const string Lock = """
        insert into license_states (subscription_id)
        select subscription_id from subscriptions where subscription_id = any(@subscriptionIds) order by subscription_id
        on conflict do nothing;
        select from license_states where subscription_id = any(@subscriptionIds) order by subscription_id for update
        """;

    /// <summary>Locks the license: every other change of it waits for the end of the transaction.</summary>
    public static Task LockAsync(NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        LockAsync(connection, [subscriptionId], cancellationToken);

    /// <summary>Locks several licenses in a fixed order, so that two transactions don't wait for each other.</summary>
    public static Task LockAsync(
        NpgsqlConnection connection, IReadOnlyCollection<Guid> subscriptionIds, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Lock, new { subscriptionIds = subscriptionIds.ToArray() }, cancellationToken: cancellationToken));

    /// <summary>
    /// SQL: the EA instance of the device that caused suspension r, while it has no slot and none is free. The customer can give it one
    /// during the suspension.
    /// </summary>
    public const string RefusedEa = """
        case when not exists (
                select from license_devices k
                where k.subscription_id = r.subscription_id and k.device_key = r.device_key and k.removed_at is null)
            and coalesce(r.evidence -> 'device_limit' <= (
                select to_jsonb(count(*)) from license_devices k
                where k.subscription_id = r.subscription_id and k.slot is not null and k.removed_at is null), true)
        then r.evidence #>> '{refused_device,ea_instance_id}' end
        """;

    private const string Open = $"""
        select r.suspension_id, r.cause, r.reason, r.evidence::text as evidence, r.device_key,
               {RefusedEa} as refused_ea, r.alert_id, r.previous_state::text,
               r.previous_paused_reason, past_time(r.previous_paused_at) as previous_paused_at, r.token_ids, r.suspended_at
        from license_suspensions r
        where r.subscription_id = @subscriptionId and r.closed_at is null
        order by r.suspended_at, r.suspension_id
        """;

    /// <summary>The open suspensions of a license, the oldest first.</summary>
    public static async Task<IReadOnlyList<SuspensionRow>> OpenAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<SuspensionRow>(
            new CommandDefinition(Open, new { subscriptionId }, cancellationToken: cancellationToken))).AsList();

    public async Task<IReadOnlyList<SuspensionRow>> OpenAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await OpenAsync(connection, subscriptionId, cancellationToken);
    }

    /// <summary>Whether the license is suspended, by this backend or by the platform.</summary>
    public static Task<bool> IsSuspendedAsync(NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select is_suspended_by_anyone(@subscriptionId)", new { subscriptionId }, cancellationToken: cancellationToken));

    private const string PlatformReason = """
        select nullif(trim(paused_reason), '') from subscriptions
        where subscription_id = @subscriptionId and state in ('SUSPENDED_ADMIN', 'PAUSED_TOXIC', 'LOCKED_NO_FUNDS')
        """;

    /// <summary>Why the license is suspended, paused or locked, in the words of who did it; null if it is not.</summary>
    public static Task<string?> PlatformReasonAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            PlatformReason, new { subscriptionId }, cancellationToken: cancellationToken));

    private const string LastSubscriberLift = """
        select max(closed_at) from license_suspensions where subscription_id = @subscriptionId and closed_how = 'OWNER'
        """;

    public static async Task<DateTimeOffset?> LastSubscriberLiftAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<DateTime?>(new CommandDefinition(
            LastSubscriberLift, new { subscriptionId }, cancellationToken: cancellationToken)) is { } at
            ? new DateTimeOffset(at, TimeSpan.Zero)
            : null;

    private const string Suspend = """
        with earlier as (
            select previous_state, previous_paused_reason, previous_paused_at, token_ids
            from license_suspensions
            where subscription_id = @SubscriptionId and closed_at is null
            order by suspended_at, suspension_id
            limit 1
        ), taken as (
            update license_tokens set is_active = false, revoked_at = @now, revoked_reason = @RevokedReason
            where subscription_id = @SubscriptionId and is_active
            returning token_id
        ), suspended as (
            update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = @now, paused_reason = @PausedReason
            where subscription_id = @SubscriptionId
        )
        insert into license_suspensions
            (subscription_id, cause, reason, device_key, evidence, alert_id, suspended_at, suspended_by,
             previous_state, previous_paused_reason, previous_paused_at, token_ids)
        select @SubscriptionId, @Cause, @PausedReason, @DeviceKey, @Evidence::jsonb, @AlertId, @now, @byId,
               -- If an earlier suspension is open, the state before that one. The suspension that is lifted last restores it.
               case when earlier is null then subscription_state_of(before.state) else earlier.previous_state end,
               case when earlier is null then before.paused_reason else earlier.previous_paused_reason end,
               case when earlier is null then before.paused_at else earlier.previous_paused_at end,
               coalesce(earlier.token_ids, '{}') || array(select token_id from taken)
        from subscriptions before left join earlier on true
        where before.subscription_id = @SubscriptionId
        returning suspension_id
        """;

    // Moves the appeal against an earlier suspension for the same cause to the new one if its alert is still open, for example when a
    // reinstatement is undone.
    private const string MoveAppeal = """
        update license_appeals set suspension_id = @suspensionId
        where appeal_id = (
            select p.appeal_id
            from license_appeals p
            join license_suspensions s on s.suspension_id = p.suspension_id
            join suspicious_activity_alerts a on a.alert_id = p.alert_id
            where p.subscription_id = @SubscriptionId and s.cause = @Cause and s.closed_at is not null and is_alert_open(a.status)
            order by p.submitted_at desc
            limit 1)
        """;

    // The platform doesn't take the license's lock. What it writes before this transaction is restored later; the rest waits for it.
    private const string LockSubscription = "select from subscriptions where subscription_id = @subscriptionId for no key update";

    // The platform changed the state while a suspension was open: when the last suspension is lifted, the platform's state is restored.
    private const string KeepPlatformState = """
        update license_suspensions o
        set previous_state = subscription_state_of(s.state), previous_paused_reason = s.paused_reason, previous_paused_at = s.paused_at
        from subscriptions s
        where s.subscription_id = @subscriptionId and o.subscription_id = s.subscription_id and o.closed_at is null
        """;

    /// <returns>The suspension's id; null if a suspension for this cause is already open.</returns>
    public async Task<Guid?> SuspendAsync(NpgsqlConnection connection, NewSuspension suspension, CancellationToken cancellationToken)
    {
        await LockAsync(connection, suspension.SubscriptionId, cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            LockSubscription, new { subscriptionId = suspension.SubscriptionId }, cancellationToken: cancellationToken));
        await CloseIfReinstatedManuallyAsync(connection, suspension.SubscriptionId, cancellationToken);
        var open = await OpenAsync(connection, suspension.SubscriptionId, cancellationToken);
        if (open.Any(one => one.Cause == suspension.Cause))
            return null;

        var before = await ReadAsync(connection, suspension.SubscriptionId, cancellationToken);
        if (open.Count > 0 && (before.State != "SUSPENDED_ADMIN" || open.All(one => one.Reason != before.PausedReason)))
        {
            await connection.ExecuteAsync(new CommandDefinition(
                KeepPlatformState, new { subscriptionId = suspension.SubscriptionId }, cancellationToken: cancellationToken));
        }

        var id = await connection.ExecuteScalarAsync<Guid>(new CommandDefinition(Suspend, new
        {
            suspension.SubscriptionId,
            suspension.Cause,
            suspension.Texts.PausedReason,
            suspension.Texts.RevokedReason,
            suspension.DeviceKey,
            suspension.Evidence,
            suspension.AlertId,
            byId = suspension.By.Id,
            now = time.GetUtcNow().UtcDateTime,
        }, cancellationToken: cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(
            MoveAppeal, new { suspension.SubscriptionId, suspension.Cause, suspensionId = id }, cancellationToken: cancellationToken));
        await AuditLog.AddAsync(connection, new AuditRow(
            suspension.By, "license.suspended", suspension.SubscriptionId, id.ToString(), suspension.Texts.PausedReason,
            Before: RowJson.Of(new { before.State, before.PausedReason }),
            After: RowJson.Of(new { State = "SUSPENDED_ADMIN", suspension.Texts.PausedReason, suspension.Cause })), cancellationToken);
        if (suspension.MailTemplate is { } template)
        {
            await EmailOutbox.AddAsync(connection, $"suspended:{id}", template, before.SubscriberId, new
            {
                suspension.SubscriptionId,
                SuspensionId = id,
                suspension.Cause,
                suspension.Summary,
                Note = SuspensionTexts.WordsOfOperator(suspension.Cause, suspension.Texts.PausedReason),
                OwnerMayLift = await CanSubscriberLiftAsync(
                    connection, suspension.SubscriptionId, suspension.Cause, time.GetUtcNow(), cancellationToken),
                LiftIntervalDays = SubscriberLift.Interval.Days,
                AfterMistake = await IsUndoAsync(connection, suspension, cancellationToken),
            }, cancellationToken);
        }

        invalidation.Raise(suspension.SubscriptionId);
        return id;
    }

    private const string IsUndo = """
        select exists (
            select from license_suspensions
            where subscription_id = @SubscriptionId and closed_by = @byId and closed_how in (@Reinstated, @FalsePositive)
              and closed_at > @since and (cause = @Fraud) = @isForFraud)
        """;

    /// <summary>
    /// Whether an operator takes back a reinstatement of their own. The customer got a mail about it. An undo suspends for fraud only if
    /// that was the cause before: otherwise fraud is a new cause.
    /// </summary>
    private Task<bool> IsUndoAsync(NpgsqlConnection connection, NewSuspension suspension, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(IsUndo, new
        {
            suspension.SubscriptionId,
            byId = suspension.By.Id,
            ClosedHow.Reinstated,
            ClosedHow.FalsePositive,
            SuspensionCause.Fraud,
            isForFraud = suspension.Cause == SuspensionCause.Fraud,
            since = (time.GetUtcNow() - UndoneWithin).UtcDateTime,
        }, cancellationToken: cancellationToken));

    /// <summary>Whether the subscriber may lift a suspension of this cause now.</summary>
    public static async Task<bool> CanSubscriberLiftAsync(
        NpgsqlConnection connection, Guid subscriptionId, string cause, DateTimeOffset now, CancellationToken cancellationToken) =>
        SubscriberLift.IsAllowed(cause, await LastSubscriberLiftAsync(connection, subscriptionId, cancellationToken), now);

    private const string Close = """
        update license_suspensions set closed_at = @now, closed_by = @byId, closed_how = @How
        where suspension_id = any(@ids)
        """;

    // In the guide's runbook, an operator does the same manually.
    private const string MarkAlerts = """
        with open as (
            select alert_id, status from suspicious_activity_alerts
            where is_alert_open(status)
              and alert_id = any(@alerts || array(select p.alert_id from license_appeals p where p.suspension_id = any(@ids)))
            order by alert_id
            for update
        )
        update suspicious_activity_alerts a
        set status = 'FALSE_POSITIVE', updated_at = @now, resolved_at = @now, resolved_by = @byId,
            resolution_notes = coalesce(a.resolution_notes, @Why)
        from open where a.alert_id = open.alert_id
        returning a.alert_id, open.status
        """;

    private const string Restore = """
        with reactivated as (
            update license_tokens set is_active = true, revoked_at = null, revoked_reason = null
            where token_id = any(@tokens) and not is_active
        )
        update subscriptions
        set state = @state::subscription_state, paused_reason = @pausedReason, paused_at = @pausedAt
        where subscription_id = @SubscriptionId and state = 'SUSPENDED_ADMIN' and paused_reason = any(@ours)
        """;

    private const string KeepSuspended = """
        update subscriptions set paused_reason = @reason
        where subscription_id = @SubscriptionId and state = 'SUSPENDED_ADMIN' and paused_reason = any(@ours)
        """;

    /// <summary>
    /// Closes the open suspensions for these causes. When none is left open, it restores the deactivated tokens, except replaced ones, and
    /// the subscription's state, unless another party has suspended it in the meantime.
    /// </summary>
    public async Task<ReinstatementResult> ReinstateAsync(
        NpgsqlConnection connection, Reinstatement reinstatement, CancellationToken cancellationToken)
    {
        await LockAsync(connection, reinstatement.SubscriptionId, cancellationToken);
        var open = await OpenAsync(connection, reinstatement.SubscriptionId, cancellationToken);
        var lifted = open.Where(one => reinstatement.Causes.Contains(one.Cause)).ToList();
        if (lifted.Count == 0)
            return new ReinstatementResult([], open.Count == 0 ? null : open[0]);

        var left = open.Except(lifted).FirstOrDefault();
        var before = await ReadAsync(connection, reinstatement.SubscriptionId, cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(Close, new
        {
            reinstatement.How,
            byId = reinstatement.By.Id,
            now = time.GetUtcNow().UtcDateTime,
            ids = lifted.Select(one => one.SuspensionId).ToArray(),
        }, cancellationToken: cancellationToken));
        var closedAlerts = reinstatement.How == ClosedHow.FalsePositive
            ? await MarkAlertsAsync(connection, reinstatement, lifted, cancellationToken)
            : [];
        await connection.ExecuteAsync(new CommandDefinition(left is null ? Restore : KeepSuspended, new
        {
            reinstatement.SubscriptionId,
            ours = open.Select(one => one.Reason).ToArray(),
            reason = left?.Reason,
            tokens = open.SelectMany(one => one.TokenIds).Distinct().ToArray(),
            state = open[0].PreviousState,
            pausedReason = open[0].PreviousPausedReason,
            pausedAt = open[0].PreviousPausedAt,
        }, cancellationToken: cancellationToken));

        var after = await ReadAsync(connection, reinstatement.SubscriptionId, cancellationToken);
        foreach (var one in lifted)
        {
            await AuditLog.AddAsync(connection, new AuditRow(
                reinstatement.By, "license.reinstated", reinstatement.SubscriptionId, one.SuspensionId.ToString(), reinstatement.Why,
                Before: RowJson.Of(new { before.State, before.PausedReason, one.Cause }),
                After: RowJson.Of(new { after.State, after.PausedReason, reinstatement.How })), cancellationToken);
        }

        if (left is null && reinstatement.MailTemplate is { } template)
        {
            await EmailOutbox.AddAsync(connection, $"reinstated:{lifted[0].SuspensionId}", template, before.SubscriberId, new
            {
                reinstatement.SubscriptionId,
                lifted[0].SuspensionId,
                lifted[0].Cause,
                reinstatement.How,
                RefusedEa = lifted.Select(one => one.RefusedEa).FirstOrDefault(ea => ea is not null),
            }, cancellationToken);
        }

        invalidation.Raise(reinstatement.SubscriptionId);
        return new ReinstatementResult(lifted, left) { ClosedAlerts = closedAlerts };
    }

    private async Task<IReadOnlyList<Guid>> MarkAlertsAsync(
        NpgsqlConnection connection, Reinstatement reinstatement, IReadOnlyList<SuspensionRow> lifted, CancellationToken cancellationToken)
    {
        var closed = (await connection.QueryAsync<(Guid AlertId, string Status)>(new CommandDefinition(MarkAlerts, new
        {
            reinstatement.Why,
            byId = reinstatement.By.Id,
            now = time.GetUtcNow().UtcDateTime,
            ids = lifted.Select(one => one.SuspensionId).ToArray(),
            alerts = lifted.Where(one => one.AlertId is not null).Select(one => one.AlertId!.Value).ToArray(),
        }, cancellationToken: cancellationToken))).AsList();
        var decisions = closed.ConvertAll(one => new AuditRow(
            reinstatement.By, "alert.judged", reinstatement.SubscriptionId, one.AlertId.ToString(), reinstatement.Why,
            Before: RowJson.Of(new { one.Status }), After: RowJson.Of(new { Status = "FALSE_POSITIVE", Reinstate = true })));
        await AuditLog.AddAsync(connection, decisions, cancellationToken);
        return closed.ConvertAll(one => one.AlertId);
    }

    private const string RestoreForPlatform = """
        with reactivated as (
            update license_tokens set is_active = true, revoked_at = null, revoked_reason = null
            where subscription_id = @subscriptionId and not is_active and revoked_reason = @revokedReason
              and (expires_at is null or expires_at > now())
        )
        update subscriptions set state = 'SYNCED', paused_reason = null, paused_at = null
        where subscription_id = @subscriptionId and state = 'SUSPENDED_ADMIN' and paused_reason = @pausedReason
        """;

    /// <summary>
    /// Ends a suspension for an expiry that was extended since. The platform suspends without a row of license_suspensions, so the state
    /// before is not known: the subscription becomes SYNCED.
    /// </summary>
    /// <param name="mailTemplate">Null if the customer gets another mail about the cause.</param>
    public async Task EndForExpiryAsync(
        NpgsqlConnection connection, Guid subscriptionId, string why, CancellationToken cancellationToken,
        string? mailTemplate = "reinstated")
    {
        var ended = await ReinstateAsync(
            connection,
            new Reinstatement(subscriptionId, [SuspensionCause.Expiry], ClosedHow.Renewed, Actor.System, why, mailTemplate),
            cancellationToken);
        if (ended is not { Lifted: [], StillOpen: null })
            return;

        var before = await ReadAsync(connection, subscriptionId, cancellationToken);
        var (pausedReason, revokedReason) = SuspensionTexts.Expired;
        if (await connection.ExecuteAsync(new CommandDefinition(
            RestoreForPlatform, new { subscriptionId, pausedReason, revokedReason }, cancellationToken: cancellationToken)) == 0)
            return;
        await AuditLog.AddAsync(connection, new AuditRow(
            Actor.System, "license.reinstated", subscriptionId, Reason: why, Before: RowJson.Of(new { before.State, before.PausedReason }),
            After: RowJson.Of(new { State = "SYNCED" })), cancellationToken);
        var reinstated = new { SuspensionId = (Guid?)null, Cause = "EXPIRY", How = "RENEWED" };
        await LicenseEvents.AddAsync(
            connection, new LicenseEvent(subscriptionId, "license.reinstated", reinstated), cancellationToken);
        invalidation.Raise(subscriptionId);
    }

    /// <summary>
    /// Supports the guide's runbook, in which an operator reactivates the token manually. If the platform's state is still the one that
    /// this backend wrote, or was reset manually as well, all open suspensions are closed.
    /// </summary>
    /// <returns>Whether suspensions were closed.</returns>
    public async Task<bool> CloseIfReinstatedManuallyAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken)
    {
        await LockAsync(connection, subscriptionId, cancellationToken);
        var open = await OpenAsync(connection, subscriptionId, cancellationToken);
        if (open.Count == 0)
            return false;
        var now = await ReadAsync(connection, subscriptionId, cancellationToken);
        if (!now.HasActiveToken || (now.State == "SUSPENDED_ADMIN" && open.All(one => one.Reason != now.PausedReason)))
            return false;

        await ReinstateAsync(
            connection,
            new Reinstatement(
                subscriptionId, open.Select(one => one.Cause).ToList(), ClosedHow.Runbook, Actor.Runbook, "Token reactivated manually"),
            cancellationToken);
        return true;
    }

    private const string Read = """
        select s.subscriber_id, subscription_state_of(s.state)::text as state, s.paused_reason,
               exists (select from v_current_license_tokens t
                       where t.subscription_id = s.subscription_id and t.is_active) as has_active_token
        from subscriptions s
        where s.subscription_id = @subscriptionId
        """;

    private static Task<LicenseRow> ReadAsync(NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<LicenseRow>(new CommandDefinition(Read, new { subscriptionId }, cancellationToken: cancellationToken));
}
