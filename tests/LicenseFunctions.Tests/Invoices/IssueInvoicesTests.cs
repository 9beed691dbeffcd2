using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Invoices;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing.Invoices;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>Bookings are written as the renewals write them: the renewal, the ledger and what was reversed.</summary>
public sealed class IssueInvoicesTests(PostgresFixture postgres)
{
    private static readonly InvoiceIssuer Issuer = new(
        new InvoiceParty("Example GmbH", "Street 1\n10115 Berlin", "DE", "DE123456789"), "ACME",
        new TaxRates(new Dictionary<string, decimal> { ["DE"] = 19, ["FR"] = 20 }, "DE"));

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
        var second = await PayAsync(scene, 2, 29.99m, settles: 0.30m);
        await ReturnAsync(scene, first, 19);
        await ReturnAsync(scene, old, 10);

        Assert.Equal(new InvoiceCounts(0, 0, 0), await RunAsync(scene)); // too young
        await AgeAsync(scene);
        Assert.Equal(new InvoiceCounts(2, 1, 0), await RunAsync(scene));
        Assert.Equal(new InvoiceCounts(0, 0, 0), await RunAsync(scene));
        await ReturnAsync(scene, first, 100);
        await AgeAsync(scene);
        Assert.Equal(new InvoiceCounts(0, 1, 0), await RunAsync(scene));

        var year = await scene.Database.QueryAsync<int>("select extract(year from now() at time zone 'UTC')::int");
        Assert.Equal(
            [
                $"ACME-{year}-000001 invoice {first} 119.00 19.83 FR Ada 1",
                $"ACME-{year}-000002 invoice {second} 30.29 5.05 FR Ada 2",
                $"ACME-{year}-000003 credit_note {first} 19.00 3.17 FR Ada 1 ACME-{year}-000001",
                $"ACME-{year}-000004 credit_note {first} 100.00 16.66 FR Ada 1 ACME-{year}-000001",
            ],
            await scene.Database.QueryAllAsync<string>(
                """
                select concat_ws(' ', number, kind, renewal_id, gross_usd, tax_usd, tax_country, buyer ->> 'name',
                                 jsonb_array_length(lines), corrects)
                from invoices order by sequence
                """));
        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => scene.Database.ExecuteAsync("update invoices set tax_usd = tax_usd"));
        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task Run_KilledBeforeItsCommit_UsesNoNumber_AndBookingsDontWaitForIt()
    {
        await using var scene = await SceneAsync();
        var paid = await PayAsync(scene, 1, 10);
        await AgeAsync(scene);
        var store = new InvoiceStore(scene.Database.Database);

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.IssueAsync(
            Issuer.Series, (_, _, _) => throw new InvalidOperationException(), TimeSpan.Zero, 10, LicenseScene.Stop));
        await store.IssueAsync(
            Issuer.Series,
            (renewals, last, now) =>
            {
                BookMeanwhile(scene, paid);
                return Plan(renewals, last, now);
            },
            TimeSpan.Zero, 10, LicenseScene.Stop);
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
        var store = new InvoiceStore(scene.Database.Database);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while ((await store.IssueAsync(Issuer.Series, Plan, TimeSpan.Zero, 3, LicenseScene.Stop)).HasMore) { }
        })));

        Assert.Equal(
            Enumerable.Range(1, 40).Select(number => $"{number} {number}.00"),
            await scene.Database.QueryAllAsync<string>("select concat_ws(' ', sequence, gross_usd) from invoices order by sequence"));
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

        Assert.Contains("\"kept\": {\"invoices\": 1}", erased, StringComparison.Ordinal);
        Assert.Contains("\"billing_details\": 1", erased, StringComparison.Ordinal);
        Assert.Null(await details.FindAsync(scene.SubscriberId, LicenseScene.Stop));
        Assert.Equal(["invoice Ada", "credit_note Ada"], await scene.Database.QueryAllAsync<string>(
            "select concat_ws(' ', kind, buyer ->> 'name') from invoices order by sequence"));
        Assert.False(await details.SaveAsync(
            scene.SubscriberId, new BillingDetails("Ada", null, null, null), Actor.Owner(scene.SubscriberId), LicenseScene.Stop));
    }

    // The run holds the lock of the series.
    private static void BookMeanwhile(LicenseScene scene, Guid paid)
    {
        PayAsync(scene, 2, 20).GetAwaiter().GetResult();
        ReturnAsync(scene, paid, 1).GetAwaiter().GetResult();
    }

    private static IReadOnlyList<Invoice> Plan(IReadOnlyList<BillableRenewal> renewals, InvoiceNumber last, DateTimeOffset now) =>
        InvoicePlan.Of(renewals, Issuer.Seller, Issuer.Rates, last, now);

    private static Task<InvoiceCounts> RunAsync(LicenseScene scene) =>
        new IssueInvoices(
            new InvoiceSettings(Issuer), new InvoiceStore(scene.Database.Database), TimeProvider.System,
            NullLogger<IssueInvoices>.Instance).RunAsync(LicenseScene.Stop);

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
    private static async Task<Guid> PayAsync(LicenseScene scene, int period, decimal amount, decimal settles = 0)
    {
        var renewalId = Guid.NewGuid();
        await scene.Database.ExecuteAsync(
            """
            begin;
            insert into renewals
                (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, debts_usd, gives_up_at)
            values (@renewalId, @SubscriptionId, @SubscriberId, now() + @period * interval '720 hours', 'auto', 'due', @amount, @settles,
                    now());
            update renewals set status = 'applied', paid_with = 'wallet', paid_from = period_start,
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
            new { renewalId, scene.SubscriptionId, scene.SubscriberId, period, amount, settles });
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
