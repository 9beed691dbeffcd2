using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>An alert with the fields of the integration guide, and its review.</summary>
public sealed record AlertRow
{
    public required Guid AlertId { get; init; }

    public Guid? SubscriptionId { get; init; }

    public Guid? UserId { get; init; }

    /// <summary>The customer's mail address.</summary>
    public string? OwnerEmail { get; init; }

    public required string ActivityType { get; init; }

    public required string Severity { get; init; }

    public string? Description { get; init; }

    /// <summary>JSON in the format of the detector, the check or the platform.</summary>
    public JsonElement? Evidence { get; init; }

    public required DateTime DetectedAt { get; init; }

    public required DateTime UpdatedAt { get; init; }

    public required string Status { get; init; }

    /// <summary>Whether it is OPEN because an operator reopened it after it was closed.</summary>
    public bool IsReopened { get; init; }

    /// <summary>The statuses that a review may give to this alert; empty for a closed alert.</summary>
    public IReadOnlyList<string> NextStatuses => AlertStatus.After(Status);

    public required string AutoActionTaken { get; init; }

    /// <summary>What was done: NONE, NOTIFIED, ASKED, REFUSED or SUSPENDED. The contract's word has neither ASKED nor REFUSED.</summary>
    public required string Measure { get; init; }

    /// <summary>When new devices began to wait for the customer's answer.</summary>
    public DateTime? AskedAt { get; init; }

    /// <summary>WAITING, UNANSWERED (for 72 hours), CONFIRMED or DENIED; null if the customer was neither asked nor answered.</summary>
    public string? CustomerAnswer { get; init; }

    public DateTime? ResolvedAt { get; init; }

    public Guid? ResolvedBy { get; init; }

    public string? ResolutionNotes { get; init; }

    public DateTime? CustomerConfirmedAt { get; init; }

    /// <summary>The confirmation came from an address that the license was used from before.</summary>
    public bool ConfirmedFromKnown { get; init; }

    public DateTime? CustomerDeniedAt { get; init; }

    /// <summary>When operators were told of the answer, or that there was none.</summary>
    public DateTime? EscalatedAt { get; init; }

    /// <summary>When the customer appealed; <see cref="Appeal"/> is the message.</summary>
    public DateTime? AppealedAt { get; init; }

    public string? Appeal { get; init; }

    /// <summary>Whether the license's status is SUSPENDED now.</summary>
    public bool IsSuspended { get; init; }

    /// <summary>
    /// How the latest suspension that this alert caused, or that its appeal is against, ended: OWNER (the customer lifted it), REINSTATED,
    /// FALSE_POSITIVE, RUNBOOK or RENEWED; null while it is open, or if there is none.
    /// </summary>
    public string? SuspensionEnded { get; init; }

    /// <summary>Whether the customer has since kept the refused device, in place of another.</summary>
    public bool IsDeviceKept { get; init; }

    /// <summary>Whether the suspension that the customer appealed against is still open.</summary>
    public bool HasOpenAppeal { get; init; }

    /// <summary>Whether an operator can lift an open suspension of the license.</summary>
    public bool CanReinstate { get; init; }

    /// <summary>The view's queue_rank: the position in the queue, the highest first.</summary>
    [JsonIgnore]
    public int QueueRank { get; init; }
}

/// <summary>An alert as the subscriber sees it: without evidence and operators' notes.</summary>
public sealed record CustomerAlert
{
    public Guid AlertId { get; init; }
    public string ActivityType { get; init; } = "";
    public string Severity { get; init; } = "";
    public string? Description { get; init; }

    /// <summary>What the description says, for other languages; null for an alert of the platform.</summary>
    public AlertSummary? Summary { get; init; }

    public DateTime DetectedAt { get; init; }
    public string Status { get; init; } = "";
    public bool IsOpen { get; init; }
    public string AutoActionTaken { get; init; } = "";
    public string Measure { get; init; } = "";

    /// <summary>Whether the customer can say whether it was them: the alert is open, and the license is not suspended by it.</summary>
    public bool CanAnswer { get; init; }

    public string? CustomerAnswer { get; init; }
    public DateTime? CustomerConfirmedAt { get; init; }
    public DateTime? CustomerDeniedAt { get; init; }
    public DateTime? AppealedAt { get; init; }
    public DateTime? ResolvedAt { get; init; }
}

/// <summary>What the question "was this you?" of a mail's link is about.</summary>
public sealed record AskedUse
{
    public Guid? SubscriptionId { get; init; }

    /// <summary>The name of the master whose license it is.</summary>
    public string? Master { get; init; }

    public DateTime DetectedAt { get; init; }
    public string ActivityType { get; init; } = "";
    public string? Description { get; init; }

    /// <summary>What the description says, for other languages; null for an alert of the platform.</summary>
    public AlertSummary? Summary { get; init; }

    /// <summary>The devices that it is about; none if its evidence has no devices with times.</summary>
    public IReadOnlyList<AskedDevice> Devices { get; init; } = [];

    /// <summary>False if the alert is closed or answered, or if it suspended the license.</summary>
    public bool CanAnswer { get; init; }
}

/// <param name="FirstAt">When its use that the alert is about began.</param>
public sealed record AskedDevice(
    string? EaInstanceId, long? Mt5AccountNumber, string? City, string? Country, DateTimeOffset FirstAt, DateTimeOffset LastAt);

/// <param name="IsAppealWaiting">Whether an appeal waits for an operator's answer.</param>
/// <param name="HasAppeal">Whether it has an appeal, answered or not.</param>
/// <param name="LastLiftAt">The subscriber's last lift of a suspension of this license; null for none.</param>
public sealed record ListedSuspension(Guid SubscriptionId, string Cause, bool IsAppealWaiting, bool HasAppeal, DateTime? LastLiftAt);

/// <param name="Answer">What an operator answered; null for no answer in words.</param>
/// <param name="IsWaiting">Whether it waits for an operator's answer.</param>
public sealed record LatestAppeal(DateTime SubmittedAt, string? Answer, bool IsWaiting);

/// <summary>An appeal that was reviewed and did not end its suspension.</summary>
public sealed record AnsweredAppeal(Guid AppealId, Guid SubscriptionId, Guid SuspensionId, string Cause, Guid SubscriberId);

/// <summary>"Was this you?"</summary>
public sealed record AlertQuestion(Guid AlertId, Guid SubscriptionId);

/// <summary>An alert about which the subscriber said "it was somebody else".</summary>
public sealed record DeniedAlert
{
    public required Guid AlertId { get; init; }
    public required Guid SubscriptionId { get; init; }
    public required DateTime DetectedAt { get; init; }
    public required DateTime CustomerDeniedAt { get; init; }

    /// <summary>The last refusal of the device, from the evidence; null for none.</summary>
    public string? LastRefusedAt { get; init; }

    /// <summary>When the license's token was last changed; null for never.</summary>
    public DateTime? ReplacedAt { get; init; }

    /// <summary>
    /// The token was changed neither after the use nor after the answer. A change after the answer is enough, because the old token may
    /// still be valid for a while, so that a later use doesn't show that the new one is known.
    /// </summary>
    public bool NeedsAnotherToken => ReplacedAt is not { } replaced || (replaced < LastUse && replaced < CustomerDeniedAt);

    private DateTime LastUse => DateTimeOffset.TryParse(
        LastRefusedAt, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var last) && last.UtcDateTime > DetectedAt
        ? last.UtcDateTime
        : DetectedAt;
}

/// <summary>A filter of alerts. A null field matches all.</summary>
public sealed record AlertFilter(string[]? Statuses, string? Severity, Guid? SubscriptionId, DateTime? From, DateTime? To)
{
    public string? Measure { get; init; }

    public string? CustomerAnswer { get; init; }

    /// <summary>The customer whose licenses the alerts are about.</summary>
    public Guid? UserId { get; init; }
}

/// <summary>The order of a list of alerts.</summary>
public enum AlertOrder
{
    /// <summary>
    /// Open alerts first: those with appeals, then those that the customer denied, then those that suspended the license, then by
    /// severity. Among equals, the newest first.
    /// </summary>
    Queue,

    Newest,

    /// <summary>The most severe first, then the newest.</summary>
    Severity,
}

/// <summary>The position of the last row of the previous page.</summary>
/// <param name="Rank">In the queue, queue_rank; by severity, 1 to 4; else 0.</param>
public sealed record AlertCursor(int Rank, DateTime DetectedAt, Guid AlertId);

/// <param name="Trusted">
/// True when the answer came from an address that the license was used from before the incident; it closed the alert.
/// </param>
/// <param name="IsNew">False when the same answer was given before.</param>
public sealed record AnsweredAlert(Guid? SubscriptionId, bool Trusted, bool IsNew);

/// <summary>A device's use in one location, without an interruption of more than 10 minutes, by its usage records.</summary>
/// <param name="Latitude">Null if the location of the address is unknown; so are Longitude, City and Country.</param>
public sealed record AlertSession(
    string? EaInstanceId, long? Mt5AccountNumber, string? Country, string? City, double? Latitude, double? Longitude,
    DateTime From, DateTime To);

/// <summary>Alerts for operators, and the customers' answers to them.</summary>
public sealed class AlertStore(LicenseDatabase database)
{
    private const string Columns = """
        select a.alert_id, a.subscription_id, a.user_id, a.activity_type, a.severity, a.description, a.evidence,
               a.detected_at, a.updated_at, a.status, a.auto_action_taken, a.measure, a.resolved_at, a.resolved_by, a.resolution_notes,
               a.asked_at, a.customer_answer, a.customer_confirmed_at, a.confirmed_from_known, a.customer_denied_at, a.escalated_at,
               a.appealed_at, a.appeal, a.is_suspended, a.can_reinstate, a.owner_email, a.is_reopened,
               a.suspension_ended, a.is_device_kept, a.has_open_appeal, a.queue_rank
        """;

    private const string Matching = """

        from listed_alerts a
        where (@Statuses::text[] is null or a.status = any(@Statuses))
          and (@Severity::text is null or a.severity = @Severity)
          and (@SubscriptionId::uuid is null or a.subscription_id = @SubscriptionId)
          and (@From::timestamptz is null or a.detected_at >= @From)
          and (@To::timestamptz is null or a.detected_at < @To)
          and (@Measure::text is null or a.measure = @Measure)
          and (@CustomerAnswer::text is null or a.customer_answer = @CustomerAnswer)
          and (@UserId::uuid is null
               or a.subscription_id = any(array(select subscription_id from subscriptions where subscriber_id = @UserId)))
        """;

    // One status alone, so that every plan can read the index by status in the order of the queue.
    private const string OfStatus = """

          and a.status = @Status
        """;

    // A separate condition, so that the partial index is used.
    private const string OfOpen = """

          and is_alert_open(a.status)
        """;

    private const string Queue = """

          and (@AfterId::uuid is null
               or (a.queue_rank, a.detected_at, a.alert_id) < (@Rank, @DetectedAt::timestamptz, @AfterId))
        order by a.queue_rank desc, a.detected_at desc, a.alert_id desc
        limit @limit
        """;

    private const string ByTime = """

          and (@AfterId::uuid is null or (a.detected_at, a.alert_id) < (@DetectedAt::timestamptz, @AfterId))
        order by a.detected_at desc, a.alert_id desc
        limit @limit
        """;

    private const string BySeverity = """

          and (@AfterId::uuid is null
               or (array_position(array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'], a.severity::text), a.detected_at, a.alert_id)
                   < (@Rank, @DetectedAt::timestamptz, @AfterId))
        order by array_position(array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'], a.severity::text) desc, a.detected_at desc, a.alert_id desc
        limit @limit
        """;

    public async Task<IReadOnlyList<AlertRow>> ListAsync(
        AlertFilter filter, AlertOrder order, AlertCursor? after, int limit, CancellationToken cancellationToken)
    {
        var status = filter.Statuses is [var only] ? only : null;
        var isOpen = filter.Statuses is { } statuses && statuses.SequenceEqual(AlertStatus.AllOpen);
        var statement = Columns + Matching + (status is not null ? OfStatus : isOpen ? OfOpen : "") + order switch
        {
            AlertOrder.Newest => ByTime,
            AlertOrder.Severity => BySeverity,
            _ => Queue,
        };
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<AlertRow>(new CommandDefinition(statement, new
        {
            filter.Statuses,
            Status = status,
            filter.Severity,
            filter.SubscriptionId,
            filter.From,
            filter.To,
            filter.Measure,
            filter.CustomerAnswer,
            filter.UserId,
            Rank = after?.Rank ?? 0,
            after?.DetectedAt,
            AfterId = after?.AlertId,
            limit,
        }, cancellationToken: cancellationToken))).AsList();
    }

    // More alerts are not counted, because the time of a count depends on their number. The view's other columns are not computed.
    private const string Total = $"select count(*) from (select {Matching} limit 1000) as counted";

    /// <returns>The number of alerts; 1,000 if there are as many or more.</returns>
    public async Task<long> TotalAsync(AlertFilter filter, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Total, filter, cancellationToken: cancellationToken));
    }

    private const string Find = Columns + """

        from listed_alerts a
        where a.alert_id = @alertId
        """;

    public static Task<AlertRow?> FindAsync(NpgsqlConnection connection, Guid alertId, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<AlertRow?>(new CommandDefinition(Find, new { alertId }, cancellationToken: cancellationToken));

    public async Task<AlertRow?> FindAsync(Guid alertId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await FindAsync(connection, alertId, cancellationToken);
    }

    // A record reports the use that ends at its time. Records with at most 10 minutes between them are one session.
    private const string Sessions = """
        with reported as (
            select ea_instance_id, mt5_account_number, trim(country_code) as country, city, latitude, longitude, logged_at as to_at,
                   logged_at - make_interval(secs => least(session_duration_sec, 86400)) as from_at
            from license_usage_log
            where subscription_id = @subscriptionId and logged_at between @since and @until and session_duration_sec > 0
        ), marked as (
            select *, from_at > max(to_at) over earlier + interval '10 minutes' is not false as begins
            from reported
            window earlier as (partition by ea_instance_id, mt5_account_number, country, city order by from_at, to_at
                               rows between unbounded preceding and 1 preceding)
        ), numbered as (
            select *, count(*) filter (where begins)
                          over (partition by ea_instance_id, mt5_account_number, country, city order by from_at, to_at) as session
            from marked
        )
        select ea_instance_id, mt5_account_number, country, city, avg(latitude)::double precision as latitude,
               avg(longitude)::double precision as longitude, greatest(min(from_at), @since) as "from", max(to_at) as "to"
        from numbered
        group by ea_instance_id, mt5_account_number, country, city, session
        order by "from", "to"
        limit @limit
        """;

    /// <summary>The sessions of a license's devices between two times, the earliest first.</summary>
    public async Task<IReadOnlyList<AlertSession>> SessionsAsync(
        Guid subscriptionId, DateTime from, DateTime to, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<AlertSession>(new CommandDefinition(
            Sessions, new { subscriptionId, since = from, until = to, limit }, cancellationToken: cancellationToken))).AsList();
    }

    private const string OfLicense = """
        select a.alert_id, a.activity_type, a.severity, a.description, shown_time(a.detected_at) as detected_at, a.status,
               is_alert_open(a.status) as is_open, a.auto_action_taken, a.measure,
               is_alert_open(a.status) and a.measure <> 'SUSPENDED' as can_answer,
               customer_answer(a.asked_at, a.customer_confirmed_at, a.customer_denied_at) as customer_answer,
               past_time(a.customer_confirmed_at) as customer_confirmed_at, past_time(a.customer_denied_at) as customer_denied_at,
               past_time(a.appealed_at) as appealed_at, past_time(a.resolved_at) as resolved_at, a.evidence::text as evidence
        from suspicious_activity_alerts a
        where a.subscription_id = @subscriptionId and is_about_use(a.activity_type)
        order by a.detected_at desc, a.alert_id
        limit @limit
        """;

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    /// <returns>The newest first; null for an unknown license and for one of another subscriber.</returns>
    public async Task<IReadOnlyList<CustomerAlert>?> OfLicenseAsync(
        Guid subscriptionId, Guid? subscriberId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, cancellationToken)
            ? (await connection.QueryAsync<CustomerAlert, string?, CustomerAlert>(
                new CommandDefinition(OfLicense, new { subscriptionId, limit }, cancellationToken: cancellationToken),
                (alert, evidence) => alert with { Summary = AlertSummary.Of(evidence) }, splitOn: "evidence")).AsList()
            : null;
    }

    private const string QuestionOfAlert = """
        select a.subscription_id,
               (select split_part(m.email, '@', 1) from subscriptions s join users m on m.user_id = s.master_id
                where s.subscription_id = a.subscription_id) as master,
               shown_time(a.detected_at) as detected_at, a.activity_type, a.description,
               is_alert_open(a.status) and a.measure <> 'SUSPENDED'
                 and a.customer_confirmed_at is null and a.customer_denied_at is null as can_answer,
               a.evidence::text as evidence
        from suspicious_activity_alerts a
        where a.alert_id = @alertId
        """;

    /// <returns>What the question of an alert is about; null for an unknown alert.</returns>
    public async Task<AskedUse?> AskedUseAsync(Guid alertId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<AskedUse, string?, AskedUse>(
            new CommandDefinition(QuestionOfAlert, new { alertId }, cancellationToken: session.Token),
            (asked, evidence) => asked with { Summary = AlertSummary.Of(evidence), Devices = AlertSummary.DevicesIn(evidence) },
            splitOn: "evidence")).SingleOrDefault();
    }

    // A refused device is another question: which device stays.
    private const string Questions = """
        select distinct on (a.subscription_id) a.alert_id, a.subscription_id
        from suspicious_activity_alerts a
        join subscriptions s on s.subscription_id = a.subscription_id
        where s.subscriber_id = @subscriberId and is_alert_open(a.status) and is_about_use(a.activity_type)
          and a.measure in ('NOTIFIED', 'ASKED', 'REFUSED') and not a.evidence ? 'device_key'
          and a.customer_confirmed_at is null and a.customer_denied_at is null
        order by a.subscription_id, a.detected_at desc, a.alert_id
        """;

    /// <summary>The newest alert of each license about whose use a subscriber was asked and didn't answer.</summary>
    public async Task<IReadOnlyList<AlertQuestion>> QuestionsAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<AlertQuestion>(
            new CommandDefinition(Questions, new { subscriberId }, cancellationToken: session.Token))).AsList();
    }

    // The platform's alerts may have any evidence, so the time in it is read in C#.
    private const string Denied = """
        select a.alert_id, a.subscription_id, shown_time(a.detected_at) as detected_at,
               shown_time(a.customer_denied_at) as customer_denied_at, a.evidence ->> 'last_refused_at' as last_refused_at,
               (select max(r.replaced_at) from license_token_replacements r where r.subscription_id = a.subscription_id) as replaced_at
        from suspicious_activity_alerts a
        join subscriptions s on s.subscription_id = a.subscription_id
        where s.subscriber_id = @subscriberId and is_alert_open(a.status) and a.customer_denied_at is not null
        order by a.subscription_id, a.customer_denied_at desc, a.alert_id
        """;

    /// <summary>
    /// The open alerts about which a subscriber said "it was somebody else", if the token was changed neither after the use nor after the
    /// answer.
    /// </summary>
    public async Task<IReadOnlyList<DeniedAlert>> DeniedAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var denied = await session.Connection.QueryAsync<DeniedAlert>(
            new CommandDefinition(Denied, new { subscriberId }, cancellationToken: session.Token));
        return [.. denied.Where(one => one.NeedsAnotherToken)];
    }

    private const string Move = """
        update suspicious_activity_alerts
        set status = @status, updated_at = @now, resolution_notes = coalesce(@notes, resolution_notes),
            resolved_at = case when not is_alert_open(@status) then @now end,
            resolved_by = case when not is_alert_open(@status) then @by::uuid end
        where alert_id = @alertId and status = any(@fromStatuses)
        """;

    /// <returns>False when the alert is in none of <paramref name="fromStatuses"/>.</returns>
    public static async Task<bool> MoveAsync(
        NpgsqlConnection connection, Guid alertId, string status, IEnumerable<string> fromStatuses, string? notes, Guid? by, DateTime now,
        CancellationToken cancellationToken) =>
        await connection.ExecuteAsync(new CommandDefinition(Move, new
        {
            alertId,
            status,
            fromStatuses = fromStatuses.ToArray(),
            notes,
            by,
            now,
        }, cancellationToken: cancellationToken)) == 1;

    private const string IsLastReview = """
        select (actor_kind, actor_id, reason) is not distinct from (@Kind, @Id::uuid, @notes)
        from audit_log
        where subject = @alertId::text and action in ('alert.judged', 'alert.reopened')
        order by audit_id desc
        limit 1
        """;

    /// <summary>Whether the latest review of the alert had these notes and this reviewer.</summary>
    public static Task<bool> IsLastReviewAsync(
        NpgsqlConnection connection, Guid alertId, string? notes, Actor by, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsLastReview, new { alertId, notes, by.Kind, by.Id }, cancellationToken: cancellationToken));

    // The rows of one decision have the time of its transaction. A repeated request has a row that changed nothing.
    private const string ClosedWith = """
        with decision as (
            select occurred_at from audit_log
            where subscription_id = @subscriptionId and subject = @alertId::text and action = 'alert.judged'
              and (actor_kind, actor_id, reason) is not distinct from (@Kind, @Id::uuid, @notes)
              and before ->> 'status' is distinct from after ->> 'status'
            order by audit_id desc limit 1
        )
        select a.alert_id
        from decision
        join audit_log l on l.subscription_id = @subscriptionId and l.occurred_at = decision.occurred_at and l.action = 'alert.judged'
        join suspicious_activity_alerts a on a.subscription_id = @subscriptionId and a.alert_id::text = l.subject
        where a.alert_id <> @alertId and a.status = 'FALSE_POSITIVE'
        order by a.alert_id
        """;

    /// <summary>The other alerts that this reviewer's decision about the alert closed, and that are still closed.</summary>
    public static async Task<IReadOnlyList<Guid>> ClosedWithAsync(
        NpgsqlConnection connection, Guid alertId, Guid subscriptionId, string? notes, Actor by, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<Guid>(new CommandDefinition(
            ClosedWith, new { alertId, subscriptionId, notes, by.Kind, by.Id }, cancellationToken: cancellationToken))).AsList();

    private const string MarkAsked = """
        update suspicious_activity_alerts set asked_at = @now where alert_id = @alertId and asked_at is null
        """;

    /// <summary>New devices wait for the customer's answer from now on, and 72 hours begin.</summary>
    public static Task MarkAskedAsync(NpgsqlConnection connection, Guid alertId, DateTime now, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(MarkAsked, new { alertId, now }, cancellationToken: cancellationToken));

    private const string Confirm = """
        with alert as (
            select a.alert_id, a.subscription_id, a.customer_confirmed_at is null as is_new,
                   is_alert_open(a.status) and a.auto_action_taken <> 'SUSPENDED' and a.customer_denied_at is null
                   and not exists (select from suspicious_activity_alerts o
                                   where o.subscription_id = a.subscription_id and o.confirmed_from_known
                                     and o.customer_confirmed_at > @now - @interval)
                   and was_used_from(
                       a.subscription_id, source_network(@address::inet),
                       -- Only the detector's evidence has a reliable time.
                       coalesce(case when a.incident is not null then (a.evidence ->> 'from')::timestamptz end, a.detected_at)) as trusted
            from suspicious_activity_alerts a
            where a.alert_id = @alertId and (@subscriptionId::uuid is null or a.subscription_id = @subscriptionId)
            for update
        )
        update suspicious_activity_alerts a
        set customer_confirmed_at = coalesce(a.customer_confirmed_at, @now), updated_at = @now,
            confirmed_from_known = a.confirmed_from_known or alert.trusted,
            status = case when alert.trusted then 'RESOLVED' else a.status end,
            resolved_at = case when alert.trusted then @now else a.resolved_at end,
            resolution_notes = case when alert.trusted then 'Confirmed by the customer from where the license was used before'
                                    else a.resolution_notes end
        from alert where a.alert_id = alert.alert_id
        returning alert.subscription_id, a.confirmed_from_known as trusted,
                  alert.trusted or alert.is_new as is_new
        """;

    /// <summary>
    /// The customer confirms the use. If the answer comes from an address that the license was used from before the incident, this closes
    /// the alert, and the detector starts again. This works once per interval, so that a group cannot confirm itself repeatedly, and not
    /// after the answer "no". Another answer is only recorded. A repeated answer returns the same.
    /// </summary>
    /// <param name="subscriptionId">The license that the alert must be about; null if the caller has the alert's link.</param>
    public static Task<AnsweredAlert?> ConfirmAsync(
        NpgsqlConnection connection, Guid alertId, Guid? subscriptionId, string? address, TimeSpan interval, DateTime now,
        CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<AnsweredAlert?>(new CommandDefinition(
            Confirm, new { alertId, subscriptionId, address, interval, now }, cancellationToken: cancellationToken));

    private const string Deny = """
        with alert as (
            select alert_id, customer_denied_at from suspicious_activity_alerts
            where alert_id = @alertId and subscription_id = @subscriptionId
              and (is_alert_open(status) or customer_denied_at is not null)
            for update
        )
        update suspicious_activity_alerts a
        set customer_denied_at = coalesce(a.customer_denied_at, @now), updated_at = @now,
            escalated_at = case when alert.customer_denied_at is not null then a.escalated_at end
        from alert where a.alert_id = alert.alert_id
        returning a.subscription_id, false as trusted, alert.customer_denied_at is null as is_new
        """;

    /// <summary>The customer says that it was somebody else. The alert stays open, and the operators are told.</summary>
    /// <returns>Null when the license has no such alert, or it is closed.</returns>
    public static Task<AnsweredAlert?> DenyAsync(
        NpgsqlConnection connection, Guid alertId, Guid subscriptionId, DateTime now, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<AnsweredAlert?>(new CommandDefinition(
            Deny, new { alertId, subscriptionId, now }, cancellationToken: cancellationToken));

    private const string IsOfLicense = """
        select exists (select from suspicious_activity_alerts
                       where alert_id = @alertId and subscription_id = @subscriptionId and is_about_use(activity_type))
        """;

    public static Task<bool> IsOfLicenseAsync(
        NpgsqlConnection connection, Guid alertId, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsOfLicense, new { alertId, subscriptionId }, cancellationToken: cancellationToken));

    private const string Appeal = """
        with appeal as (
            insert into license_appeals (subscription_id, suspension_id, alert_id, message, submitted_at, submitted_by)
            values (@subscriptionId, @suspensionId, @alertId, @message, @now, @by)
            on conflict (suspension_id) do update set
                earlier = license_appeals.earlier || jsonb_build_object(
                    'alert_id', license_appeals.alert_id, 'message', license_appeals.message,
                    'submitted_at', license_appeals.submitted_at, 'answer', license_appeals.answer),
                alert_id = excluded.alert_id, message = excluded.message, submitted_at = excluded.submitted_at,
                submitted_by = excluded.submitted_by, answer = null
            returning appeal_id
        ), marked as (
            -- Operators are told again: they may have seen the alert, but not the appeal.
            update suspicious_activity_alerts set appealed_at = @now, updated_at = @now, operators_told_at = null where alert_id = @alertId
        )
        select appeal_id from appeal
        """;

    private const string OpenAlert = """
        select alert_id from suspicious_activity_alerts where alert_id = @AlertId and is_alert_open(status)
        """;

    // An appeal waits for its answer while its alert is open.
    private const string IsAppealWaiting = """
        exists (select from license_appeals p join suspicious_activity_alerts a on a.alert_id = p.alert_id
                where p.suspension_id = s.suspension_id and is_alert_open(a.status))
        """;

    private const string HasWaitingAppeal =
        "select " + IsAppealWaiting + " from license_suspensions s where s.suspension_id = @SuspensionId";

    /// <summary>
    /// Adds an appeal against a suspension. A suspension without an open alert gets one, so that the appeal is in the operators' queue.
    /// The caller has locked the license.
    /// </summary>
    /// <returns>The appeal's id; null while an earlier appeal against the suspension waits for its answer.</returns>
    public static async Task<Guid?> AppealAsync(
        NpgsqlConnection connection, Guid subscriptionId, SuspensionRow suspension, string message, Guid by, DateTime now,
        CancellationToken cancellationToken)
    {
        if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            HasWaitingAppeal, new { suspension.SuspensionId }, cancellationToken: cancellationToken)))
            return null;
        var alertId = await connection.ExecuteScalarAsync<Guid?>(new CommandDefinition(
            OpenAlert, new { suspension.AlertId }, cancellationToken: cancellationToken));
        alertId ??= (await AlertLog.RaiseAsync(connection, new NewAlert(
            subscriptionId, "APPEAL", AlertSeverity.Medium, $"Appeal: {suspension.Reason}",
            RowJson.Of(new { suspension.Cause, suspension.DeviceKey }), "SUSPENDED", now), cancellationToken)).AlertId;
        return await connection.ExecuteScalarAsync<Guid?>(new CommandDefinition(
            Appeal, new { subscriptionId, suspension.SuspensionId, alertId, message, by, now }, cancellationToken: cancellationToken));
    }

    private const string AppealOf = "select p.submitted_at, p.answer, " + IsAppealWaiting + """
         as is_waiting
        from license_suspensions s join license_appeals p on p.suspension_id = s.suspension_id
        where s.suspension_id = @suspensionId
        """;

    /// <returns>The latest appeal against a suspension; null for none.</returns>
    public static Task<LatestAppeal?> AppealAsync(
        NpgsqlConnection connection, Guid suspensionId, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<LatestAppeal?>(
            new CommandDefinition(AppealOf, new { suspensionId }, cancellationToken: cancellationToken));

    private const string WasAnswered = "select exists (select from license_appeals where alert_id = @alertId and answer = @answer)";

    public static Task<bool> WasAnsweredAsync(
        NpgsqlConnection connection, Guid alertId, string answer, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(WasAnswered, new { alertId, answer }, cancellationToken: cancellationToken));

    private const string Reopenings = """
        select count(*)::int from audit_log where subject = @alertId::text and action = 'alert.reopened'
        """;

    /// <summary>How often the alert was reopened.</summary>
    public static Task<int> ReopeningsAsync(NpgsqlConnection connection, Guid alertId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<int>(new CommandDefinition(Reopenings, new { alertId }, cancellationToken: cancellationToken));

    private const string AnswerAppeals = """
        update license_appeals p set answer = coalesce(@answer, p.answer)
        from license_suspensions s join subscriptions u on u.subscription_id = s.subscription_id
        where p.alert_id = @alertId and s.suspension_id = p.suspension_id and s.closed_at is null
        returning p.appeal_id, s.subscription_id, s.suspension_id, s.cause, u.subscriber_id
        """;

    /// <summary>
    /// Stores the answer to the appeals of a closed alert whose suspensions stay open. If the answer is null, an earlier answer stays.
    /// </summary>
    public static async Task<IReadOnlyList<AnsweredAppeal>> AnswerAppealsAsync(
        NpgsqlConnection connection, Guid alertId, string? answer, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<AnsweredAppeal>(
            new CommandDefinition(AnswerAppeals, new { alertId, answer }, cancellationToken: cancellationToken))).AsList();

    private const string OpenSuspensions = "select s.subscription_id, s.cause, " + IsAppealWaiting + """
         as is_appeal_waiting,
               exists (select from license_appeals p where p.suspension_id = s.suspension_id) as has_appeal,
               (select max(l.closed_at) from license_suspensions l
                where l.subscription_id = s.subscription_id and l.closed_how = 'OWNER') as last_lift_at
        from license_suspensions s
        where s.subscription_id = any(@subscriptionIds) and s.closed_at is null
        order by s.suspended_at, s.suspension_id
        """;

    /// <summary>The open suspensions of licenses, the oldest first.</summary>
    public async Task<IReadOnlyList<ListedSuspension>> OpenSuspensionsAsync(
        IReadOnlyCollection<Guid> subscriptionIds, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedSuspension>(new CommandDefinition(
            OpenSuspensions, new { subscriptionIds = subscriptionIds.ToArray() }, cancellationToken: session.Token))).AsList();
    }
}
