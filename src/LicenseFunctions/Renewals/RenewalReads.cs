using System.Runtime.CompilerServices;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A row of license_renewal_history.</summary>
public sealed record RenewalHistoryRow
{
    /// <summary>The row's ID. A renewal has a row for each attempt to charge a card.</summary>
    public Guid HistoryId { get; init; }

    /// <summary>The renewal, as /payments and the answer to a renewal name it; null for a row that the platform added.</summary>
    public Guid? RenewalId { get; init; }

    public DateTime AttemptedAt { get; init; }
    public string RenewalType { get; init; } = "";
    public decimal? AmountUsd { get; init; }
    public DateTime? PreviousExpiry { get; init; }
    public DateTime? NewExpiry { get; init; }
    public string? PaymentProvider { get; init; }
    public string? PaymentTransactionId { get; init; }
    public string Status { get; init; } = "";
    public string? FailureReason { get; init; }

    /// <summary>nothing, wallet or card; deferred while it waits for the next charge; null if it isn't paid.</summary>
    public string? PaidWith { get; init; }

    /// <summary>The brand of the card that was charged, paypal for a PayPal account; null if none was, or if it is not known.</summary>
    public string? CardBrand { get; init; }

    /// <summary>Its last digits; null if they are not known.</summary>
    public string? CardLastFour { get; init; }

    /// <summary>The number of the invoice; null if none was issued.</summary>
    public string? Invoice { get; init; }

    /// <summary>Where the paid period ends now: a refund or a lost dispute may have shortened it; null if it isn't paid.</summary>
    public DateTime? PaidUntil { get; init; }

    /// <summary>What was refunded of this payment.</summary>
    public decimal RefundedUsd { get; init; }

    /// <summary>What the customer's bank took back.</summary>
    public decimal ChargedBackUsd { get; init; }

    /// <summary>Whether the customer's bank disputes the payment now.</summary>
    public bool IsDisputed { get; init; }
}

/// <summary>A license's next renewal and what it depends on.</summary>
/// <param name="IsActive">Whether its token works; false for every suspended license, also after its expiry.</param>
/// <param name="StoredUsd">The amount of the renewal's row; null before it is opened.</param>
/// <param name="IsPriceFrozen">An intent was made with <paramref name="StoredUsd"/>.</param>
/// <param name="ActiveUsd">The master's active price; null for none.</param>
/// <param name="LastPaidUsd">What the last renewal cost, or the price at subscribing; null if it is not known.</param>
/// <param name="LastDecline">Code of the card's last decline; null for none.</param>
/// <param name="Status">Null before the renewal is opened.</param>
/// <param name="WasPaid">The platform moved the expiry back to the start of a paid period.</param>
public sealed record NextRenewal(
    Guid SubscriptionId, Guid UserId, string Email, DateTimeOffset ExpiresAt, bool IsActive, RenewalLicense License, decimal? StoredUsd,
    bool IsPriceFrozen, bool IsPriceAccepted, decimal? ActiveUsd, decimal? LastPaidUsd, decimal WalletUsd, SavedCard? Card,
    string? LastDecline, RenewalStatus? Status, bool WasPaid)
{
    /// <summary>The open amounts of deferred renewals, which the next payment includes.</summary>
    public decimal DebtUsd { get; init; }

    /// <summary>A charge was reported and is not booked yet, so the period may be paid.</summary>
    public bool HasUnbookedCharge { get; init; }

    /// <summary>The period was charged, or may have been charged, and the payment is not booked yet.</summary>
    public bool IsChargeOpen => HasUnbookedCharge || Status?.IsChargeOpen() is true;

    /// <summary>Null before the renewal is opened.</summary>
    public RenewalType? Type { get; init; }

    /// <summary>Another charge of the period was refunded: the renewal lapses as soon as its intent is canceled.</summary>
    public bool IsRefunded { get; init; }

    /// <summary>When its renewal is processed next, unless it lapses then; null before it is opened, and if it was not read.</summary>
    public DateTimeOffset? NextActionAt { get; init; }

    /// <summary>The brand of the default card, for its customer; null if it is not known or was not read.</summary>
    public string? CardBrand { get; init; }

    public RenewalPrice Price(RenewalPolicy policy) => RenewalPrice.Of(
        StoredUsd, IsPriceFrozen, IsPriceAccepted, ActiveUsd, LastPaidUsd, policy);

    public RenewalForecast Forecast(RenewalPolicy policy) => WasPaid && Status is null
        ? Planned(policy).HeldBy(RenewalForecast.PaidBefore)
        : Planned(policy).WithStatus(Outlook);

    /// <summary>
    /// When it is renewed or charged next without help, for every list that says so; null if no attempt is planned, or while a charge is
    /// open. <see cref="NextActionAt"/> must have been read.
    /// </summary>
    public DateTimeOffset? AttemptAt(RenewalPolicy policy, DateTimeOffset now) =>
        IsChargeOpen ? null : Forecast(policy).AttemptAt(ExpiresAt, Outlook, NextActionAt, now, policy);

    private RenewalStatus? Outlook => IsRefunded && Status?.IsFinal() is false ? RenewalStatus.Lapsed : Status;

    private RenewalForecast Planned(RenewalPolicy policy) => RenewalForecast.Of(
        License, Price(policy), DebtUsd, WalletUsd, Card, LastDecline, policy,
        requested: Type is RenewalType.Manual && Status?.IsFinal() is false ? Status : null);
}

/// <summary>A charge with an unknown outcome.</summary>
public sealed record UnknownCharge
{
    public Guid RenewalId { get; init; }
    public Guid SubscriptionId { get; init; }
    public Guid UserId { get; init; }

    /// <summary>The customer's address.</summary>
    public string Email { get; init; } = "";

    public string Status { get; init; } = "";
    public decimal? AmountUsd { get; init; }
    public DateTime PeriodStart { get; init; }
    public string? IntentId { get; init; }
    public string? Provider { get; init; }

    /// <summary>Search key in PayPal's dashboard; null for Stripe, and if the stored request can't be read.</summary>
    public string? InvoiceId { get; init; }

    /// <summary>The number of the attempt, from 1.</summary>
    public int Attempt { get; init; }

    public DateTime? FirstSentAt { get; init; }
    public DateTime? UnknownSince { get; init; }
    public DateTime? NextLookupAt { get; init; }
    public string? Reason { get; init; }
}

/// <summary>Failed attempts, grouped by reason.</summary>
public sealed record RenewalFailure
{
    /// <summary>The attempt's failure_reason; "" if it has none.</summary>
    public string Reason { get; init; } = "";

    public int Attempts { get; init; }
    public int Licenses { get; init; }

    /// <summary>How many of these licenses were renewed after the failure.</summary>
    public int PaidSince { get; init; }

    public DateTime LastAt { get; init; }
}

/// <param name="IntentId">The provider's ID of the payment.</param>
/// <param name="PaymentId">The provider's ID of the card.</param>
public sealed record WaitingPayment(string Provider, string IntentId, string PaymentId);

/// <summary>A mail about a coming renewal or expiry.</summary>
public sealed record RenewalMail(string DedupKey, string Template, Guid UserId, object Model)
{
    /// <summary>Null if only the customer is told.</summary>
    public LicenseEvent? Event { get; init; }

    /// <summary>How long the mail waits before it is sent.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Not sent if a mail about a failed attempt was added within a day.</summary>
    public bool IsWarning { get; init; }
}

/// <summary>Reads renewals for lists, previews and warnings, and switches auto-renewal.</summary>
public sealed class RenewalReads(LicenseDatabase database)
{
    // The most licenses that one statement reads.
    private const int Page = 1_000;

    private const string History = """
        select h.renewal_id as history_id, r.renewal_id, shown_time(h.attempted_at) as attempted_at, h.renewal_type,
               -- Without a price, the guide's column has a 0.
               case when h.failure_reason is distinct from 'no_active_price' then amount_of(h.amount_usd) end as amount_usd,
               past_time(h.previous_expiry) as previous_expiry, past_time(h.new_expiry) as new_expiry, h.payment_provider,
               h.payment_transaction_id, h.status, h.failure_reason, paid.paid_until,
               coalesce((select p.paid_with from renewals p where p.renewal_id = paid.settled_by), paid.paid_with) as paid_with,
               c.brand as card_brand, c.last_four as card_last_four,
               (select i.number from invoices i
                where i.renewal_id = coalesce(paid.settled_by, paid.renewal_id) and i.kind = 'invoice'
                order by i.issued_at, i.sequence limit 1) as invoice,
               round(coalesce(e.refunded_minor, 0) / 100.0, 2) as refunded_usd,
               round(coalesce(e.charged_back_minor, 0) / 100.0, 2) as charged_back_usd,
               exists (select from payment_reversals d
                       where d.renewal_id = paid.renewal_id and d.kind = 'dispute' and d.state = 'open') as is_disputed
        from license_renewal_history h
        left join renewal_attempts a on a.attempt_id = h.renewal_id -- the row of an attempt has the attempt's id
        left join renewals r on r.renewal_id = coalesce(a.renewal_id, h.renewal_id)
        left join renewals paid on paid.renewal_id = r.renewal_id and h.status = 'success' and paid.status = 'applied'
        left join reversal_effects e on e.renewal_id = paid.renewal_id
        -- A deferred renewal was paid by the charge that settled it.
        left join user_payment_methods c on c.payment_method_id = coalesce(
            h.payment_method_id, a.payment_method_id,
            (select s.payment_method_id from renewal_attempts s where s.renewal_id = paid.settled_by and s.status = 'succeeded' limit 1))
        where h.subscription_id = @subscriptionId
        order by h.attempted_at desc, h.renewal_id
        limit @limit
        """;

    public async Task<IReadOnlyList<RenewalHistoryRow>> HistoryAsync(Guid subscriptionId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<RenewalHistoryRow>(
            new CommandDefinition(History, new { subscriptionId, limit }, cancellationToken: cancellationToken))).AsList();
    }

    public Task<bool> IsVisibleAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        LicenseVisibility.IsVisibleAsync(database, subscriptionId, subscriberId, cancellationToken);

    /// <summary>The columns of next_renewals that <see cref="NextRenewalRow"/> reads, for the statements that select it as n.</summary>
    private const string NextColumns = """
        n.subscription_id, n.user_id, n.email, n.expires_at, n.is_active, n.auto_renew, n.renewal_block, n.price_usd,
        n.last_paid_usd, n.wallet_usd, n.payment_method_id, n.payment_provider, n.provider_customer_id, n.provider_payment_id,
        n.expiry_month, n.expiry_year, n.details_changed_at, n.status, n.amount_usd, n.is_price_frozen, n.price_accepted,
        n.last_decline, n.was_paid, n.last_four, n.is_disputed, n.debts_usd, n.debt_usd, n.has_unbooked_charge,
        n.renewal_type, n.is_refunded
        """;

    private const string Upcoming = $"""
        with page as (
            select a.subscription_id
            from active_licenses a
            where a.expires_at >= @from and a.expires_at < @until
              and (a.expires_at, a.subscription_id) > (@afterExpiry, @afterSubscription)
            order by a.expires_at, a.subscription_id
            limit @limit
        )
        select {NextColumns},
               case when n.next_action_at < n.gives_up_at then n.next_action_at end as next_action_at
        from page
        join next_renewals n on n.subscription_id = page.subscription_id
        order by n.expires_at, n.subscription_id
        """;

    private const string NextOfLicenses = $"""
        select {NextColumns},
               case when n.next_action_at < n.gives_up_at then n.next_action_at end as next_action_at
        from unnest(@subscriptionIds) as l (subscription_id)
        join next_renewals n on n.subscription_id = l.subscription_id
        where n.expires_at is not null
        """;

    /// <summary>The next renewals of these licenses. A license that never expires has none.</summary>
    public async Task<IReadOnlyList<NextRenewal>> NextAsync(
        IReadOnlyCollection<Guid> subscriptionIds, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var rows = await session.Connection.QueryAsync<NextRenewalRow>(new CommandDefinition(
            NextOfLicenses, new { subscriptionIds = subscriptionIds.ToArray() }, cancellationToken: session.Token));
        return [.. rows.Select(row => row.ToNextRenewal())];
    }

    /// <summary>The next renewals of active licenses in the order of their expiry, page by page.</summary>
    /// <param name="from">First expiry, inclusive.</param>
    /// <param name="until">Last expiry, exclusive.</param>
    /// <param name="after">The license after which to begin; null for the first.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async IAsyncEnumerable<IReadOnlyList<NextRenewal>> UpcomingAsync(
        DateTimeOffset from, DateTimeOffset until, NextRenewal? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<NextRenewal> page;
        do
        {
            page = await PageAsync(from, until, after, cancellationToken);
            after = page is [.., var last] ? last : after;
            yield return page;
        }
        while (page.Count == Page);
    }

    private async Task<IReadOnlyList<NextRenewal>> PageAsync(
        DateTimeOffset from, DateTimeOffset until, NextRenewal? after, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var rows = await connection.QueryAsync<NextRenewalRow>(new CommandDefinition(Upcoming, new
        {
            from = from.UtcDateTime,
            until = until.UtcDateTime,
            afterExpiry = (after?.ExpiresAt ?? DateTimeOffset.UnixEpoch).UtcDateTime,
            afterSubscription = after?.SubscriptionId ?? Guid.Empty,
            limit = Page,
        }, cancellationToken: cancellationToken));
        return [.. rows.Select(row => row.ToNextRenewal())];
    }

    private const string NextOfOne = $"""
        select {NextColumns},
               (select m.brand from user_payment_methods m where m.payment_method_id = n.payment_method_id) as brand
        from next_renewals n
        where n.subscription_id = @subscriptionId and n.expires_at is not null
        """;

    private const string NextOfSubscriber = $"""
        select {NextColumns},
               (select m.brand from user_payment_methods m where m.payment_method_id = n.payment_method_id) as brand
        from next_renewals n
        where n.user_id = @subscriberId and n.expires_at is not null
        """;

    /// <summary>The next renewals of a subscriber's licenses, active or not. A license that never expires has none.</summary>
    public async Task<IReadOnlyList<NextRenewal>> NextOfAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var rows = await session.Connection.QueryAsync<NextRenewalRow>(
            new CommandDefinition(NextOfSubscriber, new { subscriberId }, cancellationToken: session.Token));
        return [.. rows.Select(row => row.ToNextRenewal())];
    }

    /// <summary>The next renewal of one license, active or not; null if it never expires.</summary>
    public async Task<NextRenewal?> NextAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var row = await connection.QuerySingleOrDefaultAsync<NextRenewalRow>(
            new CommandDefinition(NextOfOne, new { subscriptionId }, cancellationToken: cancellationToken));
        return row?.ToNextRenewal();
    }

    private const string OpenId = """
        select r.renewal_id
        from renewals r
        join v_current_license_tokens t on t.subscription_id = r.subscription_id and t.expires_at = r.period_start
        where r.subscription_id = @subscriptionId and r.status <> 'applied'
        """;

    /// <summary>The license's next renewal with its attempts; null before it is opened.</summary>
    public async Task<RenewalFacts?> OpenAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var ids = (await connection.QueryAsync<Guid>(
            new CommandDefinition(OpenId, new { subscriptionId }, cancellationToken: cancellationToken))).AsList();
        return (await RenewalStore.FactsAsync(connection, ids, cancellationToken)).SingleOrDefault();
    }

    private const string DeclinedIds = """
        select r.renewal_id
        from next_renewals n
        join renewals r on r.subscription_id = n.subscription_id and r.period_start = n.expires_at and r.status <> 'applied'
        cross join lateral latest_attempt(r.renewal_id) a
        where n.user_id = @subscriberId and a.status = 'hard_declined'
        """;

    /// <summary>The subscriber's next renewals whose last attempt was declined permanently, with their attempts.</summary>
    public async Task<IReadOnlyList<RenewalFacts>> DeclinedAsync(Guid subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var ids = (await connection.QueryAsync<Guid>(
            new CommandDefinition(DeclinedIds, new { subscriberId }, cancellationToken: cancellationToken))).AsList();
        return ids.Count == 0 ? [] : await RenewalStore.FactsAsync(connection, ids, cancellationToken);
    }

    private const string Master = "select master from listed_licenses where subscription_id = @subscriptionId";

    /// <summary>The name of the license's master, as the list of licenses shows it; null if it has none.</summary>
    public async Task<string?> MasterAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(Master, new { subscriptionId }, cancellationToken: cancellationToken));
    }

    private const string Method = """
        select case payment_provider when 'paypal' then 'paypal' else brand end as brand, last_four
        from user_payment_methods where payment_method_id = @paymentMethodId
        """;

    /// <summary>The brand and the last digits of a payment method, for its customer.</summary>
    public async Task<(string? Brand, string? LastFour)> MethodAsync(Guid paymentMethodId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<(string?, string?)>(
            new CommandDefinition(Method, new { paymentMethodId }, cancellationToken: session.Token));
    }

    private const string Failures = """
        select coalesce(f.failure_reason, '') as reason, count(*)::int as attempts, count(distinct f.subscription_id)::int as licenses,
               count(distinct f.subscription_id) filter (where exists (
                   select from license_renewal_history p
                   where p.subscription_id = f.subscription_id and p.status = 'success'
                     and p.attempted_at > f.attempted_at))::int as paid_since,
               max(shown_time(f.attempted_at)) as last_at
        from license_renewal_history f
        where f.status = 'failed' and f.attempted_at >= @since
        group by 1
        order by attempts desc, reason
        limit 50
        """;

    /// <summary>Failures by reason, the most frequent first.</summary>
    public async Task<IReadOnlyList<RenewalFailure>> FailuresAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<RenewalFailure>(
            new CommandDefinition(Failures, new { since = since.UtcDateTime }, cancellationToken: cancellationToken))).AsList();
    }

    private const string Unknown = """
        select r.renewal_id, r.subscription_id, r.user_id, r.status, r.amount_usd, r.period_start, r.intent_id, a.provider,
               a.number as attempt, a.first_sent_at, r.unknown_since, r.next_action_at as next_lookup_at, h.failure_reason as reason,
               (select u.email from users u where u.user_id = r.user_id) as email, a.request
        from renewals r
        cross join lateral latest_attempt(r.renewal_id) a
        left join license_renewal_history h on h.renewal_id = a.attempt_id
        where is_charge_unknown(r.status)
        order by r.status desc, r.unknown_since
        limit @limit
        """;

    /// <summary>
    /// Lists unknown charges with their requests (JSON), the oldest first. Those that an operator must decide come before the others.
    /// </summary>
    public async Task<IReadOnlyList<(UnknownCharge Charge, string Request)>> UnknownAsync(
        int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<UnknownCharge, string, (UnknownCharge, string)>(
            new CommandDefinition(Unknown, new { limit }, cancellationToken: cancellationToken),
            (charge, request) => (charge, request),
            splitOn: "request")).AsList();
    }

    private const string SetAutoRenewal = """
        update license_tokens t
        set metadata = coalesce(t.metadata, '{}') || jsonb_build_object('auto_renew', @enabled)
        from v_current_license_tokens c
        join subscriptions s on s.subscription_id = c.subscription_id
        where c.subscription_id = @subscriptionId and is_license_visible(s.subscriber_id, @subscriberId) and t.token_id = c.token_id
        returning c.expires_at
        """;

    private const string KeepSwitch = """
        update reversal_effects e set is_switched_since = true
        from renewals r
        where r.subscription_id = @subscriptionId and e.renewal_id = r.renewal_id and e.stopped_auto_renewal and not e.is_switched_since
        """;

    /// <returns>A list with the license's expiry; empty if the license doesn't exist or belongs to another subscriber.</returns>
    public Task<IReadOnlyList<DateTime?>> SetAutoRenewalAsync(
        Guid subscriptionId, Guid? subscriberId, bool enabled, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync<IReadOnlyList<DateTime?>>(async (connection, token) =>
        {
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            var switched = (await connection.QueryAsync<DateTime?>(
                new CommandDefinition(SetAutoRenewal, new { subscriptionId, subscriberId, enabled }, cancellationToken: token))).AsList();
            if (switched.Count == 1)
            {
                await connection.ExecuteAsync(new CommandDefinition(KeepSwitch, new { subscriptionId }, cancellationToken: token));
                await AuditLog.AddAsync(connection, new AuditRow(
                    by, "license.auto_renew_switched", subscriptionId, After: RowJson.Of(new { AutoRenew = enabled })), token);
            }

            return switched;
        }, cancellationToken);

    /// <summary>Adds mails with their events. If the outbox already contains a mail's key, neither is added.</summary>
    public Task MailAsync(IEnumerable<RenewalMail> mails, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            foreach (var mail in mails)
            {
                if (await EmailOutbox.TryAddAsync(
                    connection, new OutboxMail(mail.DedupKey, mail.Template, mail.UserId, mail.Model) { Delay = mail.Delay }, token)
                    && mail.Event is { } told)
                {
                    await LicenseEvents.AddAsync(connection, told, token);
                    if (mail.IsWarning)
                        await EmailOutbox.WithdrawAfterAsync(connection, mail.DedupKey, RenewalWarnings.OfFailures, token);
                }
            }
        }, cancellationToken);

    private sealed record NextRenewalRow : RenewalTermsRow
    {
        public string Email { get; init; } = "";
        public bool IsActive { get; init; }
        public decimal? AmountUsd { get; init; }
        public bool IsPriceFrozen { get; init; }
        public bool PriceAccepted { get; init; }
        public string? LastDecline { get; init; }
        public bool WasPaid { get; init; }
        public bool HasUnbookedCharge { get; init; }
        public string? Status { get; init; }
        public string? RenewalType { get; init; }
        public bool IsRefunded { get; init; }
        public string? Brand { get; init; }
        public DateTime? NextActionAt { get; init; }

        public NextRenewal ToNextRenewal() => new(
            SubscriptionId, UserId, Email, ExpiresAt!.Value, IsActive, License, AmountUsd, IsPriceFrozen, PriceAccepted, PriceUsd,
            LastPaidUsd, WalletUsd, Card, LastDecline, Status is { } status ? EnumWords.Parse<RenewalStatus>(status) : null, WasPaid)
        {
            DebtUsd = IsPriceFrozen ? DebtsUsd : DebtUsd,
            HasUnbookedCharge = HasUnbookedCharge,
            Type = RenewalType is { } type ? EnumWords.Parse<RenewalType>(type) : null,
            IsRefunded = IsRefunded,
            CardBrand = Brand,
            NextActionAt = NextActionAt is { } at ? new DateTimeOffset(at, TimeSpan.Zero) : null,
        };
    }

    private const string ToConfirm = """
        select a.provider, r.intent_id, m.provider_payment_id as payment_id
        from renewals r
        join renewal_attempts a on a.renewal_id = r.renewal_id and a.status = 'needs_authentication'
        join user_payment_methods m on m.payment_method_id = a.payment_method_id
        where r.subscription_id = @subscriptionId and r.user_id = @userId and r.status = 'needs_authentication' and r.intent_id is not null
        order by r.period_start desc, a.number desc
        limit 1
        """;

    /// <summary>The payment of this license that this user must confirm with the bank; null for none.</summary>
    public async Task<WaitingPayment?> FindToConfirmAsync(Guid userId, Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleOrDefaultAsync<WaitingPayment>(
            new CommandDefinition(ToConfirm, new { userId, subscriptionId }, cancellationToken: cancellationToken));
    }
}
