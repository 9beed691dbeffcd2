using System.Net;
using DevServices;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Pages;

/// <summary>A proxy can make every visitor look like a browser on this machine. The secret of ./dev run can't be guessed.</summary>
public sealed class DemoSignInTests(PostgresFixture postgres)
{
    private const string Secret = "a-secret";

    [Theory]
    [InlineData(Secret, Secret, true)]
    [InlineData(Secret, "A-SECRET", false)]
    [InlineData(Secret, "", false)]
    [InlineData(Secret, null, false)]
    [InlineData("", "", false)] // without a secret, nobody signs in
    [InlineData(null, null, false)]
    public async Task List_FromThisMachine_NeedsTheSecret(string? configured, string? sent, bool offered)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["DEMO_SIGN_IN_SECRET"] = configured }).Build();
        var signIn = new DemoSignIn(
            new DemoPersonStore(database.Database), new HttpSettings(null, null, new byte[32], new ClientAddressSource(0), 600),
            configuration, TimeProvider.System);
        var http = new DefaultHttpContext
        {
            Connection = { LocalIpAddress = IPAddress.Loopback, RemoteIpAddress = IPAddress.Loopback },
            Request = { Host = new HostString("127.0.0.1", 7071) },
        };
        if (sent is not null)
            http.Request.Headers["X-Demo-Secret"] = sent;

        Assert.Equal(offered, (await signIn.ListAsync(http, TestContext.Current.CancellationToken)).Refusal is null);
    }

    [Fact]
    public async Task List_EveryPersonOfTheDemoData_HasAStoryOfTheirOwn()
    {
        await using var database = await postgres.NewDatabaseAsync();
        Assert.Equal(0, (await Licensectl.RunAsync(database, "demo-data")).Code);

        var persons = await new DemoPersonStore(database.Database).ListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(29, persons.Count);
        Assert.NotEmpty(DemoStories.Languages);
        Assert.All(DemoStories.Languages, language => Assert.Equal(
            29,
            persons.Select(person => DemoStories.Of(person.Email, language)).OfType<string>().Distinct(StringComparer.Ordinal).Count()));
    }

    [Theory]
    [InlineData("de", "en", "de")]
    [InlineData("de-AT", null, "de")]
    [InlineData(null, "fr, de-CH;q=0.5, en;q=0.9", "en")]
    [InlineData("", "fr;q=0.9, DE-ch;q=0.5", "de")]
    [InlineData("xx", "fr", "en")]
    [InlineData(null, "=;;", "en")]
    [InlineData(null, null, "en")]
    public void Stories_AreInTheLanguageOfThePage_ElseOfTheBrowser(string? chosen, string? accepted, string language) =>
        Assert.Equal(language, DemoStories.LanguageOf(chosen, accepted));

    /// <summary>What the pages show right after the first start agrees: payments have renewals, bookings and invoices to come.</summary>
    [Fact]
    public async Task DemoData_AtTheFirstStart_AndLoadedAgain_IsConsistent()
    {
        await using var database = await postgres.NewDatabaseAsync();
        for (var start = 1; start <= 2; start++)
        {
            Assert.Equal(0, (await Licensectl.RunAsync(database, "demo-data")).Code);

            Assert.Equal("9 paid, 9 renewals, 9 to invoice, 9 booked, 2 failed, 2 attempts", await database.QueryAsync<string>(
                """
                select (select count(*) from license_renewal_history where status = 'success') || ' paid, '
                    || (select count(*) from license_renewal_history h join renewals r using (renewal_id)
                        where h.status = 'success' and r.status = 'applied' and r.paid_until = h.new_expiry) || ' renewals, '
                    || (select count(*) from renewals_to_invoice) || ' to invoice, '
                    || (select count(*) from billing_ledger l join renewals r on r.renewal_id = l.reference_id
                        where l.entry_type = 'FEE_SUBSCRIPTION' and l.amount_usd = r.amount_usd) || ' booked, '
                    || (select count(*) from license_renewal_history where status = 'failed' and payment_provider <> '') || ' failed, '
                    || (select count(*) from renewal_attempts join license_renewal_history h on h.renewal_id = attempt_id) || ' attempts'
                """));
            Assert.Equal(0, await database.QueryAsync<int>(
                """
                select count(*)::int from user_wallets w
                where balance_usd <> coalesce(
                    (select sum(balance_after - balance_before) from billing_ledger l where l.wallet_id = w.wallet_id), 0)
                """));
            // No automatic renewal is due: the timers change nothing that a story says.
            Assert.Empty(await database.QueryAllAsync<string>(
                """
                select split_part(u.email, '@', 1)
                from next_renewals n join users u on u.user_id = n.user_id
                where n.auto_renew and n.is_active and n.price_usd is not null and n.expires_at < now() + interval '7 days'
                  and n.status is distinct from 'soft_declined'
                """));
        }
    }

    /// <summary>An earlier version's data has no renewals, and people have used it since.</summary>
    [Fact]
    public async Task DemoData_OverThatOfAnEarlierVersion_AddsNoSecondHistory()
    {
        await using var database = await postgres.NewDatabaseAsync();
        Assert.Equal(0, (await Licensectl.RunAsync(database, "demo-data")).Code);
        // Nora has her history, and Paul has none and two payment methods.
        await database.ExecuteAsync(
            """
            delete from renewals_to_invoice;
            delete from renewal_attempts;
            delete from renewals;
            delete from license_renewal_history where subscription_id = '00000000-0000-4000-8000-000000000306';
            insert into user_payment_methods
                (user_id, payment_provider, provider_customer_id, provider_payment_id, payment_type, last_four, brand, is_default)
            values ('00000000-0000-4000-8000-000000000106', 'stripe', 'cus_demo_6', 'pm_card_visa', 'card', '4242', 'visa', false)
            """);
        var histories = await CountAsync("license_renewal_history");

        Assert.Equal(0, (await Licensectl.RunAsync(database, "demo-data")).Code);

        Assert.Equal(
            (histories + 2, 1, 1),
            (await CountAsync("license_renewal_history"), await CountAsync("renewals"), await CountAsync("renewal_attempts")));

        Task<int> CountAsync(string table) => database.QueryAsync<int>($"select count(*)::int from {table}");
    }
}
