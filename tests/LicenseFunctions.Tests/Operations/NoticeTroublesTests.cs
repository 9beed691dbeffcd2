using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Azure;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Webhooks;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Renewals;
using Licensing.Troubles;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>Troubles in a real database, with several instances.</summary>
public sealed class NoticeTroublesTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Later = "update trouble_watch set looked_at = '-infinity'";

    /// <summary>Stripe is the only configured provider.</summary>
    private static readonly RenewalPolicy Renewals = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    private TestDatabase database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        // All timers have just run.
        await Notice().RunAsync(Cancel);
        await database.ExecuteAsync("update timer_leases set last_succeeded_at = now()");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Causes_OfEachKind_AreOneMailAndOneEventEach_FromSeveralInstances()
    {
        var (endpoint, dispute, license) = await AddCausesAsync();
        await LookAsync(); // first seen
        Assert.Equal(0, await MailsAsync());
        await database.ExecuteAsync("update troubles set seen_since = now() - interval '5 minutes'");

        for (var round = 0; round < 3; round++)
        {
            await database.ExecuteAsync(Later);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Notice().RunAsync(Cancel)));
        }

        var mail = JsonNode.Parse(await database.QueryAsync<string>(
            "select payload::text from outbox where payload ->> 'template' = 'operator_troubles'"))!;
        Assert.Equal("ops@example.com", (string?)mail["to"]);
        Assert.Equal(
            [
                "opened DEAD_LETTERS  1 ", "opened MAILS_DEAD  2 ", "opened RENEWALS_FAILING  3 5", "opened TIMER_LATE RunRenewals  ",
                "opened WEBHOOK_CALLS_DEAD  1 ",
            ],
            mail["model"]!["troubles"]!.AsArray()
                .Select(one => $"{one!["news"]} {one["cause"]} {one["subject"]} {one["count"]} {one["total"]}"));
        // The change itself has already told of these two.
        Assert.Equal(
            [
                "DEAD_LETTERS ", $"DISPUTE_UNANSWERED {dispute}", "MAILS_DEAD ", "RENEWALS_FAILING ", "TIMER_LATE RunRenewals",
                "WEBHOOK_CALLS_DEAD ", $"WEBHOOK_DISABLED {endpoint}",
            ],
            await database.QueryAllAsync<string>(
                """
                select (data ->> 'cause') || ' ' || (data ->> 'subject') from license_events
                where type = 'trouble.opened' and subscription_id = '00000000-0000-0000-0000-000000000000' order by 1
                """));
        await EventSecrets.AssertNoneAsync(database);

        // A day later, one mail reminds of all of them; the dispute is shown with its license.
        await database.ExecuteAsync("update troubles set told_at = told_at - interval '1 day'");
        await LookAsync();
        await LookAsync();
        var reminder = JsonNode.Parse(await database.QueryAsync<string>(
            "select payload::text from outbox where payload ->> 'template' = 'operator_troubles' order by created_at desc limit 1"))!;
        Assert.Equal(2, await MailsAsync());
        Assert.Equal(7, reminder["model"]!["troubles"]!.AsArray().Count(one => (string?)one!["news"] == "reminder"));
        Assert.Contains(license.ToString(), reminder.ToJsonString(), StringComparison.Ordinal);

        // All causes go away. An hour later they are closed, and the mail has those that an operator did not end.
        await EndCausesAsync();
        await LookAsync();
        Assert.Equal(7, await database.QueryAsync<int>("select count(*)::int from troubles"));
        await database.ExecuteAsync("update troubles set last_seen_at = last_seen_at - interval '1 hour'");
        await LookAsync();
        Assert.Equal((0, 3, 7), (
            await database.QueryAsync<int>("select count(*)::int from troubles"), await MailsAsync(),
            await database.QueryAsync<int>("select count(*)::int from license_events where type = 'trouble.closed'")));
    }

    // The numbers are those of the opening and of the end. Mails 0 0: the change itself sends the mail. Mails 1 0: an operator ends the
    // dispute, or nothing can be done.
    [Fact]
    public async Task Operators_HearOfEachCauseOnce_ByMailAndByWebhook_AndOfItsEnd()
    {
        var settings = new WebhookSettings([RandomNumberGenerator.GetBytes(32)], AllowPrivate: true, "ops@example.com");
        await using var receiver = await LocalListener.StartAsync(_ => Results.NoContent(), Cancel);
        using var http = WebhookHttp.ForEndpoints(allowPrivate: true);
        await AddCausesAsync();
        await AddDisputesAsync(("du_2", "2 days"), ("du_3", "-1 hour"));
        await new EditWebhookEndpoints(database.Database, settings).AddAsync(
            new NewWebhookEndpoint(receiver.Address.ToString(), null), Actor.System, Cancel);

        async Task LookRepeatedlyAsync(string setBack, long deadLetters)
        {
            await LookAsync(queue: Queue(deadLetters));
            await database.ExecuteAsync(setBack);
            for (var round = 0; round < 3; round++)
            {
                await database.ExecuteAsync(Later);
                await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Notice(queue: Queue(deadLetters)).RunAsync(Cancel)));
            }
        }

        await LookRepeatedlyAsync("update troubles set seen_since = now() - interval '5 minutes'", deadLetters: 2);
        await EndCausesAsync();
        await LookRepeatedlyAsync("update troubles set last_seen_at = last_seen_at - interval '1 hour'", deadLetters: 0);
        var events = new EventStore(database.Database);
        var endpoints = new WebhookEndpointStore(database.Database);
        await new DeliverEvents(
            endpoints, events, new WebhookSender(endpoints, settings, http, TimeProvider.System), settings, TimeProvider.System,
            NullLogger<DeliverEvents>.Instance).RunAsync(Cancel);

        var mailed = (await database.QueryAllAsync<string>(
            """
            select (one ->> 'cause') || ' ' || (one ->> 'news')
            from outbox, jsonb_array_elements(payload -> 'model' -> 'troubles') one
            where payload ->> 'template' = 'operator_troubles'
            """)).CountBy(one => one).ToDictionary();
        var called = receiver.Requests.Select(call => JsonNode.Parse(call.Body)!["data"]!)
            .CountBy(data => $"{data["data"]!["cause"]} {((string)data["type"]!)["trouble.".Length..]}").ToDictionary();
        Assert.Equal(
            [
                "RENEWALS_FAILING: mails 1 1, webhooks 1 1",
                "TIMER_LATE: mails 1 1, webhooks 1 1",
                "DEAD_LETTERS: mails 1 1, webhooks 1 1",
                "DEAD_LETTERS_NOT_DRAINED: mails 1 1, webhooks 1 1",
                "MAILS_DEAD: mails 1 1, webhooks 1 1",
                "WEBHOOK_CALLS_DEAD: mails 1 1, webhooks 1 1",
                "WEBHOOK_DISABLED: mails 0 0, webhooks 1 1",
                "DISPUTE_UNANSWERED: mails 0 0, webhooks 1 1",
                "DISPUTE_DUE: mails 1 0, webhooks 1 1",
                "DISPUTE_MISSED: mails 1 0, webhooks 1 1",
            ],
            Enum.GetValues<TroubleCause>().Select(cause => EnumWords.UpperOf(cause)).Select(cause =>
            {
                string Opened(Dictionary<string, int> told) =>
                    $"{told.GetValueOrDefault($"{cause} opened")} {told.GetValueOrDefault($"{cause} closed")}";
                return $"{cause}: mails {Opened(mailed)}, webhooks {Opened(called)}";
            }));
    }

    [Fact]
    public async Task DeadLettersInTheQueue_AreATroubleUntilTheBrokerReportsNone_NotWhileItIsSilent()
    {
        await LookAsync(queue: Queue(2));
        await database.ExecuteAsync("update troubles set seen_since = now() - interval '5 minutes'");
        await LookAsync(queue: Queue(2));
        await database.ExecuteAsync("update troubles set last_seen_at = now() - interval '1 day'");

        await LookAsync(queue: Queue(null));
        Assert.Equal(
            "DEAD_LETTERS_NOT_DRAINED 2",
            await database.QueryAsync<string>("select cause || ' ' || (details ->> 'count') from troubles where opened_at is not null"));

        // The settings no longer name a Service Bus.
        await LookAsync(queue: new CountMessages(
            new ServiceBusSettings("usage-records", "off", IsOff: true, null, null, null, 5300), null, TimeProvider.System,
            NullLogger<CountMessages>.Instance));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from troubles"));
    }

    // Without this trouble, charges would stop and no operator would be notified.
    [Theory]
    [InlineData("stripe", true)]
    [InlineData("paypal", false)] // not configured: nothing waits for it
    [InlineData(null, false)]
    public async Task ADisabledTimer_ForWhichChargesWait_IsATrouble(string? unread, bool isTrouble)
    {
        await database.ExecuteAsync(
            """
            update timer_leases set last_succeeded_at = now() - interval '1 day' where timer_name in ('FetchPaymentEvents', 'ScanUsage');
            insert into payment_event_reads (provider, missed_until) select @unread::text, now() where @unread::text is not null
            """,
            new { unread });

        await database.ExecuteAsync(Later);
        await Notice(disabled: ["FetchPaymentEvents", "ScanUsage"]).RunAsync(Cancel);

        Assert.Equal(
            isTrouble ? ["TIMER_LATE FetchPaymentEvents"] : [],
            await database.QueryAllAsync<string>("select cause || ' ' || subject from troubles"));
    }

    [Fact]
    public async Task Deadline_OfADispute_IsMailedBeforeAndAfterIt_UnlessEvidenceWasSent()
    {
        await AddCausesAsync();
        async Task<string?> LookWithAsync(string due)
        {
            await database.ExecuteAsync($"delete from troubles; update payment_reversals set evidence_due_at = now() + interval '{due}'");
            await LookAsync();
            await database.ExecuteAsync("update troubles set seen_since = now() - interval '5 minutes' where cause like 'DISPUTE_%'");
            await LookAsync();
            return await database.QueryAsync<string?>(
                """
                select string_agg(one ->> 'cause' || ' ' || (one ->> 'name'), ',')
                from outbox, jsonb_array_elements(payload -> 'model' -> 'troubles') one
                where payload ->> 'template' = 'operator_troubles'
                """);
        }

        Assert.Null(await LookWithAsync("4 days"));
        Assert.Equal("DISPUTE_DUE du_1", await LookWithAsync("2 days"));
        await database.ExecuteAsync("delete from outbox where payload ->> 'template' = 'operator_troubles'");
        Assert.Equal("DISPUTE_MISSED du_1", await LookWithAsync("-1 hour"));
        await database.ExecuteAsync("delete from outbox where payload ->> 'template' = 'operator_troubles'");
        Assert.Null(await LookWithAsync("-21 hours"));
        await database.ExecuteAsync(
            """
            insert into dispute_evidence (reversal_id, subscription_id, text, state, decided_at)
            select reversal_id, subscription_id, 'x', 'sent', now() from payment_reversals
            """);
        Assert.Null(await LookWithAsync("2 days"));
    }

    [Fact]
    public async Task WithoutAnAddress_CausesAreEventsOnly_AndAFailureLeavesNothing()
    {
        await database.ExecuteAsync("update timer_leases set last_succeeded_at = now() - interval '1 day' where timer_name = 'ScanUsage'");
        await LookAsync(null);
        await database.ExecuteAsync("update troubles set seen_since = now() - interval '5 minutes'");
        await database.ExecuteAsync("alter table license_events rename to gone");
        await database.ExecuteAsync(Later);

        await Notice(null).TryRunAsync(Cancel); // logged; the mails of the outbox must go out
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from troubles where opened_at is not null"));
        await database.ExecuteAsync("alter table gone rename to license_events");
        await Notice(null).RunAsync(Cancel); // the look that failed doesn't count as one

        Assert.Equal((1, 0), (await database.QueryAsync<int>("select count(*)::int from license_events"), await MailsAsync()));
        await LookAsync();
        Assert.Equal(1, await MailsAsync());
    }

    private async Task<(Guid Endpoint, Guid Dispute, Guid License)> AddCausesAsync()
    {
        var license = await database.QueryAsync<Guid>(
            """
            with master as (insert into users (email, password_hash, role) values ('master@example.com', 'x', 'master') returning user_id),
            customer as (insert into users (email, password_hash) values ('jo@example.com', 'x') returning user_id)
            insert into subscriptions (subscriber_id, master_id) select c.user_id, m.user_id from customer c, master m
            returning subscription_id
            """);
        await database.ExecuteAsync(
            """
            -- Three of five licenses fail; one fails and is paid later. Manual renewals, and those of yesterday, don't count.
            with person as (insert into users (email, password_hash) select 'p' || n || '@example.com', 'x' from generate_series(1, 5) n
                            returning user_id),
            numbered as (select user_id, row_number() over () as n from person),
            followed as (insert into subscriptions (subscriber_id, master_id)
                         select n.user_id, m.user_id from numbered n, users m where m.email = 'master@example.com'
                         returning subscription_id, subscriber_id)
            insert into license_renewal_history (attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
            select now() - at, f.subscription_id, f.subscriber_id, type, 30, status
            from followed f join numbered n on n.user_id = f.subscriber_id
            join (values (1, interval '1 hour', 'auto', 'failed'), (2, interval '2 hours', 'auto', 'failed'),
                         (3, interval '3 hours', 'auto', 'failed'), (4, interval '3 hours', 'auto', 'failed'),
                         (4, interval '2 hours', 'auto', 'success'), (5, interval '1 hour', 'auto', 'success'),
                         (5, interval '1 minute', 'manual', 'failed'), (5, interval '7 hours', 'auto', 'failed'))
                 as h (n, at, type, status) on h.n = n.n;
            update timer_leases set last_succeeded_at = now() - interval '1 hour' where timer_name = 'RunRenewals';
            insert into usage_quarantine (source, code, detail, payload, payload_digest)
            values ('dead_letter', 'INVALID', 'x', 'x', sha256('a')), ('http', 'INVALID', 'x', 'y', sha256('b'));
            insert into outbox (kind, dedup_key, payload, dead_at)
            values ('email', 'a', '{}', now()), ('email', 'b', '{}', now()), ('email', 'c', '{}', now() - interval '2 days'),
                   ('alert_webhook', 'd', '{}', now())
            """);
        var endpoint = await database.QueryAsync<Guid>(
            """
            insert into webhook_endpoints (url, position, disabled_at, disabled_by)
            values ('https://off.example.com', 0, now(), 'operator'), ('https://hooks.example.com/x', 0, now(), 'failures');
            select endpoint_id from webhook_endpoints where disabled_by = 'failures'
            """);
        var dispute = await database.QueryAsync<Guid>(
            """
            with paid as (
                insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, paid_with, paid_from,
                                      paid_until, gives_up_at, intent_id)
                select subscription_id, subscriber_id, now(), 'auto', 'applied', 30, 'card', now(), now() + interval '30 days', now(),
                       'pi_1'
                from subscriptions where subscription_id = @license
                returning renewal_id, subscription_id
            )
            insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, intent_id, changed_at,
                                           evidence_due_at, renewal_id, subscription_id)
            select 'stripe', 'dispute', 'du_1', 'open', 3000, 'usd', 'pi_1', now(), now() + interval '7 days', renewal_id,
                   subscription_id
            from paid
            returning reversal_id
            """, new { license });
        await database.ExecuteAsync("delete from license_events");
        return (endpoint, dispute, license);
    }

    private Task<int> EndCausesAsync() => database.ExecuteAsync(
        """
        delete from license_renewal_history;
        update timer_leases set last_succeeded_at = now();
        update usage_quarantine set state = 'DISCARDED', closed_at = now();
        update outbox set dead_at = dead_at - interval '1 day' where dead_at is not null;
        delete from webhook_endpoints where disabled_by is not null;
        update payment_reversals set state = 'won'
        """);

    /// <summary>More disputes of the same payment.</summary>
    private async Task AddDisputesAsync(params (string Id, string Due)[] disputes)
    {
        foreach (var (id, due) in disputes)
        {
            await database.ExecuteAsync(
                """
                insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, intent_id, changed_at,
                                               evidence_due_at, renewal_id, subscription_id)
                select provider, kind, @id, state, amount_minor, currency, intent_id, changed_at, now() + @due::interval, renewal_id,
                       subscription_id
                from payment_reversals where provider_id = 'du_1'
                """,
                new { id, due });
        }
    }

    private async Task LookAsync(string? alertEmail = "ops@example.com", CountMessages? queue = null)
    {
        await database.ExecuteAsync(Later);
        await Notice(alertEmail, queue).RunAsync(Cancel);
    }

    private Task<int> MailsAsync() =>
        database.QueryAsync<int>("select count(*)::int from outbox where payload ->> 'template' = 'operator_troubles'");

    /// <param name="deadLetters">What Service Bus reports; null if it does not answer.</param>
    private static CountMessages Queue(long? deadLetters)
    {
        var client = new Mock<ServiceBusAdministrationClient>();
        var call = client.Setup(one => one.GetQueueRuntimePropertiesAsync("usage-records", It.IsAny<CancellationToken>()));
        if (deadLetters is { } count)
        {
            call.ReturnsAsync(Response.FromValue(
                ServiceBusModelFactory.QueueRuntimeProperties("usage-records", deadLetterMessageCount: count), Mock.Of<Response>()));
        }
        else
        {
            call.ThrowsAsync(new ServiceBusException("no answer", ServiceBusFailureReason.ServiceCommunicationProblem));
        }

        return new CountMessages(
            new ServiceBusSettings("usage-records", null, IsOff: false, null, null, null, 5300), client.Object, TimeProvider.System,
            NullLogger<CountMessages>.Instance);
    }

    private NoticeTroubles Notice(
        string? alertEmail = "ops@example.com", CountMessages? queue = null, params string[] disabled)
    {
        var settings = new SettingReader(new ConfigurationBuilder().AddJsonFile(
            Path.Combine(Repository.Root, "local.settings.sample.json")).AddInMemoryCollection(
            disabled.Select(name => KeyValuePair.Create<string, string?>($"Values:AzureWebJobs.{name}.Disabled", "true")))
            .Build().GetSection("Values"));
        return new NoticeTroubles(
            database.Database, new TimerFallbackStore(database.Database), TimerSchedules.Read(settings, TimeProvider.System),
            queue ?? Queue(0), new TroubleSettings(new TroublePolicy(), alertEmail), Renewals, NullLogger<NoticeTroubles>.Instance);
    }
}
