using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments;
using Licensing;
using Licensing.Invoices;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Invoices;

/// <summary>A renewal with new entries of the ledger.</summary>
public sealed record InvoiceMark(long MarkId, Guid RenewalId);

/// <summary>Issues invoices, and reads issued ones.</summary>
public sealed class InvoiceStore(LicenseDatabase database)
{
    // Each run locks the rows of all years, so that runs take turns at the end of a year, too. The first run of a series adds its row.
    private const string LockSeries = """
        insert into invoice_series (series, year)
        select @series, extract(year from clock_timestamp() at time zone 'UTC')
        where not exists (select from invoice_series where series = @series)
        on conflict do nothing;
        select year from invoice_series where series = @series order by year for update
        """;

    // Read after the lock: a transaction that began earlier may number its documents later. The clock may go back, after a failover for
    // example; numbers have the order of their times anyway.
    private const string TimeOfIssue = """
        select greatest(clock_timestamp(), (
            select issued_at from invoices where series = @series order by year desc, sequence desc limit 1))
        """;

    private const string LockYear = """
        insert into invoice_series (series, year) values (@series, @year) on conflict do nothing;
        select last_number from invoice_series where series = @series and year = @year for update
        """;

    /// <summary>
    /// Whether the events of one of these providers are unread: payments that are not booked yet must be numbered before later ones.
    /// </summary>
    public Task<bool> AwaitsEventsAsync(IEnumerable<string> providers, CancellationToken cancellationToken) =>
        database.InTransactionAsync(
            (connection, token) => UnreadEvents.AreAwaitedAsync(connection, providers, token), cancellationToken);

    private const string Next = """
        select mark_id, renewal_id from renewals_to_invoice where marked_at <= now() - @age order by mark_id limit @limit
        """;

    /// <summary>Marks of renewals with new entries, the oldest first.</summary>
    /// <param name="age">How long ago their bookings must have begun.</param>
    public async Task<IReadOnlyList<InvoiceMark>> NextAsync(TimeSpan age, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<InvoiceMark>(
            new CommandDefinition(Next, new { age, limit }, cancellationToken: session.Token))).AsList();
    }

    private const string Postpone = "update renewals_to_invoice set marked_at = now() + @delay where mark_id = @MarkId";

    /// <summary>Leaves out a renewal that can't be invoiced, until it is tried again.</summary>
    public Task PostponeAsync(InvoiceMark mark, TimeSpan delay, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Postpone, new { mark.MarkId, delay }, cancellationToken: token)), cancellationToken);

    // Only one run at a time comes here, because it holds the lock of the series. Another one may have issued the same marks meanwhile.
    private const string Claim = "delete from renewals_to_invoice where mark_id = any(@markIds) returning renewal_id, is_payment";

    // A period may have been shortened since by a refund. The invoice has the one that was sold.
    private const string Renewals = """
        select r.renewal_id, r.subscription_id, r.user_id, split_part(m.email, '@', 1) as master, r.paid_from, r.amount_usd,
               case when r.paid_with = 'card'
                        and exists (select from renewal_attempts a
                                    where a.renewal_id = r.renewal_id and a.status = 'succeeded' and a.provider = 'paypal')
                    then 'paypal' else r.paid_with end as paid_with,
               coalesce(b.name, u.email) as buyer_name, b.address as buyer_address, b.country as buyer_country, b.tax_id as buyer_tax_id,
               u.email = 'erased-' || u.user_id || '@erased.invalid' as is_erased,
               coalesce((
                   select sum(round(l.amount_usd, 2) * case l.entry_type when 'FEE_SUBSCRIPTION' then 1 else -1 end)
                   from invoiced_entries e
                   join billing_ledger l on l.ledger_id = e.ledger_id
                   where e.renewal_id = r.renewal_id), 0) as invoiced_usd
        from renewals r
        join users u on u.user_id = r.user_id
        join subscriptions s on s.subscription_id = r.subscription_id
        left join users m on m.user_id = s.master_id
        left join billing_details b on b.user_id = r.user_id
        where r.renewal_id = any(@ids);

        select d.settled_by as renewal_id, d.paid_from, d.amount_usd
        from renewals r
        join renewals d on d.subscription_id = r.subscription_id and d.settled_by = r.renewal_id
        where r.renewal_id = any(@ids)
        order by d.period_start, d.repeat_number;

        select l.reference_id as renewal_id, l.ledger_id, l.created_at,
               round(l.amount_usd, 2) * case l.entry_type when 'FEE_SUBSCRIPTION' then 1 else -1 end as amount_usd
        from billing_ledger l
        where l.reference_id = any(@ids) and l.entry_type in ('FEE_SUBSCRIPTION', 'REFUND', 'ADJUSTMENT_ADMIN')
          and l.amount_usd between 0.005 and 1e8
          and not exists (select from invoiced_entries e where e.ledger_id = l.ledger_id);

        select number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, corrects, seller::text,
               buyer::text, tax_country, tax_percent, paid_with, lines::text
        from invoices
        where renewal_id = any(@ids)
        """;

    private const string Add = """
        insert into invoiced_entries (ledger_id, renewal_id) select * from unnest(@ledgerIds, @ofRenewals);
        insert into invoices
            (number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, corrects, seller, buyer,
             tax_country, tax_percent, paid_with, lines, net_usd, tax_usd, gross_usd)
        select i.number, @series, @year, i.sequence, i.kind, i.renewal_id, i.subscription_id, i.user_id, i.booked_at, @now, i.corrects,
               i.seller::jsonb, i.buyer::jsonb, i.tax_country, i.tax_percent, i.paid_with, i.lines::jsonb, i.net_usd,
               i.gross_usd - i.net_usd, i.gross_usd
        from unnest(@numbers, @sequences, @kinds, @renewals, @subscriptions, @users, @bookedAt, @corrects, @sellers, @buyers,
                    @taxCountries, @taxPercents, @paidWith, @lines, @net, @gross)
            as i (number, sequence, kind, renewal_id, subscription_id, user_id, booked_at, corrects, seller, buyer, tax_country,
                  tax_percent, paid_with, lines, net_usd, gross_usd)
        order by i.sequence;
        update invoice_series set last_number = last_number + cardinality(@numbers) where series = @series and year = @year
        """;

    // After an erasure, there is no address.
    private const string ClosedAccounts = "select user_id from users where user_id = any(@users) and not is_active";

    /// <summary>
    /// Loads marked renewals, lets <paramref name="plan"/> decide and saves, with the mails, in one transaction that holds the lock of the
    /// series. If it ends before the commit, nothing is issued and no number is used.
    /// </summary>
    /// <param name="plan">Takes the renewals, the last number, and the time of issue.</param>
    /// <param name="mailsOf">The mails about the documents.</param>
    public Task<IReadOnlyList<Invoice>> IssueAsync(
        string series, IReadOnlyList<InvoiceMark> marks,
        Func<IReadOnlyList<BillableRenewal>, InvoiceNumber, DateTimeOffset, IReadOnlyList<Invoice>> plan,
        Func<IReadOnlyList<Invoice>, IReadOnlyList<OutboxMail>> mailsOf, CancellationToken cancellationToken) =>
        database.InTransactionAsync<IReadOnlyList<Invoice>>(async (connection, token) =>
        {
            await connection.ExecuteAsync(new CommandDefinition(LockSeries, new { series }, cancellationToken: token));
            var now = await connection.QuerySingleAsync<DateTime>(
                new CommandDefinition(TimeOfIssue, new { series }, cancellationToken: token));
            var year = now.Year; // in UTC
            var last = await connection.QuerySingleAsync<int>(
                new CommandDefinition(LockYear, new { series, year }, cancellationToken: token));
            var markIds = marks.Select(mark => mark.MarkId).ToArray();
            var claimed = (await connection.QueryAsync<(Guid RenewalId, bool IsPayment)>(
                new CommandDefinition(Claim, new { markIds }, cancellationToken: token))).AsList();
            if (claimed.Count == 0)
                return [];
            var paid = claimed.Where(mark => mark.IsPayment).Select(mark => mark.RenewalId).ToHashSet();
            var renewals = (await BillableAsync(connection, [.. claimed.Select(mark => mark.RenewalId).Distinct()], token))
                .Where(renewal => paid.Contains(renewal.RenewalId) || renewal.Issued.Count > 0).ToList();
            var documents = plan(renewals, new InvoiceNumber(series, year, last), now);
            await SaveAsync(connection, renewals, documents, (series, year, now), token);
            var users = documents.Select(document => document.UserId).Distinct().ToArray();
            var closed = (await connection.QueryAsync<Guid>(
                new CommandDefinition(ClosedAccounts, new { users }, cancellationToken: token))).ToHashSet();
            await EmailOutbox.AddAsync(connection, mailsOf([.. documents.Where(one => !closed.Contains(one.UserId))]), token);
            return documents;
        }, cancellationToken);

    private static async Task<IReadOnlyList<BillableRenewal>> BillableAsync(
        NpgsqlConnection connection, Guid[] ids, CancellationToken cancellationToken)
    {
        await using var rows = await connection.QueryMultipleAsync(
            new CommandDefinition(Renewals, new { ids }, cancellationToken: cancellationToken));
        var renewals = (await rows.ReadAsync<RenewalToInvoice>()).AsList();
        var settled = (await rows.ReadAsync<SettledRow>()).ToLookup(row => row.RenewalId);
        var entries = (await rows.ReadAsync<EntryRow>()).ToLookup(row => row.RenewalId);
        var issued = (await rows.ReadAsync<InvoiceRow>()).ToLookup(row => row.RenewalId);
        return
        [
            .. renewals.Where(row => entries.Contains(row.RenewalId)).Select(row => new BillableRenewal(
                row.RenewalId, row.SubscriptionId, row.UserId, row.Master, row.PaidWith,
                new InvoiceParty(row.BuyerName, row.BuyerAddress, row.BuyerCountry, row.BuyerTaxId),
                [Period(row.PaidFrom, row.AmountUsd), .. settled[row.RenewalId].Select(one => Period(one.PaidFrom, one.AmountUsd))],
                row.InvoicedUsd,
                [.. entries[row.RenewalId].Select(entry => new RenewalEntry(entry.LedgerId, entry.CreatedAt, entry.AmountUsd))],
                [.. issued[row.RenewalId].Select(invoice => invoice.ToInvoice())])
            {
                IsErased = row.IsErased,
            }),
        ];
    }

    private static PaidPeriod Period(DateTime from, decimal amountUsd) => new(from, from + Renewal.Period, amountUsd);

    private static Task<int> SaveAsync(
        NpgsqlConnection connection, IReadOnlyList<BillableRenewal> renewals, IReadOnlyList<Invoice> documents,
        (string Series, int Year, DateTime Now) issue, CancellationToken cancellationToken)
    {
        T[] Column<T>(Func<Invoice, T> value) => [.. documents.Select(value)];
        var entries = renewals.SelectMany(renewal => renewal.Entries.Select(entry => (entry.LedgerId, renewal.RenewalId))).ToList();
        return connection.ExecuteAsync(new CommandDefinition(Add, new
        {
            ledgerIds = entries.ConvertAll(entry => entry.LedgerId).ToArray(),
            ofRenewals = entries.ConvertAll(entry => entry.RenewalId).ToArray(),
            series = issue.Series,
            year = issue.Year,
            now = issue.Now,
            numbers = Column(invoice => invoice.Number.ToString()),
            sequences = Column(invoice => invoice.Number.Sequence),
            kinds = Column(invoice => EnumWords.Of(invoice.Kind)),
            renewals = Column(invoice => invoice.RenewalId),
            subscriptions = Column(invoice => invoice.SubscriptionId),
            users = Column(invoice => invoice.UserId),
            bookedAt = Column(invoice => invoice.BookedAt.UtcDateTime),
            corrects = Column(invoice => invoice.Corrects?.ToString()),
            sellers = Column(invoice => RowJson.Of(invoice.Seller)),
            buyers = Column(invoice => RowJson.Of(invoice.Buyer)),
            taxCountries = Column(invoice => invoice.TaxCountry),
            taxPercents = Column(invoice => invoice.TaxPercent),
            paidWith = Column(invoice => invoice.PaidWith),
            lines = Column(invoice => RowJson.Of(invoice.Lines)),
            net = Column(invoice => invoice.NetUsd),
            gross = Column(invoice => invoice.GrossUsd),
        }, cancellationToken: cancellationToken));
    }

    private const string Waiting = "select count(*) from (select from renewals_to_invoice limit @most) w";

    /// <summary>How many marks of renewals wait, at most <paramref name="most"/>.</summary>
    public async Task<int> WaitingAsync(int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<int>(
            new CommandDefinition(Waiting, new { most }, cancellationToken: session.Token));
    }

    private const string Forget = """
        delete from renewals_to_invoice
        where mark_id in (select mark_id from renewals_to_invoice where marked_at < now() - @age order by mark_id limit @most)
        """;

    /// <summary>Deletes old marks, because no invoices are made.</summary>
    public Task<int> ForgetAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Forget, new { age, most }, cancellationToken: token)), cancellationToken);

    private const string List = """
        select i.number, i.kind, i.issued_at, i.booked_at, i.corrects, i.gross_usd, i.tax_usd, i.tax_percent, i.paid_with,
               i.subscription_id, i.lines -> 0 ->> 'master' as master
        from invoices i
        where i.user_id = @userId
          and (@after::text is null
               or (i.issued_at, i.sequence)
                  < (select a.issued_at, a.sequence from invoices a where a.number = @after and a.user_id = @userId))
        order by i.issued_at desc, i.sequence desc
        limit @limit
        """;

    /// <summary>The documents of a customer, the newest first.</summary>
    /// <param name="after">The number of the last one of the previous page; null for the first page.</param>
    public async Task<IReadOnlyList<ListedInvoice>> ListAsync(Guid userId, string? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedInvoice>(
            new CommandDefinition(List, new { userId, after, limit }, cancellationToken: session.Token))).AsList();
    }

    private const string Find = """
        select number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, corrects, seller::text,
               buyer::text, tax_country, tax_percent, paid_with, lines::text
        from invoices
        where number = @number and is_license_visible(user_id, @ownerId)
        """;

    /// <param name="ownerId">The customer whose document it must be; null for operators.</param>
    /// <returns>Null if there is no such document, or it is another customer's.</returns>
    public async Task<Invoice?> FindAsync(string number, Guid? ownerId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QuerySingleOrDefaultAsync<InvoiceRow>(
            new CommandDefinition(Find, new { number, ownerId }, cancellationToken: session.Token)))?.ToInvoice();
    }

    private const string OfPeriod = """
        select number, kind, issued_at, booked_at, corrects, buyer ->> 'name' as buyer_name, buyer ->> 'country' as buyer_country,
               buyer ->> 'tax_id' as buyer_tax_id, tax_country, tax_percent, net_usd, tax_usd, gross_usd, paid_with, renewal_id,
               user_id, series, sequence
        from invoices
        where issued_at >= @from and issued_at < @to and (issued_at, series, sequence) > (@afterIssue, @afterSeries, @afterSequence)
        order by issued_at, series, sequence
        limit @limit
        """;

    /// <summary>The documents that were issued in an interval, in the order of their numbers, page by page.</summary>
    /// <param name="from">Inclusive.</param>
    /// <param name="to">Exclusive.</param>
    /// <param name="after">The last row of the previous page; null for the first page.</param>
    internal async Task<IReadOnlyList<BookkeepingRow>> OfPeriodAsync(
        DateTime from, DateTime to, BookkeepingRow? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<BookkeepingRow>(new CommandDefinition(OfPeriod, new
        {
            from,
            to,
            afterIssue = after?.IssuedAt ?? DateTime.UnixEpoch,
            afterSeries = after?.Series ?? "",
            afterSequence = after?.Sequence ?? 0,
            limit,
        }, cancellationToken: session.Token))).AsList();
    }

    private sealed record RenewalToInvoice
    {
        public Guid RenewalId { get; init; }
        public Guid SubscriptionId { get; init; }
        public Guid UserId { get; init; }
        public string? Master { get; init; }
        public string PaidWith { get; init; } = "";
        public DateTime PaidFrom { get; init; }
        public decimal AmountUsd { get; init; }
        public string BuyerName { get; init; } = "";
        public string? BuyerAddress { get; init; }
        public string? BuyerCountry { get; init; }
        public string? BuyerTaxId { get; init; }
        public bool IsErased { get; init; }
        public decimal InvoicedUsd { get; init; }
    }

    private sealed record SettledRow
    {
        public Guid RenewalId { get; init; }
        public DateTime PaidFrom { get; init; }
        public decimal AmountUsd { get; init; }
    }

    private sealed record EntryRow
    {
        public Guid RenewalId { get; init; }
        public Guid LedgerId { get; init; }
        public DateTime CreatedAt { get; init; }
        public decimal AmountUsd { get; init; }
    }

    private sealed record InvoiceRow
    {
        public string Series { get; init; } = "";
        public int Year { get; init; }
        public int Sequence { get; init; }
        public string Kind { get; init; } = "";
        public Guid RenewalId { get; init; }
        public Guid SubscriptionId { get; init; }
        public Guid UserId { get; init; }
        public DateTime BookedAt { get; init; }
        public DateTime IssuedAt { get; init; }
        public string? Corrects { get; init; }
        public string Seller { get; init; } = "";
        public string Buyer { get; init; } = "";
        public string TaxCountry { get; init; } = "";
        public decimal TaxPercent { get; init; }
        public string PaidWith { get; init; } = "";
        public string Lines { get; init; } = "";

        public Invoice ToInvoice() => new(
            new InvoiceNumber(Series, Year, Sequence), EnumWords.Parse<InvoiceKind>(Kind), RenewalId, SubscriptionId, UserId, BookedAt,
            IssuedAt, Read<InvoiceParty>(Seller), Read<InvoiceParty>(Buyer), TaxCountry, TaxPercent, PaidWith,
            Read<IReadOnlyList<InvoiceLine>>(Lines))
        {
            Corrects = Corrects is null ? null : InvoiceNumber.Parse(Corrects),
        };

        private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, RowJson.Options)!;
    }
}
