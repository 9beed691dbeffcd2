using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class PersonCommandsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private UsageScene scene = null!;
    private License license = null!;
    private Guid person;

    private const string By = Licensectl.Operator;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        await Licensectl.AddOperatorAsync(scene.Database);
        license = await scene.LicenseAsync();
        await scene.SendAsync(
            scene.Record(license, ea: "MY-EA"), scene.Record(await scene.LicenseAsync(), ea: "OTHERS-EA"),
            scene.Record(license, ea: "MY-EA", account: -1));
        await scene.DeviceAsync(license, "1001|MY-EA", "MY-EA", 1001, "198.51.100.4", scene.Now.UtcDateTime);
        person = await scene.Database.QueryAsync<Guid>("select subscriber_id from subscriptions where subscription_id = @SubscriptionId",
            license);
        await scene.Database.ExecuteAsync(
            """
            update users set email = 'person@x.test' where user_id = @person;
            insert into license_device_networks select device_id, '198.51.100.4/32', now(), now() from license_devices;
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, last_four)
            values (@person, 'stripe', 'cus_1', 'pm_1', '4242');
            insert into user_wallets (user_id) values (@person);
            insert into billing_ledger (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after)
            select @person, wallet_id, 'DEPOSIT', 10, 0, 10 from user_wallets;
            insert into outbox (kind, dedup_key, payload)
                values ('email', 'a', jsonb_build_object('user_id', @person)), ('email', 'b', '{"to":"person@x.test"}'),
                ('email', 'c', '{"to":"somebody@x.test"}');
            insert into payment_events (provider, event_id, event_type, created_at, body)
                values ('stripe', 'evt_1', 'x', now(), '{"customer":"cus_1"}');
            insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
            values (@SubscriptionId, @person, 'MULTIPLE_IPS', 'LOW', 'from 198.51.100.4', '{"ip":"198.51.100.4"}');
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            values (@SubscriptionId, @person, now(), 'auto', 'due', now());
            """,
            new { person, license.SubscriptionId });
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Export_OfAPerson_ContainsAllTheirRowsAndNoOthers()
    {
        await scene.Database.ExecuteAsync(
            """
            insert into outbox (kind, dedup_key, payload)
            select kind, 'about-two-' || kind,
                   jsonb_build_object('template', 'operator_alerts', 'model', jsonb_build_array(@SubscriptionId, 'OTHERS-EA'))
            from unnest(array['email', 'alert_webhook']) kind
            """,
            license);

        var (code, output) = await ToolAsync("export", "--user", "Person@x.test", "--by", By, "--yes");

        Assert.True(code == 0, output);
        var data = JsonNode.Parse(output)!.AsObject();
        Assert.Equal(
            [
                "billing_ledger", "health_marks", "license_changes", "license_device_networks", "license_devices", "license_events",
                    "license_tokens", "license_usage_log", "outbox", "payment_events",
                "renewals", "subscriptions", "suspicious_activity_alerts", "usage_quarantine", "usage_rollups", "user_id",
                    "user_payment_methods", "user_wallets", "users",
            ],
            data.Select(table => table.Key).Order(StringComparer.Ordinal));
        Assert.Equal(2, data["outbox"]!.AsArray().Count);
        Assert.Contains("MY-EA", output, StringComparison.Ordinal);
        Assert.DoesNotMatch("OTHERS-EA|password_hash|somebody@x.test", output);
        Assert.Equal((Guid.Parse(By), person.ToString(), "person.exported"),
            await scene.Database.QueryAsync<(Guid, string, string)>("select actor_id, subject, action from audit_log"));
    }

    [Theory]
    [InlineData(
        "update users set is_active = false where user_id = @By::uuid",
        "Operators: olga@x.test, inactive (00000000-0000-4000-8000-000000000001)")]
    [InlineData(
        "update users set user_id = '00000000-0000-4000-8000-000000000009' where user_id = @By::uuid",
        "Operators: olga@x.test (00000000-0000-4000-8000-000000000009)")]
    public async Task Command_ByNoOperator_IsRefusedAndNamesTheOperators(string change, string message)
    {
        await scene.Database.ExecuteAsync(change, new { By });

        foreach (var command in (string[][])[["export"], ["erase", "--reason", "on request"]])
        {
            var (code, output) = await ToolAsync([.. command, "--user", "person@x.test", "--by", By, "--yes"]);

            Assert.Equal(1, code);
            Assert.StartsWith($"--by {By} is not an operator", output, StringComparison.Ordinal);
            Assert.Contains(message, output, StringComparison.Ordinal);
        }

        Assert.Equal(
            "person@x.test", await scene.Database.QueryAsync<string>("select email from users where user_id = @person", new { person }));
        Assert.Equal(0, await scene.Database.QueryAsync<int>("select count(*)::int from audit_log"));
    }

    // All operators may be known only to the identity provider.
    [Fact]
    public async Task Command_WithoutAnyOperatorInTheDatabase_IsAcceptedByAnyUserId()
    {
        await scene.Database.ExecuteAsync("update users set role = 'subscriber' where user_id = @By::uuid", new { By });

        Assert.Equal(0, (await ToolAsync("export", "--user", "person@x.test", "--by", By, "--yes")).Code);
        Assert.Equal(By, await scene.Database.QueryAsync<string>("select actor_id::text from audit_log"));
    }

    [Theory]
    [InlineData("--by 00000000-0000-4000-8000-000000000001", "This prints all data about person@x.test: ")]
    [InlineData("--by 00000000-0000-4000-8000-000000000001 --yes false", "Nothing was exported. Use --yes")]
    [InlineData("--yes", "--by")]
    [InlineData("--yes --by x", "--by is not a user_id. Example: --by 0000")]
    public async Task Export_WithoutConfirmationOrOperator_PrintsNoData(string options, string message)
    {
        var (code, output) = await ToolAsync(["export", "--user", "person@x.test", .. options.Split(' ')]);

        Assert.Equal(1, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.DoesNotContain("MY-EA", output, StringComparison.Ordinal);
        Assert.Equal(0, await scene.Database.QueryAsync<int>("select count(*)::int from audit_log"));
    }

    // The columns that person_data searches for a person's rows.
    private static readonly string[] Searched =
        ["user_id", "subscriber_id", "caller_id", "actor_id", "submitted_by", "subscription_id", "device_id", "renewal_id", "subject",
            "payload", "body"];

    private const string PersonTables = """
        select relname from pg_class c
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
          and exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
                      and (a.attname = any (@Searched)
                           or (c.relname, a.attname) in (('master_pricing', 'master_id'), ('master_price_changes', 'master_id'))))
        """;

    [Fact]
    public async Task PersonData_EveryTable_IsSearchedOrKnownToContainNoPerson()
    {
        // usage_arrivals and unsummed_usage contain licenses for a few minutes only; the others contain no persons.
        string[] withoutPersons = ["metric_counters", "metric_days", "metric_increments", "schema_migrations", "schema_fingerprints",
            "skipped_rows",
            "timer_leases", "license_event_numbering", "health_comparison", "webhook_endpoints", "webhook_secrets",
            "renewal_sweeps", "payment_event_reads", "unapplied_events", "payment_comparisons",
            "usage_arrivals", "unsummed_usage", "trouble_watch", "invoice_series", "recurring_revenue_days", "spatial_ref_sys"];

        var missed = await scene.Database.QueryAllAsync<string>(
            $"""
            select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
            except {PersonTables} order by 1
            """,
            new { Searched });

        Assert.Empty(missed.Except(withoutPersons));
    }

    [Fact]
    public async Task PersonData_EveryColumnThatIdentifies_IsSearchedOrKnownToMeanSomethingElse()
    {
        string[] things =
        [
            "alert_id", "appeal_id", "attempt_id", "case_id", "endpoint_id", "refund_id", "reversal_id", "settled_by",
            "lease_id", "ledger_id", "log_id", "note_id", "outbox_id", "payment_method_id", "pricing_id", "quarantine_id",
                "reference_id", "row_id",
            "suspension_id", "token_id", "token_ids", "trouble_id", "replaced_by", "replaced_device_id", "admitted_device_id", "wallet_id",
                "subscription_ids", "log_ids", "next_subscription_id",
        ];
        // Operators who decided something, by identifier only, as in the audit log; and the master of a subscription.
        string[] deciders =
            ["resolved_by", "decided_by", "closed_by", "suspended_by", "created_by", "requested_by", "written_by", "master_id"];

        var unknown = await scene.Database.QueryAllAsync<string>(
            """
            select distinct a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.atttypid in ('uuid'::regtype, 'uuid[]'::regtype)
              and not a.attisdropped and not a.attname = any (@known)
            """,
            new { known = (string[])[.. Searched, .. things, .. deciders] });

        Assert.Empty(unknown);
    }

    [Fact]
    public async Task Erase_EveryTableWithPersons_IsErasedOrKnownToKeepOnlyTheIdentifier()
    {
        string[] kept =
        [
            "audit_log", "billing_ledger", "close_only_periods", "license_changes", "license_event_sequences", "license_events",
                "license_leases", "license_renewal_history",
                "license_token_replacements", "master_pricing",
                "health_marks", "master_price_changes",
                "payment_cases", "payment_reversals", "refunds", "troubles", "renewal_attempts", "renewal_requests", "reversal_effects",
                "user_wallets",
            // The law asks sellers to keep invoices with their buyers.
            "invoices", "invoiced_entries", "renewals_to_invoice",
        ];
        // Deleted with the device, or with the detector's state, by their foreign key; or with the alert's evidence, by a trigger.
        string[] cascaded =
            ["license_device_networks", "license_device_changes", "shadow_states", "shadow_alerts", "refused_devices"];

        var forgotten = await scene.Database.QueryAllAsync<string>(
            $"""
            select relname from ({PersonTables}) as holds
            where not pg_get_functiondef('erase_person'::regproc) ~ ('(delete from|update|insert into) ' || relname || '\M')
            """,
            new { Searched });

        Assert.Empty(forgotten.Except(kept).Except(cascaded));
    }

    [Fact]
    public async Task Erase_OfAPerson_KeepsBillingRecordsAndNothingElse()
    {

        var (code, output) = await ToolAsync(
            "erase", "--user", person.ToString(), "--by", By, "--reason", "on request", "--yes");
        var (_, export) = await ToolAsync("export", "--user", person.ToString(), "--by", By, "--yes");

        Assert.True(code == 0, output);
        Assert.Equal("""["stripe cus_1"]""", JsonNode.Parse(output)!["tell_provider"]!.ToJsonString());
        Assert.DoesNotMatch("MY-EA|198[.]51[.]100|person@x.test|\"4242\"|cus_1", export);
        Assert.Equal(
            ["audit_log", "billing_ledger", "license_tokens", "renewals", "subscriptions", "suspicious_activity_alerts", "user_wallets",
                "users"],
            JsonNode.Parse(export)!.AsObject().Select(table => table.Key)
                .Where(key => key is not ("user_id" or "health_marks" or "license_changes" or "license_events" or "license_states"
                    or "license_health"))
                .Order(StringComparer.Ordinal));
        Assert.Equal((false, "Erased"), await scene.Database.QueryAsync<(bool, string)>(
            "select is_active, revoked_reason from license_tokens where subscription_id = @SubscriptionId", license));
        Assert.Equal("canceled", await scene.Database.QueryAsync<string>("select status from renewals"));
        Assert.Equal((license.SubscriptionId, "ERASED"), await scene.Database.QueryAsync<(Guid, string)>(
            "select subscription_id, data ->> 'cause' from license_events where type = 'license.revoked'"));
        Assert.Equal((Guid.Parse(By), person.ToString(), "on request"), await scene.Database.QueryAsync<(Guid, string, string)>(
            "select actor_id, subject, reason from audit_log where action = 'person.erased'"));
        Assert.Equal(1L, await scene.Database.QueryAsync<long>(
            "select count(*) from license_usage_log where ea_instance_id = 'OTHERS-EA'"));
        Assert.Equal(["c"], await scene.Database.QueryAllAsync<string>("select dedup_key from outbox where dead_at is null"));
    }

    [Fact]
    public async Task Erase_OfACustomerWithAnInvoice_SaysThatItIsKept()
    {
        await scene.Database.ExecuteAsync(
            """
            insert into invoices (number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, seller,
                                  buyer, tax_country, tax_percent, paid_with, lines, net_usd, tax_usd, gross_usd)
            select 'ACME-2026-000001', 'ACME', 2026, 1, 'invoice', renewal_id, subscription_id, user_id, '2026-11-27Z', '2026-11-27Z', '{}',
                   '{"name": "Ada Example"}', 'DE', 19, 'card', '[]', 1, 0, 1
            from renewals
            """);
        string[] erase = ["erase", "--user", $"{person}", "--by", By, "--reason", "on request"];

        var (_, asked) = await ToolAsync(erase);
        var (_, output) = await ToolAsync([.. erase, "--yes"]);

        Assert.Contains("\nInvoices kept, as the law requires: 1\n", asked, StringComparison.Ordinal);
        Assert.Contains("\"kept\": {\"invoices\": 1", output, StringComparison.Ordinal);
        Assert.Equal("Ada Example", await scene.Database.QueryAsync<string>("select buyer ->> 'name' from invoices"));
    }

    [Theory]
    [InlineData("--by 00000000-0000-4000-8000-000000000001")]
    [InlineData("--by 00000000-0000-4000-8000-000000000001 --yes false")]
    [InlineData("--yes")]
    public async Task Erase_WithoutConfirmationOrOperator_ChangesNothing(string options)
    {
        var before = await scene.StateAsync();

        var (code, output) = await ToolAsync(
            ["erase", "--user", "person@x.test", "--reason", "on request", .. options.Split(' ')]);

        Assert.Equal(1, code);
        Assert.Contains(options == "--yes" ? "--by" : "This erases person@x.test:\n", output, StringComparison.Ordinal);
        Assert.Equal(before, await scene.StateAsync());
    }

    [Theory]
    [InlineData("person@x.test", 0)]
    [InlineData("yes", 1)]
    public async Task Erase_AtATerminal_ShowsWhatGoesAndNeedsTheUser(string typed, int expected)
    {
        var (code, output) = await Licensectl.RunAtTerminalAsync(
            scene.Database, typed, "erase", "--user", "person@x.test", "--by", By, "--reason", "on-request");

        Assert.Equal(expected, code);
        Assert.Contains("  license_usage_log: 1", output, StringComparison.Ordinal);
        Assert.DoesNotContain(": 0", output.Split("Invoices kept")[0], StringComparison.Ordinal);
        Assert.Contains("To confirm, type person@x.test: ", output, StringComparison.Ordinal);
        Assert.Equal(expected, await scene.Database.QueryAsync<int>("select count(*) from users where email = 'person@x.test'"));
    }

    [Fact]
    public async Task Erase_WhileAChargeIsUnknown_IsRefusedAndChangesNothing()
    {
        await scene.Database.ExecuteAsync("update renewals set status = 'unknown', intent_id = 'pi_1'");
        var before = await scene.StateAsync();

        var (code, output) = await ToolAsync(
            "erase", "--user", "person@x.test", "--by", By, "--reason", "on request", "--yes");

        Assert.Equal(1, code);
        Assert.Contains("charge", output, StringComparison.Ordinal);
        Assert.Equal(before, await scene.StateAsync());
    }

    [Fact]
    public async Task Erase_BesideALockedRow_EndsWithAnErrorAndChangesNothing()
    {
        var before = await scene.StateAsync();
        await using var platform = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await platform.ExecuteAsync("begin; select from license_tokens for update");

        var (code, output) = await ToolAsync(
            "erase", "--user", "person@x.test", "--by", By, "--reason", "on request", "--yes");

        Assert.Equal((1, "Another session has locked a row or table for too long. Run the command again."), (code, output.Trim()));
        await platform.ExecuteAsync("rollback");
        Assert.Equal(before, await scene.StateAsync());
    }

    [Fact]
    public async Task Export_UnknownUser_ReportsTheError() => Assert.Equal(
        (1, "There is no such user.\n"), await ToolAsync("export", "--user", "nobody@x.test", "--by", By));

    private Task<(int Code, string Output)> ToolAsync(params string[] arguments) => Licensectl.RunAsync(scene.Database, arguments);
}
