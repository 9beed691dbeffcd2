using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Suspicion;

/// <summary>
/// Puts open alerts before the operators after the question "was this you?": the customer denied, confirmed from an address without
/// earlier use, or did not answer for 72 hours. Nobody is suspended for silence.
/// </summary>
public sealed class NotifyOfAnswers(LicenseDatabase database, SuspicionSettings settings)
{
    /// <summary>The least time between two mails, so that one mail has many alerts.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromHours(1);

    private const string Notify = """
        with escalated as (
            update suspicious_activity_alerts a set escalated_at = now()
            where is_alert_open(status) and escalated_at is null and measure <> 'SUSPENDED'
              and (asked_at is not null or customer_confirmed_at is not null or customer_denied_at is not null)
              and customer_answer(asked_at, customer_confirmed_at, customer_denied_at) <> 'WAITING'
              and not exists (select from outbox where dedup_key like 'operator-answers:%' and created_at > now() - @Pause)
            returning alert_id, subscription_id, activity_type, severity, description, detected_at, measure,
                      customer_answer(asked_at, customer_confirmed_at, customer_denied_at) as customer_answer
        ), told as (
            select e.*, row_number() over (order by customer_answer = 'DENIED' desc, detected_at, alert_id) as ordinal from escalated e
        ), mail as (
            select count(*) as total,
                   jsonb_agg(jsonb_build_object('alert_id', alert_id, 'subscription_id', subscription_id, 'activity_type', activity_type,
                                                'severity', severity, 'description', description, 'measure', measure,
                                                'customer_answer', customer_answer)
                             order by ordinal) filter (where ordinal <= 20) as alerts
            from told
        )
        insert into outbox (kind, dedup_key, payload)
        select 'email', 'operator-answers:' || extract(epoch from now()),
               jsonb_build_object('template', 'operator_answers', 'to', @AlertEmail::text,
                                  'model', jsonb_build_object('alerts', alerts, 'more', greatest(0, total - 20)))
        from mail
        where total > 0 and @AlertEmail::text is not null
        on conflict (dedup_key) do nothing
        """;

    public Task RunAsync(CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Notify, new { settings.AlertEmail, Pause }, cancellationToken: token)), cancellationToken);
}
