using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <param name="Starts">The state replaces any earlier one, and its alerts.</param>
public sealed record ShadowState(Guid SubscriptionId, DetectionState State, bool Starts);

/// <summary>An alert that the policy in shadow would have raised or updated.</summary>
public sealed record ShadowAlert(
    Guid SubscriptionId, string Incident, string ActivityType, string Severity, string Measure, string Description, string Evidence,
    DateTime DetectedAt)
{
    public static ShadowAlert Of(Guid subscriptionId, Finding finding, DateTime at) => new(
        subscriptionId, finding.Incident, EnumWords.UpperOf(finding.Type), EnumWords.UpperOf(finding.Severity),
        finding.Action.StrongestEffect(), finding.Description, JsonSerializer.Serialize(finding.Evidence, SuspicionStore.Json), at);
}

/// <summary>What the policy in force and the policy in shadow have found about a license. Null: nothing.</summary>
public sealed record ShadowComparison
{
    public required Guid SubscriptionId { get; init; }

    /// <summary>The customer's address.</summary>
    public required string Email { get; init; }

    /// <summary>ONLY_SHADOW, ONLY_IN_FORCE, STRONGER, WEAKER (the measure of the shadow) or SAME.</summary>
    public required string Difference { get; init; }

    public required DateTime FoundAt { get; init; }

    /// <summary>The strongest open alert of the policy in force.</summary>
    public Guid? AlertId { get; init; }

    public string? Measure { get; init; }

    public string? Description { get; init; }

    public DateTime? DetectedAt { get; init; }

    public string? ShadowMeasure { get; init; }

    public string? ShadowSeverity { get; init; }

    public string? ShadowActivityType { get; init; }

    public string? ShadowDescription { get; init; }

    public JsonElement? ShadowEvidence { get; init; }

    public DateTime? ShadowDetectedAt { get; init; }
}

public sealed record ShadowCursor(DateTime FoundAt, Guid SubscriptionId);

public sealed record ShadowCount(string Difference, long Licenses);

/// <summary>The states and would-be alerts of the policy in shadow.</summary>
public sealed class ShadowStore(LicenseDatabase database)
{
    private const string Load = """
        select subscription_id, state::text as state from shadow_states where subscription_id = any(@subscriptionIds) and policy = @policy
        """;

    /// <summary>The states that this policy has made. The caller has locked the licenses' states. An unreadable one is left out.</summary>
    public static async Task<Dictionary<Guid, DetectionState>> LoadAsync(
        NpgsqlConnection connection, Guid[] subscriptionIds, string policy, CancellationToken cancellationToken)
    {
        var states = new Dictionary<Guid, DetectionState>();
        foreach (var (id, json) in await connection.QueryAsync<(Guid, string)>(
            new CommandDefinition(Load, new { subscriptionIds, policy }, cancellationToken: cancellationToken)))
        {
            try
            {
                if (JsonSerializer.Deserialize<DetectionState>(json, SuspicionStore.Json) is { } state)
                    states[id] = state;
            }
            catch (JsonException)
            {
                // It starts again from the detector's state.
            }
        }

        return states;
    }

    private const string Remove = """
        with states as (delete from shadow_states where subscription_id = any(@subscriptionIds))
        delete from shadow_alerts where subscription_id = any(@subscriptionIds)
        """;

    public static async Task RemoveAsync(NpgsqlConnection connection, Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        if (subscriptionIds.Length > 0)
            await connection.ExecuteAsync(new CommandDefinition(Remove, new { subscriptionIds }, cancellationToken: cancellationToken));
    }

    private const string Save = """
        with removed as (delete from shadow_alerts where subscription_id = any(@started))
        insert into shadow_states as s (subscription_id, policy, state, began_at)
        select new.subscription_id, @policy, new.state, @at from unnest(@ids, @states::jsonb[]) as new (subscription_id, state)
        order by new.subscription_id
        on conflict (subscription_id) do update set
            policy = excluded.policy, state = excluded.state,
            began_at = case when s.subscription_id = any(@started) then excluded.began_at else s.began_at end
        """;

    public static Task SaveAsync(
        NpgsqlConnection connection, string policy, IReadOnlyCollection<ShadowState> states, DateTime at,
        CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Save, new
        {
            policy,
            at,
            ids = states.Select(one => one.SubscriptionId).ToArray(),
            started = states.Where(one => one.Starts).Select(one => one.SubscriptionId).ToArray(),
            states = states.Select(one => JsonSerializer.Serialize(one.State, SuspicionStore.Json)).ToArray(),
        }, cancellationToken: cancellationToken));

    private const string Raise = """
        insert into shadow_alerts as a
            (subscription_id, incident, policy, activity_type, severity, measure, description, evidence, detected_at, updated_at)
        select distinct on (subscription_id, incident)
               subscription_id, incident, @policy, activity_type, severity, measure, description, evidence, detected_at, detected_at
        from unnest(@ids, @incidents, @types, @severities, @measures, @descriptions, @evidence::jsonb[], @times)
            as new (subscription_id, incident, activity_type, severity, measure, description, evidence, detected_at)
        order by subscription_id, incident, measure_rank(measure) desc
        on conflict (subscription_id, incident) do update set
            policy = excluded.policy, activity_type = excluded.activity_type, severity = excluded.severity,
            measure = case when measure_rank(a.measure) > measure_rank(excluded.measure) then a.measure else excluded.measure end,
            description = excluded.description, evidence = excluded.evidence, updated_at = excluded.updated_at
        """;

    public static async Task RaiseAsync(
        NpgsqlConnection connection, string policy, IReadOnlyCollection<ShadowAlert> alerts, CancellationToken cancellationToken)
    {
        if (alerts.Count == 0)
            return;
        await connection.ExecuteAsync(new CommandDefinition(Raise, new
        {
            policy,
            ids = alerts.Select(alert => alert.SubscriptionId).ToArray(),
            incidents = alerts.Select(alert => alert.Incident).ToArray(),
            types = alerts.Select(alert => alert.ActivityType).ToArray(),
            severities = alerts.Select(alert => alert.Severity).ToArray(),
            measures = alerts.Select(alert => alert.Measure).ToArray(),
            descriptions = alerts.Select(alert => alert.Description).ToArray(),
            evidence = alerts.Select(alert => alert.Evidence).ToArray(),
            times = alerts.Select(alert => alert.DetectedAt).ToArray(),
        }, cancellationToken: cancellationToken));
    }

    private const string Prune = """
        with states as (
            delete from shadow_states where subscription_id in (
                select subscription_id from shadow_states where policy is distinct from @policy limit 20000 for update skip locked)
        )
        delete from shadow_alerts where (subscription_id, incident) in (
            select subscription_id, incident from shadow_alerts
            where policy is distinct from @policy or updated_at < now() - interval '30 days' limit 20000 for update skip locked)
        """;

    /// <summary>Removes what another policy has left, and alerts without an update for 30 days; up to 20,000 of each.</summary>
    /// <param name="policy">The policy in shadow; null for none.</param>
    public Task PruneAsync(string? policy, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(new CommandDefinition(Prune, new { policy }, cancellationToken: token)),
        cancellationToken);

    private const string List = """
        select c.subscription_id, c.difference, c.found_at, c.alert_id, c.measure, c.description, c.detected_at, c.shadow_measure,
               c.shadow_severity, c.shadow_activity_type, c.shadow_description, c.shadow_evidence, c.shadow_detected_at,
               (select u.email from subscriptions s join users u on u.user_id = s.subscriber_id
                where s.subscription_id = c.subscription_id) as email
        from shadow_comparison c
        where c.policy = @policy and c.difference = any(@differences)
          and (@AfterId::uuid is null or (c.found_at, c.subscription_id) < (@FoundAt::timestamptz, @AfterId))
        order by c.found_at desc, c.subscription_id desc
        limit @limit
        """;

    /// <summary>A page of the comparison, the newest first.</summary>
    public async Task<IReadOnlyList<ShadowComparison>> ListAsync(
        string policy, string[] differences, ShadowCursor? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<ShadowComparison>(new CommandDefinition(
            List, new { policy, differences, after?.FoundAt, AfterId = after?.SubscriptionId, limit },
            cancellationToken: cancellationToken))).AsList();
    }

    private const string Count = """
        select c.difference, count(*) as licenses from shadow_comparison c where c.policy = @policy group by c.difference
        """;

    public async Task<IReadOnlyList<ShadowCount>> CountAsync(string policy, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<ShadowCount>(
            new CommandDefinition(Count, new { policy }, cancellationToken: cancellationToken))).AsList();
    }
}
