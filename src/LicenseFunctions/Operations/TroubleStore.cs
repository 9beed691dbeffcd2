using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Troubles;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>A trouble and its row.</summary>
/// <param name="TroubleId">The ID of the row, or of the row that is added.</param>
public sealed record KnownTrouble(Guid TroubleId, Trouble Trouble);

/// <summary>The facts about troubles, and the troubles that are known. Everything runs in the transaction of one run.</summary>
public sealed class TroubleStore
{
    private const string IsDue = "select looked_at <= now() - @pause from trouble_watch";

    /// <summary>Whether the last run, of any process, is as long ago as the pause.</summary>
    public static async Task<bool> IsDueAsync(LicenseDatabase database, TimeSpan pause, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(IsDue, new { pause }, cancellationToken: cancellationToken));
    }

    // Skips the row while another process looks for troubles.
    private const string Begin = """
        update trouble_watch set looked_at = now()
        where only_row in (select only_row from trouble_watch where looked_at <= now() - @pause for update skip locked)
        returning now()
        """;

    /// <returns>The time of this run; null if another process is running it, or ran it within the pause.</returns>
    public static async Task<DateTimeOffset?> BeginAsync(
        NpgsqlConnection connection, TimeSpan pause, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(Begin, new { pause }, cancellationToken: cancellationToken)) is { } now ? Utc(now) : null;

    private const string Counts = """
        with tried as (
            select subscription_id,
                   max(attempted_at) filter (where status = 'success') as paid_at,
                   max(attempted_at) filter (where status = 'failed') as failed_at
            from license_renewal_history
            where renewal_type = 'auto' and status in ('success', 'failed') and attempted_at > now() - @renewals and attempted_at <= now()
            group by subscription_id
        )
        select (select count(*)::int from tried where failed_at > coalesce(paid_at, '-infinity')) as failed,
               (select count(*)::int from tried where paid_at >= coalesce(failed_at, '-infinity')) as paid,
               (select count(*)::int from usage_quarantine where state = 'OPEN' and source = 'dead_letter') as dead_letters,
               (select count(*)::int from outbox where dead_at > now() - @dead and kind = 'email') as dead_mails,
               (select count(*)::int from outbox where dead_at > now() - @dead and kind = 'alert_webhook') as dead_calls
        """;

    private const string Timers = """
        select timer_name as name, coalesce(last_succeeded_at, known_since) as succeeded_at
        from timer_leases where timer_name = any(@timers)
        """;

    private const string Endpoints = """
        select endpoint_id, url, disabled_at from webhook_endpoints
        where disabled_by in ('failures', 'gone') order by disabled_at limit @Most
        """;

    private const string Disputes = """
        select p.reversal_id, p.provider_id, p.subscription_id, p.changed_at, p.evidence_due_at
        from payment_reversals p
        where p.kind = 'dispute' and p.state = 'open' and (p.evidence_due_at is null or p.evidence_due_at > now() - @missed)
          and not exists (select from dispute_evidence e where e.reversal_id = p.reversal_id and e.state = 'sent')
        order by p.evidence_due_at, p.reversal_id
        limit @Most
        """;

    private const int Most = 1_000;

    /// <param name="intervals">The timers that must run, with their longest intervals.</param>
    public static async Task<TroubleFacts> FactsAsync(
        NpgsqlConnection connection, IReadOnlyDictionary<string, TimeSpan> intervals, CancellationToken cancellationToken)
    {
        var counts = await connection.QuerySingleAsync<CountRow>(new CommandDefinition(
            Counts, new { renewals = TroublePolicy.RenewalWindow, dead = TroublePolicy.DeadWindow }, cancellationToken: cancellationToken));
        var timers = await connection.QueryAsync<TimerRow>(
            new CommandDefinition(Timers, new { timers = intervals.Keys.ToArray() }, cancellationToken: cancellationToken));
        var endpoints = await connection.QueryAsync<EndpointRow>(
            new CommandDefinition(Endpoints, new { Most }, cancellationToken: cancellationToken));
        var disputes = await connection.QueryAsync<DisputeRow>(
            new CommandDefinition(Disputes, new { Most, missed = TroublePolicy.DisputeMissed }, cancellationToken: cancellationToken));
        return new TroubleFacts(
            counts.Failed, counts.Paid,
            [.. timers.Select(timer => new TimerFact(timer.Name, Utc(timer.SucceededAt), intervals[timer.Name]))],
            counts.DeadLetters, counts.DeadMails, counts.DeadCalls,
            [.. endpoints.Select(row => new DisabledEndpoint(row.EndpointId, new Uri(row.Url).Host, Utc(row.DisabledAt)))],
            [.. disputes.Select(row => new UnansweredDispute(
                row.ReversalId, row.ProviderId, row.SubscriptionId, Utc(row.ChangedAt), Utc(row.EvidenceDueAt)))]);
    }

    private static readonly string[] Causes = [.. Enum.GetValues<TroubleCause>().Select(cause => EnumWords.UpperOf(cause))];

    private const string List = """
        select trouble_id, cause, subject, details::text as details, seen_since, last_seen_at, opened_at, told_at from troubles
        where cause = any(@known) -- after a rollback, there may be others
        """;

    public static async Task<IReadOnlyList<KnownTrouble>> ListAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
    [
        .. (await connection.QueryAsync<TroubleRow>(
                new CommandDefinition(List, new { known = Causes }, cancellationToken: cancellationToken)))
            .Select(row => new KnownTrouble(row.TroubleId, new Trouble(
                JsonSerializer.Deserialize<TroubleDetails>(row.Details, RowJson.Options)!.ToSign(
                    EnumWords.Parse<TroubleCause>(row.Cause), row.Subject),
                Utc(row.SeenSince), Utc(row.LastSeenAt), Utc(row.OpenedAt), Utc(row.ToldAt)))),
    ];

    private const string Save = """
        insert into troubles (trouble_id, cause, subject, details, seen_since, last_seen_at, opened_at, told_at)
        values (@TroubleId, @cause, @Subject, @details::jsonb, @seenSince, @lastSeenAt, @openedAt, @toldAt)
        on conflict (cause, subject) do update
        set details = excluded.details, seen_since = excluded.seen_since, last_seen_at = excluded.last_seen_at,
            opened_at = excluded.opened_at, told_at = excluded.told_at
        """;

    public static Task SaveAsync(NpgsqlConnection connection, KnownTrouble known, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Save,
            new
            {
                known.TroubleId,
                cause = EnumWords.UpperOf(known.Trouble.Sign.Cause),
                known.Trouble.Sign.Subject,
                details = RowJson.Of(TroubleDetails.Of(known.Trouble.Sign)),
                seenSince = known.Trouble.SeenSince.UtcDateTime,
                lastSeenAt = known.Trouble.LastSeenAt.UtcDateTime,
                openedAt = known.Trouble.OpenedAt?.UtcDateTime,
                toldAt = known.Trouble.ToldAt?.UtcDateTime,
            },
            cancellationToken: cancellationToken));

    private const string Delete = "delete from troubles where trouble_id = @troubleId";

    public static Task DeleteAsync(NpgsqlConnection connection, Guid troubleId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Delete, new { troubleId }, cancellationToken: cancellationToken));

    private static DateTimeOffset Utc(DateTime at) => new(at, TimeSpan.Zero);

    private static DateTimeOffset? Utc(DateTime? at) => at is { } some ? Utc(some) : null;

    private sealed record CountRow(int Failed, int Paid, int DeadLetters, int DeadMails, int DeadCalls);

    private sealed record TimerRow(string Name, DateTime SucceededAt);

    private sealed record EndpointRow(Guid EndpointId, string Url, DateTime DisabledAt);

    private sealed record DisputeRow(
        Guid ReversalId, string ProviderId, Guid? SubscriptionId, DateTime ChangedAt, DateTime? EvidenceDueAt);

    private sealed record TroubleRow(
        Guid TroubleId, string Cause, string Subject, string Details, DateTime SeenSince, DateTime LastSeenAt, DateTime? OpenedAt,
        DateTime? ToldAt);
}

/// <summary>The column details: a sign without its key.</summary>
public sealed record TroubleDetails(
    int? Count, int? Total, DateTimeOffset? Since, DateTimeOffset? Deadline, Guid? SubscriptionId, string? Name)
{
    public static TroubleDetails Of(TroubleSign sign) =>
        new(sign.Count, sign.Total, sign.Since, sign.Deadline, sign.SubscriptionId, sign.Name);

    public TroubleSign ToSign(TroubleCause cause, string subject) => new(cause, subject)
    {
        Count = Count,
        Total = Total,
        Since = Since,
        Deadline = Deadline,
        SubscriptionId = SubscriptionId,
        Name = Name,
    };
}
