using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>Invoices through the running backend: a renewal that the wallet pays, and a refund by an operator.</summary>
public sealed class InvoiceHttpTests(PostgresFixture postgres)
{
    private static readonly (string, string)[] Settings =
    [
        ("INVOICE_SELLER_NAME", "Example GmbH"),
        ("INVOICE_SELLER_ADDRESS", "Street 1|10115 Berlin"),
        ("INVOICE_SELLER_COUNTRY", "DE"),
        ("INVOICE_SELLER_TAX_ID", "DE123456789"),
        ("INVOICE_PREFIX", "ACME"),
        ("INVOICE_TAX_RATES", "DE=19,FR=20"),
    ];

    private static string Operator { get; } = "Bearer " + RunningApp.Token("operator");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PaidRenewal_HasAnInvoice_ForItsCustomerAndForOperatorsOnly()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await DueAsync(database);
        var user = await SubscriberAsync(database, license);
        var (owner, other) = ("Bearer " + RunningApp.Token("subscriber", user), "Bearer " + RunningApp.Token("subscriber"));
        await using var app = await RunningApp.StartHereAsync(database, Settings);

        var (wrong, problem, _) = await app.SendAsync(
            HttpMethod.Put, "/api/v1/billing-details", owner, new { name = "Ada", country = "XX" });
        Assert.Equal((400, "BILLING_DETAILS_INVALID", "country"), (wrong, (string?)problem!["code"], (string?)problem["field"]));
        await app.SendAsync(
            HttpMethod.Put, "/api/v1/billing-details", owner, new { name = "Ada", address = "Rue 1\nParis", country = "FR" });
        Assert.Equal("Ada", (string?)(await app.GetAsync("/api/v1/billing-details", owner)).Body!["details"]!["name"]);

        await app.RunTimerAsync(database, "RunRenewals");
        await IssueAsync(app, database);
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        await app.PostAsync(
            $"/api/v1/payments/{renewal}/refund", Operator,
            new { amount_usd = 10, period = "keep", reason = "asked", refundable_usd = 49.99 });
        await IssueAsync(app, database);

        var (_, list, _) = await app.GetAsync("/api/v1/invoices?limit=1", owner);
        var (_, rest, _) = await app.GetAsync($"/api/v1/invoices?limit=1&after={list!["next"]}", owner);
        JsonNode[] documents = [.. new[] { list, rest! }.SelectMany(page => page["invoices"]!.AsArray()).Select(one => one!)];
        Assert.Equal(
            [("credit_note", 10m, 1.67m, (string?)documents[1]["number"]), ("invoice", 49.99m, 8.33m, null)],
            documents.Select(one => (
                (string?)one["kind"] ?? "", (decimal)one["gross_usd"]!, (decimal)one["tax_usd"]!, (string?)one["corrects"])));
        Assert.True((bool)list["is_on"]!);
        Assert.Null(rest!["next"]);
        Assert.Equal(2, (await app.GetAsync($"/api/v1/invoices?user_id={user}", Operator)).Body!["invoices"]!.AsArray().Count);
        Assert.Equal(400, (await app.GetAsync("/api/v1/invoices", Operator)).Status);
        Assert.Empty((await app.GetAsync("/api/v1/invoices", other)).Body!["invoices"]!.AsArray());
        Assert.Equal(404, (await app.GetAsync($"/api/v1/invoices?user_id={user}", other)).Status);

        var file = $"/api/v1/invoices/{documents[1]["number"]}/file";
        foreach (var language in (string[])["en", "de"])
        {
            var (_, _, pdf) = await app.GetAsync($"{file}?language={language}", owner);
            Assert.Equal("application/pdf", pdf.Content.Headers.ContentType!.MediaType);
            Assert.Equal($"{documents[1]["number"]}.pdf", pdf.Content.Headers.ContentDisposition!.FileName);
            var content = Encoding.Latin1.GetString(await pdf.Content.ReadAsByteArrayAsync(Stop));
            Assert.StartsWith("%PDF-1.", content, StringComparison.Ordinal);
            Assert.Contains("Inter", content, StringComparison.Ordinal); // the font is embedded
        }

        var (_, _, xml) = await app.GetAsync($"{file}?format=xml", Operator);
        Assert.Equal("Invoice", XDocument.Parse(await xml.Content.ReadAsStringAsync(Stop)).Root!.Name.LocalName);
        Assert.Equal(404, (await app.GetAsync(file, other)).Status);
        Assert.Equal(400, (await app.GetAsync(file + "?language=xx", owner)).Status);
        Assert.Equal(404, (await app.GetAsync("/api/v1/invoices/ACME-2026-999999/file", owner)).Status);

        var now = TimeProvider.System.GetUtcNow();
        var export = $"/api/v1/invoices/export?from={now.AddDays(-1):yyyy-MM-dd}&to=";
        var csv = await CsvAsync(app, $"{export}{now.AddDays(1):yyyy-MM-dd}");
        Assert.Equal(3, csv.Length);
        Assert.StartsWith("number,kind,issued_at,booked_at,corrects,buyer_name,", csv[0], StringComparison.Ordinal);
        Assert.Contains(",Ada,FR,,FR,20.00,41.66,8.33,49.99,wallet,", csv[1], StringComparison.Ordinal);
        Assert.Contains(",Ada,FR,,FR,20.00,-8.33,-1.67,-10.00,wallet,", csv[2], StringComparison.Ordinal);
        var ofCustomer = await CsvAsync(app, $"/api/v1/invoices?user_id={user}");
        Assert.Equal(3, ofCustomer.Length);
        Assert.Contains(",-10.00,-1.67,", ofCustomer[1], StringComparison.Ordinal);
        Assert.Contains(",49.99,8.33,", ofCustomer[2], StringComparison.Ordinal);
        Assert.Equal(403, (await app.GetAsync($"{export}{now.AddDays(1):yyyy-MM-dd}", owner)).Status);
        Assert.Equal(400, (await app.GetAsync($"{export}{now.AddDays(400):yyyy-MM-dd}", Operator)).Status);
        Assert.True((bool)(await app.GetAsync("/app/config.json")).Body!["has_invoices"]!);
    }

    [Fact]
    public async Task Erasure_KeepsTheInvoiceAndTheLedger_AndSaysSo_WithoutTheMailAddress()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var user = await SubscriberAsync(database, await DueAsync(database));
        await database.ExecuteAsync("update users set email = 'ada.example@example.com' where user_id = @user", new { user });
        await using var app = await RunningApp.StartHereAsync(database, Settings);
        await app.SendAsync(
            HttpMethod.Put, "/api/v1/billing-details", "Bearer " + RunningApp.Token("subscriber", user),
            new { name = "Ada", address = "Rue 1\nParis", country = "FR", tax_id = "FR12345678901" });
        await app.RunTimerAsync(database, "RunRenewals");
        await IssueAsync(app, database);
        Task<IReadOnlyList<string>> KeptAsync() => database.QueryAllAsync<string>(
            """
            select to_jsonb(i)::text from invoices i where user_id = @user
            union all select to_jsonb(l)::text from billing_ledger l where user_id = @user
            union all select to_jsonb(r) ->> 'amount_usd' from renewals r where user_id = @user
            order by 1
            """,
            new { user });
        var before = await KeptAsync();

        var path = $"/api/v1/customers/{user}";
        var (_, preview, _) = await app.PostAsync($"{path}/erase/preview", Operator, new { });
        var (_, erased, _) = await app.PostAsync(
            $"{path}/erase", Operator, new { email = "ada.example@example.com", reason = "asked" });

        Assert.All(new[] { preview!, erased! }, said => Assert.Equal(
            (1, 1), ((int?)said["kept"]!["invoices"], (int?)said["rows"]!["billing_details"])));
        Assert.Equal(before, await KeptAsync());
        Assert.Contains(before, row => row.Contains("FR12345678901", StringComparison.Ordinal));
        var number = await database.QueryAsync<string>("select number from invoices");
        var (_, _, file) = await app.GetAsync($"/api/v1/invoices/{number}/file?format=xml", Operator);
        var xml = await file.Content.ReadAsStringAsync(Stop);
        Assert.All(
            (string[])["<cbc:RegistrationName>Ada<", "<cbc:StreetName>Rue 1<", "<cbc:CompanyID>FR12345678901<"],
            part => Assert.Contains(part, xml, StringComparison.Ordinal));
        var (_, _, export) = await app.PostAsync($"{path}/export", Operator, new { });
        var rest = await export.Content.ReadAsStringAsync(Stop);
        Assert.Contains("\"invoices\"", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("ada.example", rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutASeller_NothingIsIssued_AndThatIsSaid()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await DueAsync(database);
        await using var app = await RunningApp.StartHereAsync(database);

        await app.RunTimerAsync(database, "RunRenewals");
        await IssueAsync(app, database);

        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from invoices"));
        Assert.Equal(1, await database.QueryAsync<int>(
            "select (last_counts ->> 'waiting')::int from timer_leases where timer_name = 'IssueInvoices'"));
        var user = await SubscriberAsync(database, license);
        Assert.False((bool)(await app.GetAsync($"/api/v1/invoices?user_id={user}", Operator)).Body!["is_on"]!);
        Assert.False((bool)(await app.GetAsync("/app/config.json")).Body!["has_invoices"]!);
    }

    private static Task<Guid> DueAsync(TestDatabase database) => new PostgresWorld(database, TimeProvider.System).AddAsync(
        new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1), WalletUsd = 60 });

    private static Task<Guid> SubscriberAsync(TestDatabase database, Guid license) => database.QueryAsync<Guid>(
        "select subscriber_id from subscriptions where subscription_id = @license", new { license });

    private static async Task IssueAsync(RunningApp app, TestDatabase database)
    {
        await database.ExecuteAsync("update renewals_to_invoice set marked_at = marked_at - interval '2 minutes'");
        await app.RunTimerAsync(database, "IssueInvoices");
    }

    private static async Task<string[]> CsvAsync(RunningApp app, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(Operator);
        request.Headers.Accept.ParseAdd("text/csv");
        using var answer = await app.Client.SendAsync(request, Stop);
        Assert.Equal("text/csv", answer.Content.Headers.ContentType!.MediaType);
        return (await answer.Content.ReadAsStringAsync(Stop)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
