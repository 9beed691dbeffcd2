using System.Globalization;
using LicenseFunctions.Invoices;
using LicenseFunctions.Tests.Support;
using Licensing.Invoices;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>
/// Random histories of renewals, written in sets as the bookings write them, with the job in between. In the middle, the database is
/// restored from a backup. <c>INVOICE_HISTORIES=100000 ./dev test Histories</c> runs more than fits into each run of the tests;
/// <c>INVOICE_SEED=n</c> runs others. A failure prints the seed.
/// </summary>
public sealed class InvoiceHistoriesTests(PostgresFixture postgres)
{
    private const int RenewalsOfALicense = 10;
    private const int Rounds = 8;
    private const int RestoredBefore = 5;

    /// <summary>How many a database has. More would exceed the time limit of a statement on a busy machine.</summary>
    private const int Together = 2_000;

    private static readonly int Count = Number("INVOICE_HISTORIES", 2_000);
    private static readonly int Seed = Number("INVOICE_SEED", 20261128);

    private readonly Random random = new(Seed);

    [Fact]
    public async Task Run_RandomHistories_AgreesWithTheLedgerToTheCent_ByLicenseMonthAndInTotal_WithoutGaps()
    {
        for (var done = 0; done < Count; done += Together) await RunAsync(Math.Min(Together, Count - done));
    }

    private async Task RunAsync(int count)
    {
        var histories = Enumerable.Range(1, count).Select(number => new History(number, random)).ToList();
        var database = await postgres.NewDatabaseAsync();
        try
        {
            await database.ExecuteAsync(Begin, new
            {
                licenses = (count + RenewalsOfALicense - 1) / RenewalsOfALicense,
                numbers = histories.Select(one => one.Number).ToArray(),
                prices = histories.Select(one => one.PriceMinor / 100m).ToArray(),
                debts = histories.Select(one => one.DebtMinor / 100m).ToArray(),
                paidWith = histories.Select(one => one.PaidWith).ToArray(),
            });
            for (var round = 1; round <= Rounds; round++)
            {
                if (round == RestoredBefore)
                    database = await RestoreAsync(database);
                await BookAsync(database, [.. histories.Where(_ => random.Next(2) == 0).Select(one => one.Next(random))]);
                var ready = histories.Where(_ => random.Next(2) == 0).Select(one => one.Number).ToArray();
                await database.ExecuteAsync(MakeReady, new { ready });
                await IssueTwiceAtOnceAsync(database, round);
            }

            await database.ExecuteAsync(MakeReady, new { ready = histories.Select(one => one.Number).ToArray() });
            await IssueTwiceAtOnceAsync(database, Rounds);

            await database.ExecuteAsync("analyze billing_ledger, invoices, invoiced_entries, renewals");
            var violations = await database.QueryAllAsync<string>(Violations);
            Assert.True(violations.Count == 0, $"INVOICE_SEED={Seed}: {string.Join('\n', violations)}");
            Assert.Equal("t t t t t", await database.QueryAsync<string>(Coverage, new { count }));
        }
        finally
        {
            await database.DisposeAsync();
        }
    }

    private static int Number(string variable, int byDefault) =>
        int.Parse(Environment.GetEnvironmentVariable(variable) ?? $"{byDefault}", CultureInfo.InvariantCulture);

    // After a restore, INVOICE_PREFIX is another one. The rates change, too.
    private static async Task IssueTwiceAtOnceAsync(TestDatabase database, int round)
    {
        var settings = new InvoiceSettings(InvoiceJob.Issuer with
        {
            Series = round < RestoredBefore ? "ACME" : "ACME2",
            Rates = new TaxRates(
                new Dictionary<string, decimal> { ["DE"] = round % 3 == 0 ? 16 : 19, ["FR"] = 20, ["FI"] = 25.5m, ["US"] = 0 }, "DE"),
        })
        {
            AreMailed = false,
        };
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => InvoiceJob.RunAsync(database, settings))));
    }

    /// <summary>Issues all that waits, and loses it with the database.</summary>
    /// <returns>The backup.</returns>
    private async Task<TestDatabase> RestoreAsync(TestDatabase database)
    {
        var backup = await postgres.CopyAsync(database);
        await database.ExecuteAsync("update renewals_to_invoice set marked_at = now() - interval '2 minutes'");
        await IssueTwiceAtOnceAsync(database, RestoredBefore - 1);
        await database.DisposeAsync();
        return backup;
    }

    private static Task<int> BookAsync(TestDatabase database, List<Movement> movements)
    {
        var entries = movements.SelectMany(one => one.Entries.Select(entry => (one.Number, one.At, entry.Type, entry.Minor))).ToList();
        return database.ExecuteAsync(Book, new
        {
            paid = movements.Where(one => one.IsPayment).Select(one => one.Number).ToArray(),
            settling = movements.Where(one => one.Entries.Count(entry => entry.Type == "FEE_SUBSCRIPTION") > 1)
                .Select(one => one.Number).ToArray(),
            numbers = entries.ConvertAll(entry => entry.Number).ToArray(),
            times = entries.ConvertAll(entry => entry.At).ToArray(),
            types = entries.ConvertAll(entry => entry.Type).ToArray(),
            amounts = entries.ConvertAll(entry => entry.Minor / 100m).ToArray(),
            returned = movements.Where(one => !one.IsPayment).Select(one => one.Number).ToArray(),
            refunded = movements.Where(one => !one.IsPayment).Select(one => one.RefundedMinor).ToArray(),
            lost = movements.Where(one => !one.IsPayment).Select(one => one.LostMinor).ToArray(),
        });
    }

    private sealed record Movement(int Number, DateTime At, bool IsPayment, long RefundedMinor, long LostMinor)
    {
        /// <summary>In the ledger.</summary>
        public required IReadOnlyList<(string Type, long Minor)> Entries { get; init; }
    }

    /// <summary>A renewal: its payment, then refunds that succeed or fail and disputes that are lost or won.</summary>
    private sealed class History
    {
        private static readonly DateTime First = new(2025, 6, 1, 0, 0, 0, DateTimeKind.Utc);

        private readonly DateTime paidAt;

        // A deferred amount that was settled meanwhile stays in the wallet, so more can go back than was paid.
        private readonly bool isDebtBooked;

        private DateTime at;
        private long refunded;
        private long lost;
        private int steps;

        public History(int number, Random random)
        {
            (Number, PriceMinor) = (number, random.Next(4) == 0 ? random.Next(1, 100) : random.Next(100, 20_000));
            (DebtMinor, isDebtBooked) = (random.Next(3) == 0 ? random.Next(1, 50) : 0, random.Next(3) > 0);
            PaidWith = random.Next(3) switch { 0 => "wallet", 1 => "stripe", _ => "paypal" };
            at = paidAt = First.AddSeconds(random.Next(120 * 86_400));
        }

        public int Number { get; }

        public int PriceMinor { get; }

        public int DebtMinor { get; }

        public string PaidWith { get; }

        private long ChargedMinor => PriceMinor + DebtMinor;

        private bool IsWallet => PaidWith == "wallet";

        public Movement Next(Random random)
        {
            if (steps++ == 0)
                return Pay();
            // The ledger has the time at which a transaction began: the first return's may be before that of the payment.
            at = steps == 2 && random.Next(4) == 0 ? paidAt.AddMinutes(-random.Next(10)) : at.AddMinutes(random.Next(10, 30 * 1_440));
            var left = ChargedMinor - refunded - lost;
            return random.Next(4) switch
            {
                0 when refunded > 0 => Refund(-Part(refunded, random)),
                1 when lost > 0 => Lose(-lost),
                2 when left > 0 => Lose(Part(left, random)),
                _ when left > 0 => Refund(Part(left, random)),
                _ when lost > 0 => Lose(-lost),
                _ => Refund(-refunded),
            };
        }

        private Movement Pay()
        {
            var entries = new List<(string, long)> { ("FEE_SUBSCRIPTION", PriceMinor) };
            if (DebtMinor > 0 && isDebtBooked) entries.Add(("FEE_SUBSCRIPTION", DebtMinor));
            if (!IsWallet) entries.Add(("DEPOSIT", ChargedMinor));
            return new Movement(Number, paidAt, IsPayment: true, 0, 0) { Entries = entries };
        }

        private Movement Refund(long minor)
        {
            refunded += minor;
            return Return("REFUND", minor);
        }

        private Movement Lose(long minor)
        {
            lost += minor;
            return Return("ADJUSTMENT_ADMIN", minor);
        }

        private Movement Return(string type, long minor) => new(Number, at, IsPayment: false, refunded, lost)
        {
            Entries = minor < 0 ? [("DEPOSIT", -minor), ("FEE_SUBSCRIPTION", -minor)]
                : IsWallet ? [(type, minor)]
                : [(type, minor), ("WITHDRAWAL", minor)],
        };

        private static long Part(long minor, Random random) => random.Next(3) == 0 ? minor : random.NextInt64(1, minor + 1);
    }

    private const string Begin = """
        create function id(kind int, number int) returns uuid language sql immutable as $$
            select (lpad(to_hex(kind), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
        $$;
        insert into users (user_id, email, role)
        select id(1, n), 's' || n || '@x.test', 'subscriber' from generate_series(1, @licenses) n
        union all select id(0, 0), 'm@x.test', 'master';
        insert into user_wallets (user_id) select id(1, n) from generate_series(1, @licenses) n;
        insert into billing_details (user_id, name, country)
        select id(1, n), 'Buyer ' || n, (array['FR', 'US', 'FI', null])[1 + n % 4] from generate_series(1, @licenses) n where n % 5 > 0;
        insert into subscriptions (subscription_id, subscriber_id, master_id)
        select id(2, n), id(1, n), id(0, 0) from generate_series(1, @licenses) n;
        insert into renewals
            (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, debts_usd, gives_up_at)
        select id(3, h.number), id(2, l.license), id(1, l.license),
               '2025-06-01Z'::timestamptz + h.number / @licenses * interval '720 hours', 'auto', 'due', h.price, h.debt, now()
        from unnest(@numbers, @prices, @debts) h (number, price, debt)
        cross join lateral (select 1 + h.number % @licenses as license) l;
        insert into renewal_attempts
            (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, transaction_id)
        select id(4, h.number), id(3, h.number), 1, h.paid_with, id(5, h.number), '{}', now(), true, 'succeeded', h.number::text
        from unnest(@numbers, @paidWith) h (number, paid_with)
        where h.paid_with <> 'wallet'
        """;

    private const string Book = """
        begin;
        update renewals r
        set status = 'applied', paid_from = period_start, paid_until = period_start + interval '720 hours',
            paid_with = case when exists (select from renewal_attempts a where a.renewal_id = r.renewal_id) then 'card' else 'wallet' end
        from unnest(@paid) p (number)
        where r.renewal_id = id(3, p.number);
        insert into renewals
            (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with, paid_from, paid_until,
             settled_by)
        select r.subscription_id, r.user_id, d.start, 'auto', 'applied', r.debts_usd, now(), 'deferred', d.start,
               d.start + interval '720 hours', r.renewal_id
        from unnest(@settling) s (number)
        join renewals r on r.renewal_id = id(3, s.number)
        cross join lateral (select r.period_start - interval '9000 days' as start) d;
        insert into billing_ledger
            (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, created_at)
        select r.user_id, w.wallet_id, e.type::ledger_entry_type, e.amount, case when e.is_debit then e.amount else 0 end,
               case when e.is_debit then 0 else e.amount end, r.renewal_id, e.booked_at
        from (select *, type in ('FEE_SUBSCRIPTION', 'WITHDRAWAL') as is_debit
              from unnest(@numbers, @times, @types, @amounts) m (number, booked_at, type, amount)) e
        join renewals r on r.renewal_id = id(3, e.number)
        join user_wallets w on w.user_id = r.user_id;
        insert into reversal_effects (renewal_id, share, taken, stopped_auto_renewal, refunded_minor, charged_back_minor)
        select id(3, m.number), 0, '0', false, m.refunded, m.lost
        from unnest(@returned, @refunded, @lost) m (number, refunded, lost)
        on conflict (renewal_id) do update
        set refunded_minor = excluded.refunded_minor, charged_back_minor = excluded.charged_back_minor;
        commit
        """;

    private const string MakeReady = """
        update renewals_to_invoice i set marked_at = now() - interval '2 minutes'
        from unnest(@ready) r (number)
        where i.renewal_id = id(3, r.number)
        """;

    /// <summary>
    /// What is wrong, at most 20 of each kind. A renewal costs what its ledger says, but never less than nothing: what went back beyond the
    /// fees was no supply. So a month has the changes of that cost.
    /// </summary>
    private const string Violations = """
        with entries as materialized (
            select r.subscription_id, r.renewal_id, l.ledger_id, l.created_at,
                   l.amount_usd * case l.entry_type when 'FEE_SUBSCRIPTION' then 1 else -1 end as amount_usd,
                   l.created_at = min(l.created_at) filter (where l.entry_type = 'FEE_SUBSCRIPTION') over (partition by r.renewal_id)
                       and l.entry_type = 'FEE_SUBSCRIPTION' as is_payment
            from billing_ledger l
            join renewals r on r.renewal_id = l.reference_id
            where l.entry_type in ('FEE_SUBSCRIPTION', 'REFUND', 'ADJUSTMENT_ADMIN')
        ), costs as (
            select *, sum(amount_usd) over (
                partition by renewal_id order by is_payment desc, created_at, amount_usd desc rows unbounded preceding) as cost_usd
            from entries
        ), documents as materialized (
            select *, gross_usd * case kind when 'invoice' then 1 else -1 end as signed_usd from invoices
        ), booked (about, subject, amount_usd) as (
            select 'renewal', renewal_id::text, greatest(0, sum(amount_usd)) from entries group by renewal_id
            union all
            select 'license', subscription_id::text, sum(cost_usd)
            from (select subscription_id, greatest(0, sum(amount_usd)) as cost_usd from entries group by subscription_id, renewal_id) r
            group by subscription_id
            union all
            select 'month', to_char(created_at at time zone 'UTC', 'YYYY-MM'),
                   sum(greatest(0, cost_usd) - greatest(0, cost_usd - amount_usd))
            from costs group by 2
            union all
            select 'total', '', sum(cost_usd)
            from (select greatest(0, sum(amount_usd)) as cost_usd from entries group by renewal_id) r
        ), documented (about, subject, amount_usd) as (
            select 'renewal', renewal_id::text, sum(signed_usd) from documents group by renewal_id
            union all
            select 'license', subscription_id::text, sum(signed_usd) from documents group by subscription_id
            union all
            select 'month', to_char(booked_at at time zone 'UTC', 'YYYY-MM'), sum(signed_usd) from documents group by 2
            union all
            select 'total', '', sum(signed_usd) from documents
        ), found (kind, message) as (
            select about, concat_ws(' ', about, subject, 'costs', b.amount_usd, 'and its documents say', d.amount_usd)
            from booked b
            full join documented d using (about, subject)
            where coalesce(b.amount_usd, 0) <> coalesce(d.amount_usd, 0)
            union all
            select 'gap', concat_ws(' ', 'gap in', s.series, s.year, s.last_number, count(i.number), min(i.sequence), max(i.sequence))
            from invoice_series s
            left join invoices i using (series, year)
            group by s.series, s.year, s.last_number
            having count(i.number) <> s.last_number or min(i.sequence) <> 1 or max(i.sequence) <> s.last_number
            union all
            select 'order', concat_ws(' ', number, 'was issued before the number that precedes it')
            from (select number, issued_at, lag(issued_at) over (partition by series order by year, sequence) as previous
                  from invoices) i
            where issued_at < previous
            union all
            select 'entry', concat_ws(' ', 'entry', e.ledger_id, 'of', e.renewal_id, 'is in no document, or twice')
            from entries e
            full join invoiced_entries i using (ledger_id)
            where e.renewal_id is distinct from i.renewal_id
            union all
            select 'credit', concat_ws(' ', number, 'is credited with', c.gross, c.net)
            from invoices i
            join (select corrects, sum(gross_usd) as gross, sum(net_usd) as net from documents group by corrects) c on c.corrects = i.number
            where c.gross > i.gross_usd or c.net > i.net_usd or c.gross - c.net > i.tax_usd
               or (c.gross = i.gross_usd and c.net <> i.net_usd)
            union all
            select 'copy', concat_ws(' ', n.number, 'has another buyer, rate or means of payment than', i.number)
            from invoices n
            join invoices i on i.number = n.corrects
            where (n.renewal_id, n.buyer, n.tax_country, n.tax_percent, n.paid_with)
                  is distinct from (i.renewal_id, i.buyer, i.tax_country, i.tax_percent, i.paid_with)
            union all
            select 'lines', concat_ws(' ', number, 'has other lines than its sums')
            from invoices i
            cross join lateral (
                select sum((l ->> 'gross_usd')::numeric) as gross, sum((l ->> 'net_usd')::numeric) as net
                from jsonb_array_elements(i.lines) l) s
            where (i.gross_usd, i.net_usd) is distinct from (s.gross, s.net)
            union all
            select 'means', concat_ws(' ', i.number, 'was not paid with', i.paid_with)
            from invoices i
            left join renewal_attempts a on a.renewal_id = i.renewal_id
            where i.paid_with <> case a.provider when 'paypal' then 'paypal' when 'stripe' then 'card' else 'wallet' end
            union all
            select 'skipped', concat_ws(' ', row_id, 'was skipped:', reason) from skipped_rows
            union all
            select 'waiting', concat_ws(' ', renewal_id, 'waits') from renewals_to_invoice
        )
        select message from (select *, row_number() over (partition by kind order by message) as place from found) f where place <= 20
        """;

    // The histories cover all kinds: payments of all kinds, money that went back and came back, more than was paid, and months.
    private const string Coverage = """
        select concat_ws(' ',
            (select count(*) = 4 from (select distinct tax_percent from invoices where tax_percent <> 16) p)
                and (select count(*) = 3 from (select distinct paid_with from invoices) p),
            (select count(*) > @count * 1.1 from invoices where kind = 'invoice'),
            (select count(*) > @count from invoices where kind = 'credit_note'),
            (select count(*) > @count / 100 from (
                select from billing_ledger where entry_type in ('FEE_SUBSCRIPTION', 'REFUND', 'ADJUSTMENT_ADMIN')
                group by reference_id
                having sum(amount_usd * case entry_type when 'FEE_SUBSCRIPTION' then 1 else -1 end) < 0) b),
            (select count(distinct to_char(booked_at at time zone 'UTC', 'YYYY-MM')) >= 4 from invoices))
        """;
}
