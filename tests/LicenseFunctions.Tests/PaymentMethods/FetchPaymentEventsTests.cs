using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Renewals;
using Npgsql;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.PaymentMethods;

/// <summary>Events that no webhook delivers, over PostgreSQL and Stripe's stand-in.</summary>
public sealed class FetchPaymentEventsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private PaymentBooksScene scene = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => scene = await PaymentBooksScene.OpenAsync(postgres);

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Fetch_AChargeWhoseWebhookWasLost_IsBookedOnce()
    {
        var license = await scene.ChargeWithoutAnswerAsync();
        Assert.Equal("unknown", await scene.StatusAsync(license));

        Assert.True((await scene.Fetch.RunAsync(Token)).Applied > 0);

        Assert.Equal("applied", await scene.StatusAsync(license));
        Assert.Equal(0, (await scene.Fetch.RunAsync(Token)).Applied);
        await scene.DeliverAllAsync();
        Assert.Equal(2, await scene.Database.QueryAsync<int>("select count(*)::int from billing_ledger"));
    }

    [Fact]
    public async Task Fetch_ARefundMadeInStripesDashboard_IsBooked()
    {
        var license = await scene.ChargeAsync();
        await scene.Stripe.RefundAsync(scene.IntentOf(license), 4999);

        await scene.Fetch.RunAsync(Token);

        Assert.Equal(
            ["refund", "refund_total"],
            await scene.Database.QueryAllAsync<string>("select kind from payment_reversals where applied_at is not null order by kind"));
        Assert.Equal(
            49.99m,
            await scene.Database.QueryAsync<decimal>("select sum(amount_usd) from billing_ledger where entry_type = 'REFUND'"));
    }

    [Fact]
    public async Task Fetch_EventsOfSeveralPages_RecordsEachOnce_AlsoByTwoAtOnce()
    {
        for (var made = 0; made < 250; made++) Emit("payment_intent.processing", $"pi_{made}");
        await scene.DeliverAsync(scene.Stripe.StandIn.EventsOf("payment_intent.processing")[100]);

        var counts = await Task.WhenAll(scene.Fetch.RunAsync(Token), scene.Fetch.RunAsync(Token));

        Assert.InRange(counts.Sum(one => one.Applied), 249, 2 * 249);
        Assert.Equal(250, await RecordedAsync());
        Assert.Equal(0, (await scene.Fetch.RunAsync(Token)).Applied);
    }

    // Otherwise the first read of each provider would be 720 requests.
    [Fact]
    public async Task Fetch_HoursWithoutEvents_AsksForUpToADay_AndForAnHourWithAnEvent()
    {
        var at = TimeProvider.System.GetUtcNow().AddDays(-10);
        await scene.Database.ExecuteAsync(
            "insert into payment_events (provider, event_id, event_type, created_at) values ('stripe', 'evt_1', 'x', @at)",
            new { at = at.UtcDateTime });
        var list = new OneEvent(at);
        var begin = TimeProvider.System.GetUtcNow();

        Assert.Equal(0, (await scene.FetchOf(list).RunAsync(Token)).Applied);

        var hours = list.Windows.Select(window => (window.Until - window.From).TotalHours).ToList();
        Assert.Equal([1, 2, 4, 8, 16, 24, 24], hours.Take(7));
        // The event is applied in a window of an hour.
        Assert.Equal(1, hours[list.Windows.FindLastIndex(window => window.From <= at && at < window.Until)]);
        Assert.InRange(hours.Count, 30, 60);
        Assert.All(
            list.Windows.Zip(list.Windows.Skip(1)),
            pair => Assert.True(pair.Second.From == pair.First.Until
                || (pair.Second.From == pair.First.From && pair.First.From <= at && at < pair.First.Until)));
        Assert.True(list.Windows[^1].Until >= begin - FetchPaymentEvents.Lag);
    }

    private sealed class OneEvent(DateTimeOffset at) : IPaymentEventList
    {
        public List<(DateTimeOffset From, DateTimeOffset Until)> Windows { get; } = [];

        public string Provider => "stripe";

        public TimeSpan Kept => TimeSpan.FromDays(30);

        public Task<Outcome<ListedEventPage>> ReadAsync(
            DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
        {
            Windows.Add((from, until));
            var known = new ListedEvent("evt_1", "x", at, _ => throw new InvalidOperationException("It was applied."));
            return Task.FromResult<Outcome<ListedEventPage>>(new ListedEventPage(from <= at && at < until ? [known] : [], Next: null));
        }
    }

    [Fact]
    public async Task Fetch_RecentEvents_LeavesThemToTheWebhook()
    {
        await using var now = await PaymentBooksScene.OpenAsync(postgres, FetchPaymentEvents.Lag - TimeSpan.FromMinutes(1));
        now.Stripe.StandIn.Account.Emit("payment_intent.processing", new JsonObject { ["id"] = "pi_1", ["status"] = "processing" });

        Assert.Equal(0, (await now.Fetch.RunAsync(Token)).Applied);
    }

    // The restored database lacks the charge: nothing is charged before the provider's list says that the period is paid.
    [Fact]
    public async Task Fetch_AfterARestore_BooksTheLostCharge_BeforeAnythingIsChargedAgain()
    {
        await scene.Fetch.RunAsync(Token);
        var license = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(license);
        await scene.Database.ExecuteAsync(
            "update payment_event_reads set read_until = now() - interval '2 hours', asked_at = now() - interval '2 hours'");

        await scene.RunDueAsync();
        Assert.Equal(
            "due true", await scene.Database.QueryAsync<string>("select status || ' ' || may_be_paid from renewals"));
        await scene.Fetch.RunAsync(Token);
        await scene.RunDueAsync();

        Assert.Equal(("applied", 1), (await scene.StatusAsync(license), scene.Stripe.StandIn.Account.PaymentIntents.Count));
    }

    // Otherwise a RECONCILE_SCHEDULE of two hours would stop all charges.
    [Fact]
    public async Task Fetch_ByASlowTimer_ChargesWaitOnlyAfterTheFirstInterval()
    {
        await scene.Fetch.RunAsync(Token);
        const string Pass = "update payment_event_reads set asked_at = asked_at - @by, missed_until = missed_until - @by";
        await scene.Database.ExecuteAsync(Pass, new { by = TimeSpan.FromHours(2) });
        await scene.Fetch.RunAsync(Token);
        Assert.Equal(["stripe"], await UnreadAsync());

        await scene.Database.ExecuteAsync(Pass, new { by = TimeSpan.FromHours(2) });
        Assert.Equal(["stripe"], await UnreadAsync());
        await scene.Fetch.RunAsync(Token);
        Assert.Empty(await UnreadAsync());
        await scene.Database.ExecuteAsync(Pass, new { by = TimeSpan.FromHours(5) });
        Assert.Empty(await UnreadAsync());
        await scene.Database.ExecuteAsync(Pass, new { by = TimeSpan.FromHours(2) });
        Assert.Equal(["stripe"], await UnreadAsync());
    }

    [Fact]
    public async Task Fetch_AfterAStop_ChargesWaitUntilEverythingUpToTheReturnIsRead()
    {
        Assert.Empty(await UnreadAsync()); // the provider was never asked
        await scene.Fetch.RunAsync(Token);
        Assert.Empty(await UnreadAsync());
        await scene.Database.ExecuteAsync("update payment_event_reads set asked_at = now() - interval '14 minutes'");
        Assert.Empty(await UnreadAsync());
        await scene.Database.ExecuteAsync("update payment_event_reads set asked_at = now() - interval '15 minutes'");
        Assert.Equal(["stripe"], await UnreadAsync());

        // The last ten minutes are not read yet.
        await scene.Fetch.RunAsync(Token);
        await scene.Fetch.RunAsync(Token);
        Assert.Equal(["stripe"], await UnreadAsync());
        await PassAsync(FetchPaymentEvents.Lag);
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal(["stripe"], await UnreadAsync());
        scene.Stripe.StandIn.Faults.Clear();
        await scene.Fetch.RunAsync(Token);
        Assert.Empty(await UnreadAsync());

        // A provider that doesn't answer is no stop of this backend.
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        await scene.Database.ExecuteAsync("update payment_event_reads set read_until = now() - interval '1 day'");
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Empty(await UnreadAsync());
    }

    [Fact]
    public async Task Fetch_AfterAStop_AnEventThatCantBeApplied_DelaysChargesForAnHour()
    {
        await scene.Fetch.RunAsync(Token);
        await scene.Database.ExecuteAsync("update payment_event_reads set missed_until = now() - interval '20 minutes'");
        Emit("payment_method.updated", "pm_1");
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_methods.retrieve", Times: null));

        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal(["stripe"], await UnreadAsync());
        await scene.Database.ExecuteAsync("update unapplied_events set failed_at = failed_at - interval '1 hour'");
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Empty(await UnreadAsync());
    }

    private Task<IReadOnlyList<string>> UnreadAsync() => scene.Database.QueryAllAsync<string>("select unnest(unread_providers())");

    private Task<int> PassAsync(TimeSpan by) => scene.Database.ExecuteAsync(
        "update payment_event_reads set missed_until = missed_until - @by", new { by });

    // After a second stop, the event may be about a charge that is not known here.
    [Fact]
    public async Task Fetch_AnEventThatCouldNotBeApplied_DelaysChargesForAnHourAfterEachStop()
    {
        await scene.Fetch.RunAsync(Token);
        Emit("payment_method.updated", "pm_1");
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_methods.retrieve", Times: null));
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        await scene.Database.ExecuteAsync(
            """
            update unapplied_events set failed_at = failed_at - interval '2 hours';
            update payment_event_reads set asked_at = now() - interval '1 hour'
            """);

        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        await PassAsync(FetchPaymentEvents.Lag);
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Equal(["stripe"], await UnreadAsync());
    }

    [Theory]
    [InlineData("5 hours 59 minutes", "0", 0)]
    [InlineData("6 hours", "0", 1)]
    [InlineData("6 hours", "15 minutes", 0)] // stopped again: the timer asks first
    public async Task OverdueProviders_AfterSixHours_NameTheProviderThatIsOutOfReach(string missed, string asked, int overdue)
    {
        await scene.Database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at, missed_until)
            values ('stripe', now() - interval '1 day', now() - @asked::interval, now() - @missed::interval)
            """,
            new { missed, asked });

        Assert.Equal(overdue, await scene.Database.QueryAsync<int>("select cardinality(overdue_providers())"));
        Assert.Equal(["stripe"], await UnreadAsync());
    }

    // The customer may have paid with a provider that they have used: only an operator ends that wait.
    [Theory]
    [InlineData("select 1", "paypal")]
    [InlineData(
        """
        insert into payment_customers (user_id, payment_provider, provider_customer_id) select user_id, 'paypal', 'P1' from renewals
        """,
        "")]
    [InlineData(
        """
        insert into user_payment_methods (user_id, payment_provider, provider_payment_id, is_active)
        select user_id, 'paypal', 'P1', false from renewals
        """,
        "")]
    public async Task OverdueProviders_OfACustomerWhoHasUsedOne_DontNameIt(string used, string overdue)
    {
        await scene.ChargeAsync();
        await scene.Database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at, missed_until)
            values ('paypal', now() - interval '1 day', now(), now() - interval '7 hours')
            """);
        await scene.Database.ExecuteAsync(used);

        Assert.Equal(
            ("paypal", overdue),
            await scene.Database.QueryAsync<(string, string)>(
                "select array_to_string(unread_providers, ' '), array_to_string(overdue_providers, ' ') from renewal_facts"));
    }

    // The backup is older than the first request to the provider. Nothing may be charged before that request, either.
    [Theory]
    [InlineData("14 minutes", "")]
    [InlineData("15 minutes", "paypal,stripe")]
    public async Task UnreadProviders_ThatWereNeverAsked_AreWaitedForIfThereAreOlderRenewals(string age, string unread)
    {
        await scene.ChargeAsync();
        await scene.Database.ExecuteAsync("update renewals set created_at = now() - @age::interval", new { age });

        Assert.Equal(unread, await scene.Database.QueryAsync<string>("select array_to_string(unread_providers(), ',')"));
    }

    // A restore to the first minutes of an installation: there were no renewals at the first request.
    [Theory]
    [InlineData("14 minutes", "")]
    [InlineData("15 minutes", "stripe")]
    public async Task UnreadProviders_OfANewInstallation_AreWaitedForAfterARestore(string asked, string unread)
    {
        await scene.Fetch.RunAsync(Token);
        await scene.Database.ExecuteAsync("update payment_event_reads set asked_at = now() - @asked::interval", new { asked });

        Assert.Equal(unread, await scene.Database.QueryAsync<string>("select array_to_string(unread_providers(), ',')"));
    }

    // The limit counts from the return (missed_until). A provider that is never asked has none, so the first caller that waits records one.
    [Theory]
    [InlineData("null", "null", true)]
    [InlineData("now()", "now()", true)]
    [InlineData("now() - interval '2 days 23 hours'", "now()", true)]
    [InlineData("now() - interval '3 days'", "now()", false)]
    [InlineData("now() - interval '4 days'", "now() - interval '1 hour'", true)] // stopped again: the timer asks first
    [InlineData("null", "now() - interval '9 days'", true)] // the timer is disabled, and the return is recorded now
    [InlineData("now() - interval '2 days 23 hours'", "now() - interval '9 days'", true)] // it was recorded
    [InlineData("now() - interval '3 days'", "now() - interval '9 days'", false)]
    public async Task AwaitsEvents_WithALimit_EndsAlsoIfTheTimerIsOff(string missed, string asked, bool waits)
    {
        await scene.Database.ExecuteAsync(
            $"""
            insert into payment_event_reads (provider, read_until, asked_at, missed_until)
            values ('stripe', case when {asked} is not null then now() - interval '9 days' end, {asked}, {missed})
            """);

        Assert.Equal(waits, await AwaitsAsync());
        await scene.Database.ExecuteAsync("select note_return('stripe')");
        Assert.Equal(waits, await AwaitsAsync());
        Assert.True(await scene.Database.QueryAsync<bool>(
            "select awaits_events(array['stripe'], null) and not awaits_events(array['paypal'], null)"));
        await scene.Database.ExecuteAsync("update payment_event_reads set missed_until = missed_until - interval '3 days'");
        Assert.Equal(asked == "now() - interval '1 hour'" && waits, await AwaitsAsync());

        Task<bool> AwaitsAsync() => scene.Database.QueryAsync<bool>("select awaits_events(array['stripe'], interval '3 days')");
    }

    // The backup may be older than the first read of the provider.
    [Fact]
    public async Task Fetch_OfAProviderThatWasNeverAsked_WhileThereAreRenewals_ChargesWaitUntilItIsRead()
    {
        await scene.ChargeAsync();
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal(["stripe"], await UnreadAsync());

        scene.Stripe.StandIn.Faults.Clear();
        await PassAsync(FetchPaymentEvents.Lag);
        Assert.True((await scene.Fetch.RunAsync(Token)).Applied > 0);
        Assert.Empty(await UnreadAsync());
    }

    // The statement of a restore, or a refund that waits, records the return. The timer asks much later.
    [Fact]
    public async Task Fetch_OfAProviderWhoseReturnWasNotedLongBefore_ChargesWaitUntilItIsRead()
    {
        await scene.ChargeAsync();
        await scene.Database.ExecuteAsync(
            "insert into payment_event_reads (provider, missed_until) values ('stripe', now() - interval '7 hours')");
        Assert.Equal(["stripe"], await UnreadAsync());

        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Equal(["stripe"], await UnreadAsync());
    }

    // Nothing may be charged for its license, and the license must not be suspended, before the charge is booked or decided.
    [Fact]
    public async Task Fetch_AfterARestore_ASuccessThatCantBeApplied_IsACaseAtOnce_ThatHoldsItsLicense()
    {
        await scene.Fetch.RunAsync(Token);
        var license = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(license);
        await scene.Database.ExecuteAsync(
            """
            update payment_event_reads set read_until = now() - interval '2 hours';
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
            create trigger refuse before insert on payment_events
            for each row when (new.event_type = 'payment_intent.succeeded') execute function refuse()
            """);

        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        await scene.RunDueAsync();
        Assert.Equal(
            $"not_booked {scene.IntentOf(license)} {license} 4999",
            await scene.Database.QueryAsync<string>(
                "select concat_ws(' ', reason, subject, subscription_id, amount_minor) from payment_cases where decided_at is null"));
        Assert.Equal(
            "due true", await scene.Database.QueryAsync<string>("select status || ' ' || may_be_paid from renewals"));
        Assert.Single(scene.Stripe.StandIn.Account.PaymentIntents);

        await scene.Database.ExecuteAsync("drop trigger refuse on payment_events");
        await scene.Fetch.RunAsync(Token);
        Assert.Equal(
            ("applied", "applied", 0),
            (await scene.StatusAsync(license), await scene.Database.QueryAsync<string>("select decision from payment_cases"),
                await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events")));
    }

    [Fact]
    public async Task Fetch_ASuccessThatCouldNotBeApplied_AndWasDeliveredMeanwhile_ClosesItsCase()
    {
        await scene.Database.ExecuteAsync(
            """
            insert into unapplied_events (provider, event_id, event_type, created_at, intent_id)
            values ('stripe', 'evt_1', 'x', now(), 'pi_1');
            insert into payment_events (provider, event_id, event_type, created_at) values ('stripe', 'evt_1', 'x', now());
            insert into payment_cases (provider, reason, subject, detail) values ('stripe', 'not_booked', 'pi_1', 'a test')
            """);

        await scene.Fetch.RunAsync(Token);

        Assert.Equal(
            ("applied", 0),
            (await scene.Database.QueryAsync<string>("select decision from payment_cases"),
                await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events")));
    }

    // Otherwise charges could begin while nothing holds the license.
    [Fact]
    public async Task Fetch_ASuccessThatCantBeApplied_WhoseCaseCantBeOpened_DelaysAllChargesUntilItIs()
    {
        await scene.Fetch.RunAsync(Token);
        var license = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(license);
        await scene.Database.ExecuteAsync(
            """
            update payment_event_reads set read_until = now() - interval '2 hours', missed_until = now() - interval '20 minutes';
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
            create trigger refuse before insert on payment_events
            for each row when (new.event_type = 'payment_intent.succeeded') execute function refuse();
            create trigger refuse before insert on payment_cases for each row execute function refuse()
            """);

        var begin = TimeProvider.System.GetUtcNow();
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal(["payment_intent.succeeded "], await UnappliedAsync());
        Assert.Equal(["stripe"], await UnreadAsync());
        Assert.True(await ReadUntilAsync(scene) > begin - FetchPaymentEvents.Lag);

        await scene.Database.ExecuteAsync("drop trigger refuse on payment_cases");
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal([$"payment_intent.succeeded {scene.IntentOf(license)}"], await UnappliedAsync());
        Assert.Equal(["not_booked"], await scene.Database.QueryAllAsync<string>("select reason from payment_cases"));
        Assert.Empty(await UnreadAsync());
    }

    // Otherwise all charges and suspensions wait as long as one license is locked.
    [Fact]
    public async Task Fetch_ASuccessOfALockedLicense_StopsNoOther_AndIsBookedLater()
    {
        await scene.Fetch.RunAsync(Token);
        var locked = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(locked);
        await scene.Database.ExecuteAsync("update renewals set next_action_at = now() + interval '1 hour'");
        var other = await scene.ChargeWithoutAnswerAsync();
        await scene.Database.ExecuteAsync(
            """
            update payment_event_reads set read_until = now() - interval '2 hours';
            do $$ begin execute format('alter database %I set lock_timeout = ''100ms''', current_database()); end $$
            """);
        scene.Database.Source.Clear();
        await using (var holder = await scene.Database.Source.OpenConnectionAsync(Token))
        {
            await using var transaction = await holder.BeginTransactionAsync(Token);
            await using var hold = new NpgsqlCommand($"select from license_states where subscription_id = '{locked}' for update", holder);
            await hold.ExecuteNonQueryAsync(Token);

            await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
            Assert.Equal(("due", "applied"), (await scene.StatusAsync(locked), await scene.StatusAsync(other)));
            Assert.Equal(["payment_intent.succeeded "], await UnappliedAsync());
        }

        await scene.Fetch.RunAsync(Token);

        Assert.Equal("applied", await scene.StatusAsync(locked));
        Assert.Empty(await UnappliedAsync());
    }

    // A refund closes the case, but here it was reported before the success.
    [Fact]
    public async Task Fetch_ASuccessThatCantBeApplied_OfAChargeThatIsRefunded_LapsesTheRenewalOnce()
    {
        await scene.Fetch.RunAsync(Token);
        var license = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(license);
        var intent = scene.IntentOf(license);
        await scene.Database.ExecuteAsync(
            """
            insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, intent_id, changed_at)
            values ('stripe', 'refund', 're_1', 'succeeded', 4999, 'usd', @intent, now());
            """, new { intent });
        await scene.Database.ExecuteAsync(
            """
            update payment_event_reads set read_until = now() - interval '2 hours';
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
            create trigger refuse before insert on payment_events
            for each row when (new.event_type = 'payment_intent.succeeded') execute function refuse()
            """);

        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));
        Assert.Equal(
            ("lapsed", "not_booked refunded"),
            (await scene.StatusAsync(license),
                await scene.Database.QueryAsync<string>("select concat_ws(' ', reason, decision) from payment_cases")));
        // The customer requests it.
        await scene.Database.ExecuteAsync("update renewals set status = 'due', next_action_at = now() + interval '1 hour'");
        await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Equal("due", await scene.StatusAsync(license));
    }

    // Otherwise the period could be charged, and then the retry or the provider's next webhook books the first charge.
    [Theory]
    [InlineData("stripe", "2 days 23 hours", "EVENT_RETRIED")]
    [InlineData("stripe", "3 days", null)]
    [InlineData("paypal", "0", null)] // not configured: nothing books it
    public async Task DecideCase_OfASuccessThatMayBeBooked_CantBeDismissed(string provider, string age, string? refusal)
    {
        await scene.Database.ExecuteAsync(
            """
            insert into unapplied_events (provider, event_id, event_type, created_at, intent_id)
            values (@provider, 'evt_1', 'x', now(), 'pi_1');
            insert into payment_cases (provider, reason, subject, detail, opened_at)
            values (@provider, 'not_booked', 'pi_1', 'a test', now() - @age::interval)
            """,
            new { provider, age });
        var caseId = await scene.Database.QueryAsync<Guid>("select case_id from payment_cases");

        var decided = await scene.Decide.RunAsync(
            caseId, new PaymentCaseDecision("dismiss", "needs no action"), Actor.System, Token);

        Assert.Equal(refusal, decided.Refusal?.Code);
        Assert.Equal(
            (refusal is null ? "dismissed" : null, refusal is null ? 0 : 1),
            (await scene.Database.QueryAsync<string?>("select decision from payment_cases"),
                await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events")));
    }

    // By then, the period may be charged otherwise. A read after a restore lists the event again.
    [Theory]
    [InlineData("dismissed", "due")]
    [InlineData("credited", "due")]
    [InlineData(null, "applied")]
    public async Task Fetch_ASuccessWhoseCaseIsDecided_IsNotBooked(string? decision, string status)
    {
        await scene.Fetch.RunAsync(Token);
        var license = await scene.ChargeAsync();
        await scene.LoseSuccessAsync(license);
        await scene.Database.ExecuteAsync(
            """
            update payment_event_reads set read_until = now() - interval '2 hours';
            insert into payment_cases (provider, reason, subject, detail, decision, decided_at)
            values ('stripe', 'not_booked', @intent, 'a test', @decision::text, case when @decision::text is not null then now() end)
            """,
            new { intent = scene.IntentOf(license), decision });
        var success = scene.Stripe.StandIn.Account.Events.Single(made => (string?)made["type"] == "payment_intent.succeeded");

        // Its first read failed, so the charge was not known.
        await scene.Database.ExecuteAsync(
            "insert into unapplied_events (provider, event_id, event_type, created_at) values ('stripe', @id, 'x', @at)",
            new { id = success.Id(), at = DateTimeOffset.FromUnixTimeSeconds((long)success["created"]!).UtcDateTime });

        await scene.Fetch.RunAsync(Token);

        Assert.Equal(
            (status, 0),
            (await scene.StatusAsync(license), await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events")));
    }

    // The run that tries the event has loaded it before the decision.
    [Theory]
    [InlineData("dismissed", false)]
    [InlineData("credited", false)]
    [InlineData(null, true)]
    public async Task Fail_OfASuccessWhoseCaseIsDecided_StoresNothing(string? decision, bool isStored)
    {
        var license = await scene.ChargeAsync();
        await scene.Database.ExecuteAsync(
            """
            insert into payment_cases (provider, reason, subject, detail, decision, decided_at)
            values ('stripe', 'not_booked', 'pi_1', 'a test', @decision::text, case when @decision::text is not null then now() end)
            """,
            new { decision });
        var reads = new PaymentEventReads(
            scene.Database.Database, new SuspensionStore(scene.Database.Database, new LicenseInvalidation(), TimeProvider.System),
            TimeProvider.System);
        var late = new UnappliedEvent("evt_1", "x", TimeProvider.System.GetUtcNow().UtcDateTime, default, "pi_1");

        var concern = new PaymentCase(PaymentCaseReason.NotBooked, "pi_1", null, license, null, "ch_1", 4999, "usd", "a test");

        Assert.Equal(isStored, await reads.FailAsync("stripe", late, concern, Token));

        Assert.Equal(isStored, await reads.TryLaterAsync("stripe", late, Token));
        Assert.Equal(isStored ? 1 : 0, await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events"));
    }

    [Theory]
    [InlineData(FaultKind.Refuse, "0", 1)]
    [InlineData(FaultKind.Refuse, "1 day", 0)]
    [InlineData(FaultKind.ErrorBefore, "1 day", 1)] // not asked: it may still be listed
    public async Task Fetch_AnEventThatTheProviderNoLongerLists_DoesntStopTheRead(FaultKind fault, string age, int left)
    {
        await scene.Database.ExecuteAsync(
            """
            insert into unapplied_events (provider, event_id, event_type, created_at, failed_at)
            values ('stripe', 'evt_old', 'x', '2020-01-01T00:00:00Z', now() - @age::interval)
            """,
            new { age });
        Emit("payment_intent.processing", "pi_1");
        scene.Stripe.StandIn.Faults.Add(new Fault(fault, "events.list", Match: "1577836800", Times: null));

        if (left == 0) Assert.Equal(1, (await scene.Fetch.RunAsync(Token)).Applied);
        else await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Equal(1, await RecordedAsync());
        Assert.Equal(left, await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events"));
        Assert.Equal(
            left == 0 ? ["unreadable_event"] : [],
            await scene.Database.QueryAllAsync<string>("select reason from payment_cases"));
    }

    // A key may lack the permission to list events: what charged before must not stop for ever.
    [Theory]
    [InlineData("5 hours", null, "stripe")]
    [InlineData("6 hours", null, "")]
    [InlineData("6 hours", "1 day", "stripe")]
    public async Task UnreadProviders_WhoseListWasNeverRead_AreWaitedForForSixHours(string since, string? readBefore, string unread)
    {
        await scene.Database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at, asked_every, missed_until)
            values ('stripe', now() - @readBefore::interval, now(), interval '5 minutes', now() - @since::interval)
            """,
            new { readBefore, since });

        Assert.Equal(unread, await scene.Database.QueryAsync<string>("select array_to_string(unread_providers(), ',')"));
    }

    [Fact]
    public async Task Fetch_AnEventThatCantBeApplied_StopsNoOther_AndIsTriedAgainByItself()
    {
        Emit("payment_method.updated", "pm_1");
        Emit("payment_intent.processing", "pi_1");
        // Stripe.net sends a request twice.
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_methods.retrieve", Times: 2));

        var begin = TimeProvider.System.GetUtcNow();
        var failed = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Contains("1 events of stripe can't be applied", failed.Message, StringComparison.Ordinal);
        Assert.Equal(1, await RecordedAsync());
        // It doesn't stop the read, so a backlog is read once.
        Assert.True(await ReadUntilAsync(scene) > begin - FetchPaymentEvents.Lag);
        Assert.Equal(1, (await scene.Fetch.RunAsync(Token)).Applied);
        Assert.Equal(0, await scene.Database.QueryAsync<int>("select count(*)::int from unapplied_events"));
    }

    [Fact]
    public async Task Fetch_AnEventThatCantBeAppliedForADay_BecomesACase_AndDelaysNoOther()
    {
        await using var old = await PaymentBooksScene.OpenAsync(postgres, FetchPaymentEvents.LongestRetry + TimeSpan.FromMinutes(1));
        old.Stripe.StandIn.Account.Emit("payment_method.updated", new JsonObject { ["id"] = "pm_1" });
        old.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_methods.retrieve", Times: null));

        // The event is old already, as after an outage: it is tried for a day nevertheless.
        await Assert.ThrowsAsync<InvalidOperationException>(() => old.Fetch.RunAsync(Token));
        Assert.Empty(await old.Database.QueryAllAsync<string>("select reason from payment_cases"));
        await old.Database.ExecuteAsync("update unapplied_events set failed_at = failed_at - interval '1 day'");
        var begin = TimeProvider.System.GetUtcNow();
        Assert.Equal(0, (await old.Fetch.RunAsync(Token)).Applied);
        Assert.Equal(0, await old.Database.QueryAsync<int>("select count(*)::int from unapplied_events"));

        Assert.Equal(["unreadable_event"], await old.Database.QueryAllAsync<string>("select reason from payment_cases"));
        Assert.True(await ReadUntilAsync(old) > begin - FetchPaymentEvents.Lag);
        // The event is not recorded as applied, so it is applied when Stripe sends it again.
        old.Stripe.StandIn.Faults.Clear();
        await old.DeliverAllAsync();
        Assert.Equal(1, await old.Database.QueryAsync<int>("select count(*)::int from payment_events"));
    }

    [Theory]
    [InlineData(FaultKind.RateLimit)]
    [InlineData(FaultKind.ErrorBefore)]
    [InlineData(FaultKind.DropBefore)]
    public async Task Fetch_StripeFailsBetweenTwoPages_ContinuesLater(FaultKind fault)
    {
        for (var made = 0; made < 150; made++) Emit("payment_intent.processing", $"pi_{made}");
        scene.Stripe.StandIn.Faults.Add(new Fault(fault, "events.list", Match: "starting_after", Times: null));

        var failed = await Assert.ThrowsAsync<InvalidOperationException>(() => scene.Fetch.RunAsync(Token));

        Assert.Contains("PAYMENT_PROVIDER_UNAVAILABLE", failed.Message, StringComparison.Ordinal);
        Assert.Equal(100, await RecordedAsync());
        scene.Stripe.StandIn.Faults.Clear();
        Assert.Equal(50, (await scene.Fetch.RunAsync(Token)).Applied);
    }

    [Fact]
    public async Task Fetch_APageThatIsThrottledOnce_IsRequestedAgain()
    {
        Emit("payment_intent.processing", "pi_1");
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.RateLimit, "events.list", Times: 2));

        Assert.Equal(1, (await scene.Fetch.RunAsync(Token)).Applied);
    }

    [Fact]
    public void Types_AreThoseThatStripeHas_AndNoMoreThanARequestMayName()
    {
        var known = typeof(Stripe.EventTypes).GetFields().Select(field => (string)field.GetValue(null)!).ToHashSet();

        Assert.Empty(StripeWebhooks.Types.Except(known));
        Assert.InRange(StripeWebhooks.Types.Count, 1, 20);
    }

    private void Emit(string type, string id)
    {
        lock (scene.Stripe.StandIn.Account.Gate)
            scene.Stripe.StandIn.Account.Emit(type, new JsonObject { ["id"] = id, ["status"] = "processing" });
    }

    private Task<IReadOnlyList<string>> UnappliedAsync() =>
        scene.Database.QueryAllAsync<string>("select event_type || ' ' || coalesce(intent_id, '') from unapplied_events");

    private Task<int> RecordedAsync() => scene.Database.QueryAsync<int>("select count(*)::int from payment_events");

    private static async Task<DateTimeOffset> ReadUntilAsync(PaymentBooksScene of) =>
        await of.Database.QueryAsync<DateTime>("select read_until from payment_event_reads");
}
