using System.Text;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Invoices;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing.Invoices;
using MimeKit;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>Bookings are written as the renewals write them: the renewal, the ledger and what was reversed.</summary>
public sealed class IssueInvoicesTests(PostgresFixture postgres)
{
    private static readonly InvoiceIssuer Issuer = InvoiceJob.Issuer;

    [Fact]
    public async Task Run_PaymentsAndReturns_HaveOneDocumentEach_InTheOrderOfTheirBookings()
    {
        await using var scene = await SceneAsync();
        var old = await PayAsync(scene, 0, 10);
        // As if it was paid before the migration.
        await scene.Database.ExecuteAsync("delete from renewals_to_invoice");
        var first = await PayAsync(scene, 1, 119);
        await new BillingDetailsStore(scene.Database.Database).SaveAsync(
            scene.SubscriberId, new BillingDetails("Ada", "Rue 1", "FR", null), Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        var second = await PayAsync(scene, 2, 29.99m, settles: 0.30m, provider: "paypal");
        await ReturnAsync(scene, first, 19);
        await ReturnAsync(scene, old, 10);

        Assert.Equal(new InvoiceCounts(0, 0, 0, 0), await RunAsync(scene)); // too young
        await AgeAsync(scene);
        Assert.Equal(new InvoiceCounts(2, 1, 0, 0), await RunAsync(scene));
        Assert.Equal(new InvoiceCounts(0, 0, 0, 0), await RunAsync(scene));
        await ReturnAsync(scene, first, 100);
        await AgeAsync(scene);
        Assert.Equal(new InvoiceCounts(0, 1, 0, 0), await RunAsync(scene));

        var year = await scene.Database.QueryAsync<int>("select extract(year from now() at time zone 'UTC')::int");
        Assert.Equal(
            [
                $"ACME-{year}-000001 invoice {first} 119.00 19.83 FR Ada 1 wallet",
                $"ACME-{year}-000002 invoice {second} 30.29 5.05 FR Ada 2 paypal",
                $"ACME-{year}-000003 credit_note {first} 19.00 3.17 FR Ada 1 wallet ACME-{year}-000001",
                $"ACME-{year}-000004 credit_note {first} 100.00 16.66 FR Ada 1 wallet ACME-{year}-000001",
            ],
            await scene.Database.QueryAllAsync<string>(
                """
                select concat_ws(' ', number, kind, renewal_id, gross_usd, tax_usd, tax_country, buyer ->> 'name',
                                 jsonb_array_length(lines), paid_with, corrects)
                from invoices order by sequence
                """));
        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => scene.Database.ExecuteAsync("update invoices set tax_usd = tax_usd"));
        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
        Assert.Equal(
            Enumerable.Range(1, 4).Select(number => $"ACME-{year}-00000{number}"),
            await scene.Database.QueryAllAsync<string>(
                "select payload -> 'model' ->> 'invoice_number' from outbox where payload ->> 'template' = 'invoice' order by 1"));
    }

    [Fact]
    public async Task Run_RenewalsThatCantBeInvoiced_AreLeftOut_AndTriedAgain()
    {
        await using var scene = await SceneAsync();
        await scene.Database.ExecuteAsync(
            """
            create function refuse_thirteen() returns trigger language plpgsql as $$
            begin
                if new.gross_usd = 13 then raise exception 'refused'; end if;
                return new;
            end $$;
            create trigger refuse_thirteen before insert on invoices for each row execute function refuse_thirteen()
            """);
        var paid = new List<Guid>();
        for (var period = 1; period <= 20; period++) paid.Add(await PayAsync(scene, period, period));
        await scene.Database.ExecuteAsync(
            "update renewals set paid_from = 'infinity', paid_until = 'infinity' where renewal_id = @id", new { id = paid[4] });
        await AgeAsync(scene);

        Assert.Equal(new InvoiceCounts(18, 0, 2, 0), await RunAsync(scene));
        await ReturnAsync(scene, paid[12], 1); // no invoice yet that it could correct
        await scene.Database.ExecuteAsync("update renewals_to_invoice set marked_at = now() - interval '2 minutes' where not is_payment");
        Assert.Equal(new InvoiceCounts(0, 0, 0, 0), await RunAsync(scene));
        Assert.Equal(
            new[] { paid[4], paid[12] }.Order(),
            (await scene.Database.QueryAllAsync<Guid>("select row_id from skipped_rows where source = 'invoice'")).Order());

        await scene.Database.ExecuteAsync("drop trigger refuse_thirteen on invoices");
        await scene.Database.ExecuteAsync(
            "update renewals set paid_from = period_start, paid_until = period_start + interval '720 hours' where paid_from = 'infinity'");
        await scene.Database.ExecuteAsync("update renewals_to_invoice set marked_at = now() - interval '2 minutes'");
        Assert.Equal(new InvoiceCounts(2, 1, 0, 0), await RunAsync(scene));
        Assert.Equal(
            "21 21",
            await scene.Database.QueryAsync<string>("select concat_ws(' ', count(*), max(sequence)) from invoices"));
    }

    [Fact]
    public async Task Run_WithoutASeller_KeepsTheMarksOfAYear()
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await PayAsync(scene, 2, 10);
        await scene.Database.ExecuteAsync(
            """
            update renewals_to_invoice set marked_at = now() - interval '366 days'
            where mark_id = (select min(mark_id) from renewals_to_invoice)
            """);

        Assert.Equal(new InvoiceCounts(0, 0, 0, 1), await RunAsync(scene, new InvoiceSettings(Issuer: null)));
    }

    // Payments of the lost time are booked first, so that the numbers have the order of the bookings.
    [Fact]
    public async Task Run_WhileEventsOfAConfiguredProviderAreUnread_Waits()
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await scene.Database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at, missed_until)
            values ('stripe', now(), now(), now() - interval '2 days'), ('paypal', '2020-01-01', '2020-01-01', '2020-01-01')
            """);

        Assert.Equal(new InvoiceCounts(0, 0, 0, 1), await RunAsync(scene));
        await scene.Database.ExecuteAsync("update payment_event_reads set missed_until = null where provider = 'stripe'");
        Assert.Equal(new InvoiceCounts(1, 0, 0, 0), await RunAsync(scene));
    }

    [Theory]
    [InlineData("2 days 23 hours 59 minutes", "0", 0)]
    [InlineData("3 days", "0", 1)]
    [InlineData("3 days", "15 minutes", 0)] // stopped again: the timer asks first
    public async Task Run_AProviderIsOutOfReachForThreeDays_NoLongerWaits(string missed, string asked, int issued)
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await scene.Database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at, missed_until)
            values ('stripe', now() - interval '4 days', now() - @asked::interval, now() - @missed::interval)
            """,
            new { missed, asked });

        Assert.Equal(new InvoiceCounts(issued, 0, 0, 1 - issued), await RunAsync(scene));
    }

    // The timer that reads the events may be disabled: the first run that waits notes when the wait began.
    [Theory]
    [InlineData("null", "null")]
    [InlineData("now() - interval '9 days'", "now() - interval '9 days'")]
    public async Task Run_AProviderThatIsNotAskedForItsEvents_WaitsForThreeDays(string asked, string missed)
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await scene.Database.ExecuteAsync(
            $"insert into payment_event_reads (provider, asked_at, missed_until) values ('stripe', {asked}, {missed})");
        const string Pass = "update payment_event_reads set missed_until = missed_until - @by::interval";

        Assert.Equal(new InvoiceCounts(0, 0, 0, 1), await RunAsync(scene));
        await scene.Database.ExecuteAsync(Pass, new { by = "2 days 23 hours 59 minutes" });
        Assert.Equal(new InvoiceCounts(0, 0, 0, 1), await RunAsync(scene));
        await scene.Database.ExecuteAsync(Pass, new { by = "1 minute" });
        Assert.Equal(new InvoiceCounts(1, 0, 0, 0), await RunAsync(scene));
        Assert.Equal(["stripe"], await scene.Database.QueryAllAsync<string>("select provider from payment_event_reads"));
    }

    [Fact]
    public async Task FilesOf_AMailAboutAnInvoice_AreItsPdfAndItsXml()
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await RunAsync(scene);
        var model = JsonNode.Parse(await scene.Database.QueryAsync<string>(
            "select payload ->> 'model' from outbox where payload ->> 'template' = 'invoice'"))!.AsObject();
        var number = (string)model["invoice_number"]!;
        var mails = new InvoiceMails(
            new InvoiceStore(scene.Database.Database), new MailSettings(null, new MailboxAddress("", "licenses@example.org"), null));

        var files = await mails.FilesOfAsync(
            new OutgoingMail(Guid.NewGuid(), "ada@example.com", "invoice", model, DateTimeOffset.UnixEpoch, "de"), LicenseScene.Stop);
        var others = await mails.FilesOfAsync(
            new OutgoingMail(Guid.NewGuid(), "ada@example.com", "renewed", model, DateTimeOffset.UnixEpoch), LicenseScene.Stop);

        Assert.Equal([$"{number}.pdf", $"{number}.xml"], files.Select(file => file.Name));
        Assert.StartsWith("%PDF-1.", Encoding.Latin1.GetString(files[0].Content), StringComparison.Ordinal);
        Assert.Contains($"<cbc:ID>{number}</cbc:ID>", Encoding.UTF8.GetString(files[1].Content), StringComparison.Ordinal);
        Assert.InRange(files.Sum(file => file.Content.Length), 1_000, 200_000);
        Assert.Empty(others);
    }

    [Fact]
    public void MailsOf_Documents_AreAboutBookingsOfTheLastDays_UnlessTheyAreSwitchedOff()
    {
        var now = TimeProvider.System.GetUtcNow();
        Invoice Of(int days) => new(
            new InvoiceNumber("ACME", 2026, days), InvoiceKind.Invoice, Guid.Empty, Guid.Empty, Guid.Empty, now.AddDays(-days), now,
            Issuer.Seller, Issuer.Seller, "DE", 19, "card", [new InvoiceLine(null, now, now, 10, 8.4m)]);
        var settings = new InvoiceSettings(Issuer);

        Assert.Equal(["invoice:ACME-2026-000006"], InvoiceMails.Of([Of(6), Of(7), Of(300)], settings).Select(mail => mail.DedupKey));
        Assert.Empty(InvoiceMails.Of([Of(1)], settings with { AreMailed = false }));
    }

    [Fact]
    public async Task Run_KilledBeforeItsCommit_UsesNoNumber_AndBookingsDontWaitForIt()
    {
        await using var scene = await SceneAsync();
        var paid = await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        var store = new InvoiceStore(scene.Database.Database);

        var marks = await store.NextAsync(TimeSpan.Zero, 10, LicenseScene.Stop);
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.IssueAsync(
            Issuer.Series, marks, (_, _, _) => throw new InvalidOperationException(), _ => [], LicenseScene.Stop));
        await store.IssueAsync(
            Issuer.Series, marks,
            (renewals, last, now) =>
            {
                BookMeanwhile(scene, paid);
                return InvoicePlan.Of(renewals, Issuer.Seller, Issuer.Rates, last, now);
            },
            _ => [], LicenseScene.Stop);
        await AgeAsync(scene);
        await RunAsync(scene);

        Assert.Equal(
            ["1 10.00", "2 20.00", "3 1.00"],
            await scene.Database.QueryAllAsync<string>("select concat_ws(' ', sequence, gross_usd) from invoices order by sequence"));
    }

    [Fact]
    public async Task Run_FourAtOnce_IssueEachPaymentOnce_WithoutGaps()
    {
        await using var scene = await SceneAsync();
        for (var period = 1; period <= 40; period++) await PayAsync(scene, period, period);
        await AgeAsync(scene);

        var counts = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => RunAsync(scene))));

        Assert.Equal(40, counts.Sum(one => one.Invoices));

        Assert.Equal(
            Enumerable.Range(1, 40).Select(number => $"{number} {number}.00"),
            await scene.Database.QueryAllAsync<string>("select concat_ws(' ', sequence, gross_usd) from invoices order by sequence"));
    }

    [Fact]
    public async Task Issue_WaitingForAnotherRun_TakesItsTimeAfterThatRun()
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await PayAsync(scene, 2, 20);
        var marks = await new InvoiceStore(scene.Database.Database).NextAsync(TimeSpan.Zero, 10, LicenseScene.Stop);
        var waiting = Task.CompletedTask;
        var between = default(DateTime);

        await IssueAsync(scene, marks[0], () =>
        {
            waiting = Task.Run(() => IssueAsync(scene, marks[1], () => { }));
            between = TimeOfAWait(scene);
        });
        await waiting;

        Assert.Equal(
            ["1 10.00 t", "2 20.00 f"],
            await scene.Database.QueryAllAsync<string>(
                "select concat_ws(' ', sequence, gross_usd, issued_at < @between) from invoices order by sequence", new { between }));
    }

    /// <summary>The last document of the series, and what the next one is.</summary>
    [Theory]
    [InlineData("this_year - interval '1 microsecond'", 7, "1 t t")] // the last one of a year
    [InlineData("this_year", 7, "8 t t")]
    [InlineData("this_year + interval '1 year' - interval '1 microsecond'", 7, "8 t f")] // the clock was set back
    [InlineData("this_year + interval '1 year'", 7, "8 t f")]
    public async Task Issue_AtTheEndOfAYear_NumbersByTheYearOfTheTime_WhichNeverGoesBack(string last, int sequence, string expected)
    {
        await using var scene = await SceneAsync();
        await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await RunAsync(scene, new InvoiceSettings(Issuer with { Series = "OTHER" }));
        await scene.Database.ExecuteAsync(
            $"""
            insert into invoices
            select (jsonb_populate_record(i, jsonb_build_object(
                       'number', concat_ws('-', 'ACME', y.year, lpad(@sequence::text, 6, '0')), 'series', 'ACME', 'year', y.year,
                       'sequence', @sequence, 'issued_at', l.issued_at))).*
            from invoices i
            cross join lateral (select date_trunc('year', i.issued_at, 'UTC') as this_year) t
            cross join lateral (select {last} as issued_at) l
            cross join lateral (select extract(year from l.issued_at at time zone 'UTC')::int as year) y;
            insert into invoice_series (series, year, last_number) select series, year, sequence from invoices where series = 'ACME'
            """,
            new { sequence });
        await PayAsync(scene, 2, 20);
        await AgeAsync(scene);

        await RunAsync(scene);

        Assert.Equal(expected, await scene.Database.QueryAsync<string>(
            """
            select concat_ws(' ', i.sequence, i.issued_at >= l.issued_at, i.issued_at > l.issued_at)
            from invoices i
            join invoices l on l.series = i.series and l.gross_usd = 10
            where i.series = 'ACME' and i.gross_usd = 20
              and i.number = concat_ws('-', 'ACME', to_char(i.issued_at at time zone 'UTC', 'YYYY'), lpad(i.sequence::text, 6, '0'))
            """));
    }

    [Fact]
    public async Task Erasure_DeletesTheDetails_AndKeepsIssuedInvoices()
    {
        await using var scene = await SceneAsync();
        var details = new BillingDetailsStore(scene.Database.Database);
        await details.SaveAsync(
            scene.SubscriberId, new BillingDetails("Ada", "Rue 1", "FR", null), Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        var paid = await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await RunAsync(scene);

        var erased = await new PersonStore(scene.Database.Database).EraseAsync(scene.SubscriberId, null, "asked", LicenseScene.Stop);
        await ReturnAsync(scene, paid, 10);
        await AgeAsync(scene);
        await RunAsync(scene);

        Assert.Contains("\"kept\": {\"invoices\": 1, \"invoices_with_mail_address\": 0}", erased, StringComparison.Ordinal);
        Assert.Contains("\"billing_details\": 1", erased, StringComparison.Ordinal);
        Assert.Null(await details.FindAsync(scene.SubscriberId, LicenseScene.Stop));
        Assert.Equal(["invoice Ada", "credit_note Ada"], await scene.Database.QueryAllAsync<string>(
            "select concat_ws(' ', kind, buyer ->> 'name') from invoices order by sequence"));
        Assert.Equal("0", await scene.Database.QueryAsync<string>(
            "select count(*)::text from outbox where payload ->> 'template' = 'invoice' and dead_at is null"));
        Assert.False(await details.SaveAsync(
            scene.SubscriberId, new BillingDetails("Ada", null, null, null), Actor.Owner(scene.SubscriberId), LicenseScene.Stop));
    }

    [Fact]
    public async Task Erasure_OfABuyerWithoutDetails_LeavesTheAddressInIssuedInvoicesOnly_AndSaysSo()
    {
        await using var scene = await SceneAsync();
        var email = await scene.Database.QueryAsync<string>("select email from users where user_id = @SubscriberId", scene);
        var paid = await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        await RunAsync(scene);
        await PayAsync(scene, 2, 20);

        var erased = await new PersonStore(scene.Database.Database).EraseAsync(scene.SubscriberId, null, "asked", LicenseScene.Stop);
        await ReturnAsync(scene, paid, 10);
        await AgeAsync(scene);
        await RunAsync(scene);

        Assert.Contains("\"kept\": {\"invoices\": 1, \"invoices_with_mail_address\": 1}", erased, StringComparison.Ordinal);
        Assert.Equal([$"invoice {email}", "invoice Customer", "credit_note Customer"], await scene.Database.QueryAllAsync<string>(
            "select concat_ws(' ', kind, buyer ->> 'name') from invoices order by sequence"));
    }

    private static Task<IReadOnlyList<Invoice>> IssueAsync(LicenseScene scene, InvoiceMark mark, Action meanwhile) =>
        new InvoiceStore(scene.Database.Database).IssueAsync(
            Issuer.Series, [mark],
            (renewals, last, now) =>
            {
                meanwhile();
                return InvoicePlan.Of(renewals, Issuer.Seller, Issuer.Rates, last, now);
            },
            _ => [], LicenseScene.Stop);

    /// <summary>A time at which a statement waits for a lock.</summary>
    private static DateTime TimeOfAWait(LicenseScene scene)
    {
        DateTime? time = null;
        while (time is null)
        {
            time = scene.Database.QueryAsync<DateTime?>(
                """
                select max(clock_timestamp()) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                """).GetAwaiter().GetResult();
        }

        return time.Value;
    }

    // The run holds the lock of the series.
    private static void BookMeanwhile(LicenseScene scene, Guid paid)
    {
        PayAsync(scene, 2, 20).GetAwaiter().GetResult();
        ReturnAsync(scene, paid, 1).GetAwaiter().GetResult();
    }

    private static Task<InvoiceCounts> RunAsync(LicenseScene scene, InvoiceSettings? settings = null) =>
        InvoiceJob.RunAsync(scene.Database, settings ?? new InvoiceSettings(Issuer));

    private async Task<LicenseScene> SceneAsync()
    {
        var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            "insert into user_wallets (user_id) values (@SubscriberId); select credit_wallet(@SubscriberId, 9000, 'DEPOSIT', 'Deposit')",
            new { scene.SubscriberId });
        return scene;
    }

    /// <param name="period">The number of the period of 30 days.</param>
    /// <param name="settles">The price of an earlier renewal that the payment includes.</param>
    /// <param name="provider">Who charged it; null: the wallet paid.</param>
    private static async Task<Guid> PayAsync(
        LicenseScene scene, int period, decimal amount, decimal settles = 0, string? provider = null)
    {
        var renewalId = Guid.NewGuid();
        await scene.Database.ExecuteAsync(
            """
            begin;
            insert into renewals
                (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, debts_usd, gives_up_at)
            values (@renewalId, @SubscriptionId, @SubscriberId, now() + @period * interval '720 hours', 'auto', 'due', @amount, @settles,
                    now());
            insert into renewal_attempts
                (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status,
                 transaction_id)
            select @renewalId, @renewalId, 1, @provider, @renewalId, '{}', now(), true, 'succeeded', @renewalId::text
            where @provider is not null;
            update renewals
            set status = 'applied', paid_with = case when @provider is null then 'wallet' else 'card' end, paid_from = period_start,
                paid_until = period_start + interval '720 hours' where renewal_id = @renewalId;
            insert into renewals
                (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with, paid_from, paid_until,
                 settled_by)
            select @SubscriptionId, @SubscriberId, p.start, 'auto', 'applied', @settles, now(), 'deferred', p.start,
                   p.start + interval '720 hours', @renewalId
            from (select now() - interval '8000 hours' as start) p where @settles > 0;
            select debit_wallet(@SubscriberId, @amount, 'FEE_SUBSCRIPTION', 'License renewal', @renewalId);
            select debit_wallet(@SubscriberId, @settles, 'FEE_SUBSCRIPTION', 'Deferred', @renewalId) where @settles > 0;
            commit
            """,
            new { renewalId, scene.SubscriptionId, scene.SubscriberId, period, amount, settles, provider });
        return renewalId;
    }

    private static Task<int> ReturnAsync(LicenseScene scene, Guid renewalId, decimal amount) => scene.Database.ExecuteAsync(
        """
        begin;
        insert into reversal_effects (renewal_id, share, taken, stopped_auto_renewal, refunded_minor, charged_back_minor)
        values (@renewalId, 0, '0', false, @amount * 100, 0)
        on conflict (renewal_id) do update set refunded_minor = reversal_effects.refunded_minor + excluded.refunded_minor;
        select credit_wallet(@SubscriberId, @amount, 'REFUND', 'Refund', @renewalId);
        commit
        """,
        new { renewalId, amount, scene.SubscriberId });

    private static Task<int> AgeAsync(LicenseScene scene) =>
        scene.Database.ExecuteAsync("update renewals_to_invoice set marked_at = marked_at - interval '2 minutes'");
}
