using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Adds one mail about new disputes and payment cases to the operators' address. Without an address, none counts as mailed, so that the
/// first mail after ALERT_EMAIL is set is about everything that is open.
/// </summary>
public sealed class NotifyOfPayments(LicenseDatabase database, RenewalSettings settings)
{
    private const string Notify = """
        with disputes as (
            update payment_reversals set operators_told_at = now()
            where kind = 'dispute' and state = 'open' and operators_told_at is null
            returning reversal_id as id, provider_id as subject, 'dispute' as reason, amount_minor, currency, evidence_due_at,
                      subscription_id
        ), cases as (
            update payment_cases set operators_told_at = now()
            where decided_at is null and operators_told_at is null
            returning case_id as id, subject, reason, amount_minor, currency, null::timestamptz as evidence_due_at, subscription_id
        ), told as (
            select t.*, row_number() over (order by evidence_due_at, subject) as ordinal,
                   case when currency = any (@withoutDecimals) then amount_minor
                        when currency = any (@withThreeDecimals) then round(amount_minor / 1000.0, 3)
                        else round(amount_minor / 100.0, 2) end as amount
            from (select * from disputes union all select * from cases) t
        ), mail as (
            select count(*) as total,
                   jsonb_agg(jsonb_build_object('id', id, 'subject', subject, 'reason', reason, 'amount', amount::text,
                                                'currency', upper(currency), 'evidence_due_at', evidence_due_at,
                                                'subscription_id', subscription_id) order by ordinal)
                       filter (where ordinal <= 20) as payments
            from told
        )
        insert into outbox (kind, dedup_key, payload)
        select 'email', 'operator-payments:' || extract(epoch from now()),
               jsonb_build_object('template', 'operator_payments', 'to', @AlertEmail::text,
                                  'model', jsonb_build_object('payments', payments, 'more', greatest(0, total - 20)))
        from mail
        where total > 0
        on conflict (dedup_key) do nothing
        """;

    public Task RunAsync(CancellationToken cancellationToken) => settings.AlertEmail is null
        ? Task.CompletedTask
        : database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(
                new CommandDefinition(
                    Notify,
                    new
                    {
                        settings.AlertEmail,
                        withoutDecimals = MinorUnits.WithoutDecimals.ToArray(),
                        withThreeDecimals = MinorUnits.WithThreeDecimals.ToArray(),
                    },
                    cancellationToken: token)), cancellationToken);
}
