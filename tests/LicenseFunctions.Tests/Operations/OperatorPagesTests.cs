using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>One backend with the demo data for all tests of the class.</summary>
public sealed class OperatorSite(PostgresFixture postgres) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public RunningApp App { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.NewDatabaseAsync();
        var (code, output) = await Licensectl.RunAsync(Database, "demo-data");
        Assert.True(code == 0, output);
        App = await RunningApp.StartAsync(Database, ("RATE_LIMIT_PER_MINUTE", "100000"));
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Database.DisposeAsync();
    }
}

/// <summary>The routes of the operators' pages: search, customers, audit log, bulk actions, lists as CSV, trends.</summary>
public sealed class OperatorPagesTests(OperatorSite site) : IClassFixture<OperatorSite>
{
    private static readonly Guid Olga = Guid.Parse("00000000-0000-4000-8000-000000000001");
    private static readonly string Operator = "Bearer " + RunningApp.Token("operator", Olga);

    private readonly TestDatabase database = site.Database;
    private readonly RunningApp app = site.App;

    private static Guid Person(int n) => Guid.Parse($"00000000-0000-4000-8000-0000000001{n:00}");

    private static Guid License(int n) => Guid.Parse($"00000000-0000-4000-8000-0000000003{n:00}");

    [Fact]
    public async Task Search_ByWhatACallerCanName_LeadsToTheCustomer()
    {
        await database.ExecuteAsync(
            """
            insert into license_devices (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, beyond_limit,
                                         first_seen_at, last_seen_at)
            values (@license, '7|EA_x%', 'EA_x%Search', 777001, '203.0.113.77', true, now(), now());
            insert into license_device_networks (device_id, network, first_seen_at, last_seen_at)
            select device_id, '203.0.113.77/32', now(), now() from license_devices where mt5_account_number = 777001;
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at, intent_id)
            values (@license, @person, now() - interval '400 days', 'auto', 'canceled', now(), 'pi_search'),
                   (@license, @person, now() - interval '430 days', 'auto', 'canceled', now(), '5O190127TN364715T');
            insert into renewal_attempts (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent,
                                          status, transaction_id)
            select '0badc0de-0000-4000-8000-000000000001', renewal_id, 1, 'paypal', renewal_id, '{}', now(), true, 'succeeded',
                   '3C679366HH908993F'
            from renewals where intent_id = '5O190127TN364715T';
            insert into payment_reversals
                (provider, kind, provider_id, state, applied_state, applied_at, amount_minor, currency, changed_at, renewal_id,
                 subscription_id)
            select 'paypal', k.kind, k.id, k.state, k.state, now(), 100, 'usd', now(), r.renewal_id, r.subscription_id
            from renewals r,
                 (values ('refund', '1JU08902781691411', 'succeeded'), ('dispute', 'PP-D-27803', 'won')) k (kind, id, state)
            where r.intent_id = '5O190127TN364715T';
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, payment_type)
            values (@person, 'paypal', 'BygeLlrpZF', '8kk8451t', 'paypal');
            insert into invoices (number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, seller,
                                  buyer, tax_country, tax_percent, paid_with, lines, net_usd, tax_usd, gross_usd)
            select 'FIND-2026-000007', 'FIND', 2026, 7, 'invoice', renewal_id, @license, @person, '2026-11-27Z', '2026-11-27Z', '{}', '{}',
                   'DE', 19, 'paypal', '[]', 1, 0, 1
            from renewals where intent_id = '5O190127TN364715T';
            """, new { license = License(25), person = Person(25) });
        var hash = await database.QueryAsync<string>(
            "select token_hash from license_tokens where subscription_id = @license", new { license = License(25) });
        var alert = await database.QueryAsync<Guid>(
            "select alert_id from suspicious_activity_alerts where subscription_id is not null limit 1");

        async Task<string> KindsAsync(string text)
        {
            var (status, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });
            Assert.True(status == 200, found?.ToJsonString());
            return string.Join(' ', found!["hits"]!.AsArray()
                .Where(hit => (Guid?)hit!["user_id"] == Person(25) || (Guid?)hit["id"] == alert)
                .Select(hit => (string)hit!["kind"]!).Distinct());
        }

        Assert.Equal("customer", await KindsAsync("AMIR.pat"));
        Assert.Equal("device", await KindsAsync("777001"));
        Assert.Equal("device", await KindsAsync("ea_x%"));
        Assert.Equal("", await KindsAsync("ea%x"));
        Assert.Equal("device", await KindsAsync("203.0.113.77"));
        Assert.Equal("token", await KindsAsync("demo-samir"));
        Assert.Equal("token", await KindsAsync(hash[..10]));
        Assert.Equal("license", await KindsAsync(License(25).ToString()));
        Assert.Equal("customer", await KindsAsync(Person(25).ToString().ToUpperInvariant()));
        Assert.Equal("alert", await KindsAsync(alert.ToString()));
        Assert.Equal("payment", await KindsAsync("pi_search"));
        foreach (var ofPayPal in (string[])["5O190127TN364715T", "3C679366HH908993F", "1JU08902781691411", "PP-D-27803", "0badc0de-0000"])
            Assert.Equal("payment", await KindsAsync(ofPayPal));
        Assert.Equal("customer", await KindsAsync("BygeLlrpZF"));
        Assert.Equal("customer", await KindsAsync("8kk8451t"));
        Assert.Equal("invoice", await KindsAsync("find-2026-000007"));
        var (tooShort, problem, _) = await app.PostAsync("/api/v1/search", Operator, new { text = "ab" });
        Assert.Equal((400, "SEARCH_LENGTH"), (tooShort, (string)problem!["code"]!));
        var (asCustomer, _, _) = await app.PostAsync(
            "/api/v1/search", "Bearer " + RunningApp.Token("subscriber", Person(25)), new { text = "samir" });
        Assert.Equal(403, asCustomer);
        Assert.DoesNotContain("demo-samir", app.Log, StringComparison.Ordinal);
    }

    // Nothing but the alert has a device that was refused. It is the one that the customer calls about.
    [Theory]
    [InlineData("880731")]
    [InlineData("ea-sara-3")]
    [InlineData("203.0.113.73")]
    public async Task Search_ForARefusedDevice_FindsItsAlert(string text)
    {
        var (_, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });

        var hit = Assert.Single(found!["hits"]!.AsArray(), hit => (string)hit!["kind"]! == "refused_device")!;
        Assert.Equal(
            (Person(7), "EA-SARA-3", "880731", "00000000-0000-4000-8000-000000000807"),
            ((Guid)hit["user_id"]!, (string)hit["label"]!, (string)hit["detail"]!, (string)hit["id"]!));
    }

    [Theory]
    [InlineData("ea-second", "EA-Second", "990002")]
    [InlineData("990002", "EA-Second", "990002")]
    [InlineData("2001:db8:9:9::5", "EA-First", "990001")]
    [InlineData("2001:db8:9:9:1:2:3:4", "EA-First", "990001")] // the same /64
    [InlineData("990001", "EA-First", "990001")]
    public async Task Search_ForADeviceThatAnAlertNames_FindsTheAlert(string text, string ea, string account)
    {
        await database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (alert_id, subscription_id, activity_type, severity, evidence)
            values ('00000000-0000-4000-8000-00000000a1e7', @license, 'TOO_MANY_DEVICES', 'LOW', '{
                "newcomer": {"ea_instance_id": "EA-First", "mt5_account_number": 990001, "ip_address": "2001:db8:9:9::1"},
                "last_refused_device": {"ea_instance_id": "EA-Second", "mt5_account_number": 990002, "ip_address": "203.0.113.99"}}')
            on conflict do nothing
            """, new { license = License(25) });

        var (_, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });

        var hit = Assert.Single(found!["hits"]!.AsArray())!;
        Assert.Equal(
            ("refused_device", Person(25), ea, account, "00000000-0000-4000-8000-00000000a1e7"),
            ((string)hit["kind"]!, (Guid)hit["user_id"]!, (string)hit["label"]!, (string)hit["detail"]!, (string)hit["id"]!));
    }

    [Fact]
    public async Task Search_ForTheBeginningOfATokenThatWasMadeHere_FindsItsLicense()
    {
        var (_, made, _) = await app.PostAsync($"/api/v1/licenses/{License(21)}/token", Operator, new { overlap_seconds = 3600 });
        var token = (string)made!["token"]!;

        foreach (var text in (string[])[token[..8], token[..12], token[..20], token])
        {
            var (_, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });

            var hit = Assert.Single(found!["hits"]!.AsArray())!;
            Assert.Equal(("token", License(21), "active"), ((string)hit["kind"]!, (Guid)hit["subscription_id"]!, (string)hit["detail"]!));
        }
    }

    [Theory]
    [InlineData("pi_orphan", "case", 25)]
    [InlineData("ch_orphan", "case", 25)]
    [InlineData("6TH10282XR614823S", "case", null)]
    [InlineData("00000000-0000-4000-8000-0000000ca5e1", "case", 25)]
    [InlineData("du_orphan", "dispute", null)]
    public async Task Search_ForAChargeThatNoRenewalHas_FindsWhereItIsDecided(string text, string kind, int? customer)
    {
        await database.ExecuteAsync(
            """
            insert into payment_cases (case_id, provider, reason, subject, transaction_id, subscription_id, detail) values
                ('00000000-0000-4000-8000-0000000ca5e1', 'stripe', 'unknown_renewal', 'pi_orphan', 'ch_orphan', @license, 'No renewal.'),
                ('00000000-0000-4000-8000-0000000ca5e2', 'paypal', 'unknown_renewal', '6TH10282XR614823S', null, null, 'No renewal.')
            on conflict do nothing;
            insert into payment_reversals (reversal_id, provider, kind, provider_id, state, amount_minor, currency, reason, changed_at)
            values ('00000000-0000-4000-8000-0000000ca5e3', 'stripe', 'dispute', 'du_orphan', 'open', 100, 'usd', 'fraudulent', now())
            on conflict do nothing
            """, new { license = License(25) });

        var (_, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });

        var hit = Assert.Single(found!["hits"]!.AsArray())!;
        Assert.Equal((kind, customer is { } n ? Person(n) : (Guid?)null), ((string)hit["kind"]!, (Guid?)hit["user_id"]));
        Assert.StartsWith("00000000-0000-4000-8000-0000000ca5e", (string)hit["id"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("whole@x.test", "whole@x.test")]
    [InlineData("WHOLE@x.test", "whole@x.test")]
    [InlineData("hole@x.tes", "the-whole@x.test.example, whole@x.test")]
    public async Task Search_ForAWholeAddress_FindsOnlyItsCustomer(string text, string expected)
    {
        await database.ExecuteAsync(
            """
            with people as (
                insert into users (email) values ('whole@x.test'), ('the-whole@x.test.example') on conflict do nothing returning user_id),
            licenses as (
                insert into subscriptions (subscriber_id, master_id)
                select user_id, (select master_id from subscriptions limit 1) from people returning subscription_id)
            insert into license_tokens (subscription_id, token_hash) select subscription_id, subscription_id::text from licenses
            """);

        var (_, found, _) = await app.PostAsync("/api/v1/search", Operator, new { text });
        var (_, listed, _) = await app.GetAsync($"/api/v1/licenses?search={text}", Operator);

        Assert.Equal(expected, string.Join(", ", found!["hits"]!.AsArray().Select(hit => (string)hit!["email"]!)));
        Assert.Equal(expected, string.Join(", ", listed!["licenses"]!.AsArray().Select(license => (string)license!["owner_email"]!)));
    }

    [Fact]
    public async Task Customer_WithNotesAndMails_IsExportedAndErasedWithTheTypedAddress()
    {
        var (person, path) = (Person(24), $"/api/v1/customers/{Person(24)}");
        await database.ExecuteAsync(
            """
            insert into outbox (kind, dedup_key, payload, sent_at) values
                ('email', 'a', jsonb_build_object('template', 'suspended', 'user_id', @person, 'model', '{}'::jsonb), now()),
                ('email', 'b', jsonb_build_object('template', 'of_a_later_version', 'user_id', @person), null)
            """, new { person });

        const string choice = "/api/v1/me/language";
        var self = "Bearer " + RunningApp.Token("subscriber", person);
        var (first, _, _) = await app.SendAsync(HttpMethod.Put, choice, self, new { language = "en", if_none = true });
        var (_, before, _) = await app.GetAsync("/api/v1/me", self);
        var (chosen, _, _) = await app.SendAsync(HttpMethod.Put, choice, self, new { language = "de" });
        var (other, _, _) = await app.SendAsync(HttpMethod.Put, choice, self, new { language = "en", if_none = true });
        var (unknown, _, _) = await app.SendAsync(HttpMethod.Put, choice, self, new { language = "xx" });
        var (noCustomersChoice, _, _) = await app.SendAsync(HttpMethod.Put, choice, Operator, new { language = "de" });
        var (_, me, _) = await app.GetAsync("/api/v1/me", self);
        Assert.Equal((204, "en", 204, 204), (first, (string)before!["language"]!, chosen, other));
        Assert.Equal((400, 403, "de"), (unknown, noCustomersChoice, (string)me!["language"]!));

        var (noText, refused, _) = await app.PostAsync($"{path}/notes", Operator, new { text = " " });
        var (added, note, _) = await app.PostAsync($"{path}/notes", Operator, new { text = " Asked for an invoice. " });
        var (_, second, _) = await app.PostAsync($"{path}/notes", Operator, new { text = "Wrong note" });
        var (removed, _, _) = await app.SendAsync(HttpMethod.Delete, $"{path}/notes/{second!["note_id"]}", Operator);
        var (removedAgain, _, _) = await app.SendAsync(HttpMethod.Delete, $"{path}/notes/{second["note_id"]}", Operator);
        var (_, shown, _) = await app.GetAsync(path, Operator);
        var (_, mails, _) = await app.GetAsync($"{path}/mails", Operator);
        var (_, licenses, _) = await app.GetAsync($"/api/v1/licenses?user_id={person}", Operator);
        Assert.Equal((400, 201, 204, 404), (noText, added, removed, removedAgain));
        Assert.Equal("NOTE_INVALID", (string)refused!["code"]!);
        Assert.Equal("olga.operator@example.com", (string)note!["author"]!);
        Assert.Equal("Asked for an invoice.", (string)Assert.Single(shown!["notes"]!.AsArray())!["text"]!);
        Assert.Equal("rosa.moreno@example.com", (string)shown["customer"]!["email"]!);
        Assert.Equal(["of_a_later_version waiting False", "suspended sent True"], mails!["mails"]!.AsArray()
            .Select(mail => $"{mail!["template"]} {mail["state"]} {((string)mail["text"]!).Length > 100}").Order(StringComparer.Ordinal));
        Assert.Equal([License(24)], licenses!["licenses"]!.AsArray().Select(license => (Guid)license!["subscription_id"]!));

        var (_, _, export) = await app.PostAsync($"{path}/export", Operator, new { });
        Assert.Equal($"person-{person}.json", export.Content.Headers.ContentDisposition?.FileName?.Trim('"'));
        var data = JsonNode.Parse(await export.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject();
        Assert.Equal("Asked for an invoice.", (string)Assert.Single(data["customer_notes"]!.AsArray())!["text"]!);
        Assert.Equal("de", (string)Assert.Single(data["customer_languages"]!.AsArray())!["language"]!);

        var (_, preview, _) = await app.PostAsync($"{path}/erase/preview", Operator, new { });
        Assert.Equal((1, "stripe cus_demo_24"), ((int)preview!["rows"]!["customer_notes"]!, (string)preview["tell_provider"]![0]!));
        const string email = "select email from users where user_id = @person";
        Assert.Equal("rosa.moreno@example.com", await database.QueryAsync<string>(email, new { person }));
        var (wrong, mismatch, _) = await app.PostAsync($"{path}/erase", Operator, new { email = "rosa@example.com", reason = "asked" });
        var (operators, noCustomer, _) = await app.PostAsync(
            $"/api/v1/customers/{Olga}/erase", Operator, new { email = "olga.operator@example.com", reason = "asked" });
        var (erased, _, _) = await app.PostAsync(
            $"{path}/erase", Operator, new { email = " Rosa.Moreno@example.com", reason = "asked by mail" });
        Assert.Equal((409, 409, 200), (wrong, operators, erased));
        Assert.Equal(("EMAIL_MISMATCH", "NOT_A_CUSTOMER"), ((string)mismatch!["code"]!, (string)noCustomer!["code"]!));
        Assert.Equal(0, await database.QueryAsync<int>(
            """
            select (select count(*) from customer_notes where user_id = @person)
                + (select count(*) from customer_languages where user_id = @person)
            """, new { person }));
        Assert.StartsWith("erased-", await database.QueryAsync<string>(email, new { person }), StringComparison.Ordinal);

        var (_, actor, _) = await app.PostAsync("/api/v1/audit/actors", Operator, new { email = " Olga.Operator@example.com" });
        Assert.Equal(Olga, (Guid)actor!["actor_id"]!);
        var (byAddress, _, _) = await app.GetAsync("/api/v1/audit?actor=olga.operator@example.com", Operator);
        var (nobody, noActor, _) = await app.PostAsync("/api/v1/audit/actors", Operator, new { email = "nobody@example.com" });
        Assert.Equal((400, 404, "ACTOR_NOT_FOUND"), (byAddress, nobody, (string)noActor!["code"]!));
        var (_, audit, _) = await app.GetAsync($"/api/v1/audit?user_id={person}&actor={Olga}", Operator);
        Assert.Equal(
            ["person.erased", "person.exported", "customer.note_removed", "customer.note_added", "customer.note_added"],
            audit!["entries"]!.AsArray().Select(entry => (string)entry!["action"]!));
        // The audit log keeps its rows, so it has no text of a note.
        Assert.DoesNotContain("invoice", audit.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("person.erased", audit["actions"]!.AsArray().Select(action => (string)action!));
    }

    [Fact]
    public async Task Erasure_WhileAChargeIsOpen_IsRefused()
    {
        await database.ExecuteAsync(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at, intent_id, unknown_since)
            values (@license, @person, now() - interval '300 days', 'auto', 'undecided', now(), 'pi_open', now())
            """, new { license = License(23), person = Person(23) });

        var (status, problem, _) = await app.PostAsync(
            $"/api/v1/customers/{Person(23)}/erase", Operator, new { email = "quynh.tran@example.com", reason = "asked" });

        Assert.Equal((409, "CHARGE_OPEN"), (status, (string)problem!["code"]!));
    }

    [Fact]
    public async Task Audit_ByActorActionLicenseAndTime_IsPagedAndCsv()
    {
        var license = License(22);
        for (var n = 0; n < 3; n++)
        {
            await app.PostAsync($"/api/v1/licenses/{license}/suspend", Operator, new { reason = $"because {n}" });
            await app.PostAsync($"/api/v1/licenses/{license}/reinstate", Operator, new { reason = "fine" });
        }

        async Task<JsonNode> PageAsync(string query) =>
            (await app.GetAsync($"/api/v1/audit?subscription_id={license}&{query}", Operator)).Body!;

        var first = await PageAsync("action=license.suspended&limit=2");
        var second = await PageAsync($"action=license.suspended&limit=2&after={(string)first["next"]!}");
        Assert.Equal(
            ["License suspended: because 2", "License suspended: because 1", "License suspended: because 0"],
            first["entries"]!.AsArray().Concat(second["entries"]!.AsArray()).Select(entry => (string)entry!["reason"]!));
        Assert.Null(second["next"]);
        Assert.Equal("peter.jansen@example.com", (string)first["entries"]![0]!["email"]!);
        Assert.Equal(6, (await PageAsync($"actor={Olga}"))["entries"]!.AsArray().Count);
        Assert.Equal(6, (await PageAsync("actor=operator&from=2020-01-01"))["entries"]!.AsArray().Count);
        Assert.Empty((await PageAsync("actor=system"))["entries"]!.AsArray());
        Assert.Empty((await PageAsync("to=2020-01-01"))["entries"]!.AsArray());
        var (status, problem, _) = await app.GetAsync("/api/v1/audit?after=x", Operator);
        Assert.Equal((400, "after"), (status, (string)problem!["field"]!));
        var csv = await CsvAsync($"/api/v1/audit?subscription_id={license}&action=license.suspended");
        Assert.StartsWith("audit_id,occurred_at,actor_kind,actor,action", csv[0], StringComparison.Ordinal);
        Assert.Contains("because 2", csv[1], StringComparison.Ordinal);
        Assert.Equal(4, csv.Length);
    }

    [Fact]
    public async Task Lists_WithAcceptCsv_AreCsv()
    {
        await database.ExecuteAsync(
            """
            insert into license_renewal_history (attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
            values (now(), @license, @person, 'auto', 49, 'success')
            """, new { license = License(21), person = Person(21) });

        var licenses = await CsvAsync("/api/v1/licenses");
        Assert.StartsWith("subscription_id,master,owner_email,owner_id,status", licenses[0], StringComparison.Ordinal);
        Assert.Contains("ACTIVE", (await CsvAsync($"/api/v1/licenses?user_id={Person(1)}"))[1], StringComparison.Ordinal);
        Assert.True((await CsvAsync("/api/v1/licenses/alerts?status=ALL")).Length > 2);
        Assert.StartsWith("renewal_id,", (await CsvAsync("/api/v1/renewals?status=all"))[0], StringComparison.Ordinal);
        var paid = await CsvAsync($"/api/v1/payments?user_id={Person(21)}");
        Assert.Contains("nadia.benali@example.com", paid[1], StringComparison.Ordinal);
        foreach (var (path, header) in ((string, string)[])
            [
                ("/api/v1/payments/cases", "case_id,"), ("/api/v1/payments/disputes", "reversal_id,"),
                ("/api/v1/payments/refunds", "refund_id,"),
                ("/api/v1/renewals/unknown",
                    "renewal_id,subscription_id,user_id,email,status,amount_usd,period_start,intent_id,provider,invoice_id,attempt,"),
                ("/api/v1/renewals/preview?days=30", "subscription_id,email,"), ("/api/v1/renewals/failures", "reason,"),
                ("/api/v1/outbox/dead", "outbox_id,"), ("/api/v1/quarantine", "quarantine_id,"),
                ("/api/v1/licenses/alerts/shadow", "subscription_id,"),
                ($"/api/v1/customers/{Person(1)}/mails", "outbox_id,"), ($"/api/v1/wallet?user_id={Person(1)}", "entry_id,"),
                ($"/api/v1/invoices?user_id={Person(1)}", "number,"),
            ])
            Assert.StartsWith(header, (await CsvAsync(path))[0], StringComparison.Ordinal);
        await database.ExecuteAsync(
            """
            insert into webhook_endpoints (url, types, position) values ('https://hooks.example.com/', '{device.added,device.removed}', 0)
            """);
        Assert.Contains(
            "https://hooks.example.com/,device.added device.removed,", (await CsvAsync("/api/v1/webhook-endpoints"))[1],
            StringComparison.Ordinal);
        var (status, problem, _) = await app.GetAsync("/api/v1/licenses?limit=101", Operator);
        Assert.Equal((400, "limit"), (status, (string)problem!["field"]!));
        var (_, own, _) = await app.GetAsync(
            $"/api/v1/licenses?user_id={Person(1)}", "Bearer " + RunningApp.Token("subscriber", Person(2)));
        Assert.Empty(own!["licenses"]!.AsArray());
    }

    [Fact]
    public async Task CustomerDevices_OfSeveralLicenses_ArePagedByLicenseAndCsv()
    {
        await database.ExecuteAsync(
            "update subscriptions set subscriber_id = @person where subscription_id = @license",
            new { person = Person(18), license = License(11) });
        var (_, own, _) = await app.GetAsync($"/api/v1/licenses/{License(18)}/devices", Operator);

        var devices = new List<JsonNode>();
        var pages = 0;
        for (string? next = ""; next is not null; pages++)
        {
            var (_, page, _) = await app.GetAsync($"/api/v1/customers/{Person(18)}/devices?limit=1&after={next}", Operator);
            devices.AddRange(page!["devices"]!.AsArray()!);
            next = (string?)page["next"];
        }

        Assert.Equal(2, pages);
        Assert.Equal(["EA-INES-1", "EA-KOFI-HOME", "EA-KOFI-VPS"], devices.Select(one => (string)one["ea_instance_id"]!).Order());
        Assert.Equal(
            own!["devices"]!.AsArray().Select(one => $"{one!["ea_instance_id"]} {one["last_seen"]} {one["networks"]![0]!["network"]}"),
            devices.Where(one => (Guid)one["subscription_id"]! == License(18))
                .Select(one => $"{one["ea_instance_id"]} {one["last_seen"]} {one["network"]}"));
        Assert.All(devices, one => Assert.DoesNotContain('@', (string)one["master"]!));
        var csv = await CsvAsync($"/api/v1/customers/{Person(18)}/devices?limit=1");
        Assert.StartsWith("subscription_id,master,name,ea_instance_id,", csv[0], StringComparison.Ordinal);
        Assert.Equal(1 + devices.Count, csv.Length);
        Assert.Equal(404, (await app.GetAsync($"/api/v1/customers/{Guid.NewGuid()}/devices", Operator)).Status);
        Assert.Equal(400, (await app.GetAsync($"/api/v1/customers/{Person(18)}/devices?limit=101", Operator)).Status);
    }

    [Fact]
    public async Task PaymentCase_Decided_IsListedWithWhoDecidedIt()
    {
        var id = await database.QueryAsync<Guid>(
            """
            insert into payment_cases (provider, reason, subject, detail) values ('stripe', 'unreadable_event', 'evt_decided', 'a test')
            returning case_id
            """);

        await app.PostAsync($"/api/v1/payments/cases/{id}/decision", Operator, new { action = "dismiss", reason = "seen" });

        var (_, list, _) = await app.GetAsync("/api/v1/payments/cases", Operator);
        var decided = list!["cases"]!.AsArray().Single(one => (Guid)one!["case_id"]! == id)!;
        Assert.Equal(
            ("dismissed", "olga.operator@example.com", "seen"),
            ((string)decided["decision"]!, (string)decided["decided_by_email"]!, (string)decided["decided_why"]!));
    }

    [Fact]
    public async Task Alerts_InBulk_OneThatCantBeReviewedHarmsOnlyItself_AndAreSorted()
    {
        var ids = await database.QueryAllAsync<Guid>(
            """
            insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence, status)
            select @license, @person, 'MULTIPLE_IPS', severity, 'bulk', '{}', status
            from (values ('LOW', 'OPEN', 1), ('HIGH', 'OPEN', 2), ('MEDIUM', 'RESOLVED', 3)) as a (severity, status, n) order by n
            returning alert_id
            """, new { license = License(20), person = Person(20) });

        async Task<string> SeveritiesAsync(string query) =>
            string.Join(' ', (await app.GetAsync($"/api/v1/licenses/alerts?status=ALL&user_id={Person(20)}&{query}", Operator))
                .Body!["alerts"]!.AsArray()
                .Where(alert => (string)alert!["description"]! == "bulk").Select(alert => (string)alert!["severity"]!));

        Assert.Equal("HIGH MEDIUM LOW", await SeveritiesAsync("sort=severity"));
        var (_, page, _) = await app.GetAsync(
            $"/api/v1/licenses/alerts?status=ALL&user_id={Person(20)}&sort=severity&limit=1", Operator);
        var first = page!;
        var rest = await SeveritiesAsync($"sort=severity&cursor={(string)first["next"]!}");
        // The demo data has alerts of this person, too: the first page is the most severe of them.
        Assert.EndsWith("MEDIUM LOW", rest, StringComparison.Ordinal);
        Assert.NotEqual("LOW", (string)first["alerts"]![0]!["severity"]!);
        var unknown = Guid.NewGuid();
        var (noNotes, _, _) = await app.PostAsync(
            "/api/v1/licenses/alerts/review", Operator, new { alert_ids = ids, status = "RESOLVED" });
        var (status, reply, _) = await app.PostAsync("/api/v1/licenses/alerts/review", Operator,
            new { alert_ids = (Guid[])[.. ids, unknown, ids[0]], status = "FALSE_POSITIVE", notes = "a trade fair" });

        Assert.Equal((400, 200), (noNotes, status));
        Assert.Equal(
            [$"{ids[0]} ", $"{ids[1]} ", $"{ids[2]} INVALID_TRANSITION", $"{unknown} ALERT_NOT_FOUND"],
            reply!["results"]!.AsArray().Select(one => $"{one!["alert_id"]} {one["code"]}"));
        Assert.Equal(2, await database.QueryAsync<int>(
            "select count(*) from audit_log where action = 'alert.judged' and reason = 'a trade fair'"));
    }

    [Fact]
    public async Task Renewals_ByStatus_AreTriedAgainOnlyWhereTheRulesAllowIt()
    {
        var ids = await database.QueryAllAsync<Guid>(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at, next_action_at, intent_id,
                                  unknown_since, amount_usd)
            select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', a.status, now() + interval '9 days', now() + interval '1 day',
                   case when a.status = 'unknown' then 'pi_bulk' end, case when a.status = 'unknown' then now() end, 49
            from (values (@first, 'soft_declined', 1), (@second, 'unknown', 2)) as a (license, status, n)
            join subscriptions s on s.subscription_id = a.license
            join license_tokens t on t.subscription_id = s.subscription_id and t.is_active
            order by n
            returning renewal_id
            """, new { first = License(1), second = License(18) });

        var (_, list, _) = await app.GetAsync("/api/v1/renewals", Operator);
        var shown = list!["renewals"]!.AsArray().Where(one => ids.Contains((Guid)one!["renewal_id"]!))
            .ToDictionary(one => (string)one!["status"]!);
        Assert.Equal((true, false), ((bool)shown["soft_declined"]!["can_retry"]!, (bool)shown["unknown"]!["can_retry"]!));
        Assert.Equal("alpine.trend", (string)shown["soft_declined"]!["master"]!);
        Assert.Equal(1, (int)list["counts"]!["unknown"]!);
        var (_, own, _) = await app.GetAsync($"/api/v1/renewals?status=soft_declined&user_id={Person(1)}", Operator);
        Assert.Equal(ids[0], (Guid)Assert.Single(own!["renewals"]!.AsArray())!["renewal_id"]!);
        var metadata = await database.QueryAsync<string>(
            "select coalesce(metadata::text, '{}') from license_tokens where subscription_id = @license", new { license = License(1) });
        foreach (var (autoRenew, isRefunded) in ((bool, bool)[])[(true, false), (false, false), (true, true)])
        {
            await SetMetadataAsync($$"""{"auto_renew": {{(autoRenew ? "true" : "false")}}}""");
            await database.ExecuteAsync(
                "update renewals set is_refunded = @isRefunded where renewal_id = any(@ids)", new { isRefunded, ids });
            var (_, next, _) = await app.GetAsync($"/api/v1/renewals?status=soft_declined&user_id={Person(1)}", Operator);
            var row = Assert.Single(next!["renewals"]!.AsArray())!;
            // As on the customer's page: without auto-renewal, or after a refund, the next action charges nothing.
            Assert.Equal(
                (true, autoRenew && !isRefunded, !isRefunded),
                (row["next_action_at"] is not null, row["next_attempt_at"] is not null, (bool)row["can_retry"]!));
        }

        await database.ExecuteAsync("update renewals set is_refunded = false where renewal_id = any(@ids)", new { ids });
        await SetMetadataAsync(metadata);
        Task<int> SetMetadataAsync(string text) => database.ExecuteAsync(
            "update license_tokens set metadata = @text::jsonb where subscription_id = @license", new { text, license = License(1) });

        var unknown = Guid.NewGuid();
        var (status, reply, _) = await app.PostAsync(
            "/api/v1/renewals/retry", Operator, new { renewal_ids = (Guid[])[.. ids, unknown], reason = "the bank had an outage" });

        Assert.Equal(200, status);
        Assert.Equal(
            [$"{ids[0]} ", $"{ids[1]} CHARGE_OPEN", $"{unknown} RENEWAL_NOT_FOUND"],
            reply!["results"]!.AsArray().Select(one => $"{one!["renewal_id"]} {one["code"]}"));
        var after = await database.QueryAllAsync<(string, bool)>(
            "select status, next_action_at <= now() from renewals where renewal_id = any (@ids) order by status", new { ids });
        Assert.Equal([("due", true), ("unknown", false)], after);
        Assert.Equal(
            (ids[0].ToString(), "the bank had an outage", Olga),
            await database.QueryAsync<(string, string, Guid)>(
                "select subject, reason, actor_id from audit_log where action = 'renewal.retried'"));
    }

    [Fact]
    public async Task DeadMessagesAndQuarantine_InBulk_ReportEachRow()
    {
        var dead = await database.QueryAllAsync<Guid>(
            """
            insert into outbox (kind, dedup_key, payload, dead_at, attempts, last_error)
            select kind, key, payload::jsonb, now(), 12, 'refused'
            from (values ('email', 'dead-1', '{"template":"suspended","user_id":"00000000-0000-4000-8000-000000000119"}'),
                         ('alert_webhook', 'dead-2', '{"alert":1}'), ('email', 'dead-3', '{}')) as o (kind, key, payload)
            order by key
            returning outbox_id
            """);
        var (_, list, _) = await app.GetAsync("/api/v1/outbox/dead", Operator);
        // Also those that the list, which is limited, doesn't have.
        Assert.Equal(
            await database.QueryAsync<int>("select count(*)::int from outbox where dead_at is not null and payload <> '{}'"),
            (int)list!["can_revive"]!);
        var (_, system, _) = await app.GetAsync("/api/v1/system", Operator);
        Assert.Equal(
            await database.QueryAsync<(int, int)>(
                """
                select count(*) filter (where kind = 'email')::int, count(*) filter (where kind = 'alert_webhook')::int
                from outbox where dead_at is not null and payload <> '{}'
                """),
            ((int)system!["waiting"]!["outbox_dead_mails"]!, (int)system["waiting"]!["outbox_dead_calls"]!));
        var (bad, _, _) = await app.PostAsync("/api/v1/outbox/revive", Operator, new { outbox_ids = dead, all = true });
        var (_, one, _) = await app.PostAsync("/api/v1/outbox/revive", Operator, new { outbox_ids = new[] { dead[0], dead[2] } });
        var (_, all, _) = await app.PostAsync("/api/v1/outbox/revive", Operator, new { all = true });
        var entries = await database.QueryAllAsync<Guid>(
            """
            insert into usage_quarantine (source, code, detail, payload, payload_digest)
            select 'queue', 'MALFORMED', 'no JSON', 'bulk ' || n, sha256(('bulk ' || n)::bytea) from generate_series(1, 2) n
            returning quarantine_id
            """);
        var (_, discarded, _) = await app.PostAsync(
            "/api/v1/quarantine/settle", Operator, new { quarantine_ids = (Guid[])[entries[0], Guid.Empty], action = "discard" });
        var (_, replayed, _) = await app.PostAsync(
            "/api/v1/quarantine/settle", Operator, new { quarantine_ids = entries, action = "replay" });

        Assert.Equal(
            ["alert_webhook dead-2  true", "email dead-3  false", "email suspended lena.fischer@example.com true"],
            list!["messages"]!.AsArray().Where(row => dead.Contains((Guid)row!["outbox_id"]!))
                .Select(row => $"{row!["kind"]} {row["name"]} {row["recipient"]} {row["can_revive"]}")
                .Order(StringComparer.Ordinal));
        Assert.Equal(400, bad);
        Assert.Equal([dead[0]], Ids(one!["revived"]));
        Assert.Equal([dead[2]], Ids(one["others"]));
        Assert.Equal([dead[1]], Ids(all!["revived"]));
        Assert.Equal(2, await database.QueryAsync<int>(
            "select count(*) from outbox where outbox_id = any (@dead) and dead_at is null and attempts = 0", new { dead }));
        Assert.Equal(2, await database.QueryAsync<int>("select count(*) from audit_log where action = 'outbox.revived'"));
        Assert.Equal(["", "NOT_FOUND"], Codes(discarded));
        Assert.Equal(2, Codes(replayed).Length);
        Assert.Equal("ALREADY_CLOSED", Codes(replayed)[0]);
        Assert.NotEqual("", Codes(replayed)[1]);
    }

    [Theory]
    [InlineData("payment-methods")]
    [InlineData("wallet")]
    public async Task MeansOfPayment_OfNobody_AreNotFound(string list)
    {
        var (status, problem, _) = await app.GetAsync($"/api/v1/{list}?user_id={Guid.NewGuid()}", Operator);

        Assert.Equal((404, "CUSTOMER_NOT_FOUND"), (status, (string?)problem!["code"]));
        Assert.Equal(200, (await app.GetAsync($"/api/v1/{list}?user_id={Person(1)}", Operator)).Status);
    }

    [Fact]
    public async Task Trends_OfTheLastDays_CountChecksMoneyAndAlerts()
    {
        var license = License(19);
        await database.ExecuteAsync(
            """
            insert into metric_days (day, name, label, value) values
                ((now() at time zone 'UTC')::date - 5, 'license_validations_total', 'VALID', 90),
                ((now() at time zone 'UTC')::date - 5, 'license_validations_total', 'GRACE', 5),
                ((now() at time zone 'UTC')::date - 5, 'license_validations_total', 'EXPIRED', 7);
            delete from license_events where occurred_at < now() - interval '4 days';
            insert into license_events (subscription_id, type, occurred_at, data)
            select @license, type, (now() at time zone 'UTC')::date - 5 + hour * interval '1 hour' , data::jsonb
            from (values ('license.payment_failed', 1, '{}'), ('license.renewed', 2, '{}'),
                         ('payment.refunded', 4, '{"renewal_id": "r", "refunded_usd": 5}'),
                         ('payment.refunded', 5, '{"renewal_id": "r", "refunded_usd": 12}')) as e (type, hour, data);
            insert into license_events (subscription_id, type, occurred_at, data)
            select @other, 'license.payment_failed', (now() at time zone 'UTC')::date - 5 + interval '1 hour', '{}';
            -- Payments of the last 7 days replace those of the demo. The events of earlier payments may be missing.
            delete from license_renewal_history where attempted_at > now() - interval '8 days';
            insert into renewals
                (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, debts_usd, gives_up_at, paid_with,
                 paid_from, paid_until)
            select ('00000000-0000-4000-8000-00000000f00' || n)::uuid, @license, @person, now() - n * interval '400 days', 'auto',
                   'applied', 40, 9, now(), case n when 1 then 'card' else 'deferred' end, now() - n * interval '400 days',
                   now() - n * interval '399 days'
            from generate_series(1, 2) n;
            insert into license_renewal_history (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
            select renewal_id, (now() at time zone 'UTC')::date - 5 + interval '2 hours', subscription_id, user_id, 'auto', 40, 'success'
            from renewals where renewal_id::text like '%f00_';
            insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, detected_at, status)
            select @license, null, 'MULTIPLE_IPS', 'LOW', (now() at time zone 'UTC')::date - 5 + interval '1 hour', status
            from unnest(array['OPEN', 'RESOLVED', 'FALSE_POSITIVE', 'FALSE_POSITIVE']) as status;
            """, new { license, other = License(16), person = Person(19) });

        var (_, trends, _) = await app.GetAsync("/api/v1/trends?days=7", Operator);

        var days = trends!["days"]!.AsArray();
        Assert.Equal(7, days.Count);
        var day = days[1]!;
        Assert.Equal((102, 7), ((int)day["checks"]!, (int)day["refused"]!));
        Assert.Equal((1, 49m, 12m), ((int)day["renewed"]!, (decimal)day["revenue_usd"]!, (decimal)day["refunded_usd"]!));
        Assert.Equal((2, 1), ((int)day["failed"]!, (int)day["recovered"]!));
        Assert.Equal((1, 1, 2), ((int)day["alerts_open"]!, (int)day["alerts_resolved"]!, (int)day["alerts_false"]!));
        Assert.Null(days[0]!["checks"]);
        // One definition of revenue for both pages.
        var (_, reports, _) = await app.GetAsync(
            $"/api/v1/reports?from={day["day"]}T00:00:00Z&to={day["day"]}T23:59:59Z", Operator);
        Assert.Equal(
            (decimal)day["revenue_usd"]!,
            reports!["rows"]!.AsArray().Where(row => (string?)row!["report"] == "revenue_paid").Sum(row => (decimal)row!["amount_usd"]!));
        var (status, _, _) = await app.GetAsync("/api/v1/trends?days=91", Operator);
        Assert.Equal(400, status);
    }

    [Fact]
    public async Task System_SaysWhichTimersAreLate()
    {
        await database.ExecuteAsync(
            """
            insert into timer_leases (timer_name, last_started_at, last_finished_at, last_succeeded_at, last_status, known_since)
            values ('SumUsage', now(), now(), now(), 'succeeded', now() - interval '900 days'),
                   ('ScanUsage', now() - interval '1200 days', now() - interval '1200 days', now() - interval '1200 days', 'succeeded',
                    now() - interval '1300 days')
            on conflict (timer_name) do update set last_succeeded_at = excluded.last_succeeded_at
            """);

        var (_, system, _) = await app.GetAsync("/api/v1/system", Operator);

        var timers = system!["timers"]!.AsArray().ToDictionary(timer => (string)timer!["timer_name"]!, timer => timer!["late_since"]);
        Assert.Null(timers["SumUsage"]);
        // The schedule of the tests is yearly, and a timer is late after three intervals.
        Assert.True((DateTime)timers["ScanUsage"]! < TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-400));
    }

    private static Guid[] Ids(JsonNode? list) => [.. list!.AsArray().Select(id => (Guid)id!)];

    [Fact]
    public async Task Licenses_AsCsv_HaveNoEndOfCloseOnlyThatMoves()
    {
        var (_, listed, _) = await app.GetAsync("/api/v1/licenses?limit=100", Operator);
        var lines = await CsvAsync("/api/v1/licenses");

        Assert.Contains(
            listed!["licenses"]!.AsArray(), one => one!["close_only_until"] is not null && one["close_only_since"] is null);
        var head = lines[0].TrimEnd('\r').Split(',');
        var (until, since) = (Array.IndexOf(head, "close_only_until"), Array.IndexOf(head, "close_only_since"));
        Assert.All(lines[1..].Select(line => line.TrimEnd('\r').Split(',')), row => Assert.Equal(row[since] == "", row[until] == ""));
    }

    private static string[] Codes(JsonNode? reply) => [.. reply!["results"]!.AsArray().Select(one => (string?)one!["code"] ?? "")];

    private async Task<string[]> CsvAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", Operator);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/csv"));
        using var response = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal("text/csv", response.Content.Headers.ContentType?.MediaType);
        return (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
