using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The books of payments, and the results of their comparison with the provider's statement.</summary>
public sealed class PaymentBooksStore(LicenseDatabase database)
{
    // Amounts that an integer can't hold, and NaN, are null; they are reported as a difference.
    private const string Books = """
        with wanted as (
            select a.renewal_id from renewal_attempts a
            where a.provider = @provider and a.transaction_id = any (@chargeIds)
            union
            select r.renewal_id from renewals r where r.intent_id = any (@intentIds)
            union
            select r.renewal_id from renewals r where r.renewal_id = any (@renewalIds)
            union
            select a.renewal_id from renewal_attempts a
            where a.status = 'succeeded' and a.provider = @provider and a.updated_at >= @from and a.updated_at < @to
        )
        select r.renewal_id, r.subscription_id, r.status, r.intent_id, a.transaction_id as charge_id,
               case when r.amount_usd between 0 and 1e12 then round((r.amount_usd + r.debts_usd) * 100)::bigint end as amount_minor,
               a.updated_at as booked_at, coalesce(l.minor, 0) as ledger_minor,
               coalesce(e.refunded_minor + e.charged_back_minor, 0) as reversed_minor
        from wanted w
        join renewals r on r.renewal_id = w.renewal_id
        left join renewal_attempts a
            on a.renewal_id = r.renewal_id and a.provider = @provider and a.status = 'succeeded' and r.status = 'applied'
            and r.paid_with = 'card'
        left join reversal_effects e on e.renewal_id = r.renewal_id
        left join lateral (
            select round(sum(case b.entry_type when 'FEE_SUBSCRIPTION' then b.amount_usd else -b.amount_usd end) * 100)::bigint as minor
            from billing_ledger b
            where b.reference_id = r.renewal_id and b.entry_type in ('FEE_SUBSCRIPTION', 'REFUND', 'ADJUSTMENT_ADMIN')
              and b.amount_usd between 0 and 1e12) l on true;

        select kind, provider_id, state, amount_minor, currency, first_seen_at as seen_at, changed_at,
               applied_at is not null as is_applied, renewal_id, subscription_id
        from payment_reversals
        where provider = @provider and kind in ('refund', 'refund_total', 'dispute')
          and (provider_id = any (@paymentIds) or (first_seen_at >= @from and first_seen_at < @to)
               or (changed_at >= @from and changed_at < @to));

        select reason, subject, transaction_id as charge_id, decision
        from payment_cases
        where provider = @provider and reason not in ('unreadable_event', 'unanswered')
          and (subject = any (@paymentIds) or transaction_id = any (@chargeIds))
        """;

    /// <summary>The books of the interval and of the statement's entries.</summary>
    public async Task<PaymentBooks> LoadAsync(
        string provider, DateTimeOffset from, DateTimeOffset to, IReadOnlyList<StatementEntry> statement,
        CancellationToken cancellationToken)
    {
        var payments = statement.Select(entry => entry.Payment).OfType<StatementPayment>().ToList();
        await using var session = await database.OpenAsync(cancellationToken);
        await using var rows = await session.Connection.QueryMultipleAsync(new CommandDefinition(
            Books,
            new
            {
                provider,
                from = from.UtcDateTime,
                to = to.UtcDateTime,
                chargeIds = Ids(payments.SelectMany(one => (IEnumerable<string?>)[one.ChargeId, one.IntentId])),
                intentIds = Ids(payments.Select(one => one.IntentId)),
                renewalIds = payments.Select(one => one.RenewalId).OfType<Guid>().Distinct().ToArray(),
                paymentIds = Ids(payments.SelectMany(one => (IEnumerable<string?>)[one.Id, one.ChargeId, one.IntentId])),
            },
            cancellationToken: session.Token));
        return new PaymentBooks(
            from, to,
            [.. (await rows.ReadAsync<ChargeRow>()).Select(row => row.ToCharge())],
            [.. (await rows.ReadAsync<BookedReversalRow>()).Select(row => row.ToReversal())],
            [.. (await rows.ReadAsync<CaseRow>()).Select(row => row.ToCase())]);
    }

    private static string[] Ids(IEnumerable<string?> ids) => [.. ids.OfType<string>().Distinct()];

    /// <summary>
    /// Opens a case for each charge whose renewal is not known; a charge has one case only. If the refund of the charge was reported
    /// before, the case is stored as decided, because nothing would close it.
    /// </summary>
    /// <returns>How many were opened.</returns>
    public Task<int> OpenCasesAsync(string provider, IReadOnlyList<PaymentCase> cases, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var opened = 0;
            foreach (var unknown in cases.OrderBy(one => one.Subject, StringComparer.Ordinal))
            {
                if (await PaymentCaseStore.IsRefundedAsync(connection, provider, unknown, token))
                    await PaymentCaseStore.KeepRefundedAsync(connection, provider, unknown, token);
                else
                    opened += await PaymentCaseStore.OpenAsync(connection, provider, unknown, token);
            }

            return opened;
        }, cancellationToken);

    /// <summary>Closes the case of a success whose event could not be applied, and is applied now.</summary>
    public Task<int> CloseNotBookedAsync(string provider, string intentId, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => PaymentCaseStore.CloseNotBookedAsync(connection, provider, intentId, token), cancellationToken);

    private const string Due = """
        select (d at time zone 'UTC')::date
        from generate_series(
            date_trunc('day', now(), 'UTC') - interval '672 hours', now() - interval '24 hours' - @delay, interval '24 hours') d
        left join payment_comparisons c on c.provider = @provider and c.day = (d at time zone 'UTC')::date
        where c.day is null or (c.differences > 0 and c.compared_at < now() - interval '1 hour')
        order by c.compared_at nulls first, random() -- days that always fail must not delay the same others
        """;

    /// <summary>
    /// The days of the last four weeks that ended the delay ago and were not compared yet, then those with differences, every hour.
    /// </summary>
    public async Task<IReadOnlyList<DateOnly>> DueAsync(string provider, TimeSpan delay, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<DateOnly>(
            new CommandDefinition(Due, new { provider, delay }, cancellationToken: session.Token))).AsList();
    }

    private const string Save = """
        insert into payment_comparisons (provider, day, compared_at, differences) values (@provider, @day, now(), @differences)
        on conflict (provider, day) do update set compared_at = excluded.compared_at, differences = excluded.differences
        """;

    public Task SaveAsync(string provider, DateOnly day, int differences, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(
                new CommandDefinition(Save, new { provider, day, differences }, cancellationToken: token)), cancellationToken);

    private sealed record ChargeRow
    {
        public Guid RenewalId { get; init; }
        public Guid SubscriptionId { get; init; }
        public string Status { get; init; } = "";
        public string? IntentId { get; init; }
        public string? ChargeId { get; init; }
        public long? AmountMinor { get; init; }
        public DateTime? BookedAt { get; init; }
        public long LedgerMinor { get; init; }
        public long ReversedMinor { get; init; }

        public BookedCharge ToCharge() => new(
            RenewalId, SubscriptionId, EnumWords.Parse<RenewalStatus>(Status), IntentId, ChargeId, AmountMinor, BookedAt, LedgerMinor,
            ReversedMinor);
    }

    private sealed record BookedReversalRow
    {
        public string Kind { get; init; } = "";
        public string ProviderId { get; init; } = "";
        public string State { get; init; } = "";
        public long AmountMinor { get; init; }
        public string Currency { get; init; } = "";
        public DateTime SeenAt { get; init; }
        public DateTime ChangedAt { get; init; }
        public bool IsApplied { get; init; }
        public Guid? RenewalId { get; init; }
        public Guid? SubscriptionId { get; init; }

        public BookedReversal ToReversal() => new(
            EnumWords.Parse<ReversalKind>(Kind), ProviderId, EnumWords.Parse<ReversalState>(State), AmountMinor, Currency, SeenAt,
            IsApplied, RenewalId, SubscriptionId)
        {
            ChangedAt = ChangedAt,
        };
    }

    private sealed record CaseRow
    {
        public string Reason { get; init; } = "";
        public string Subject { get; init; } = "";
        public string? ChargeId { get; init; }
        public string? Decision { get; init; }

        public BookedCase ToCase() => new(EnumWords.Parse<PaymentCaseReason>(Reason), Subject, ChargeId, Decision);
    }
}
