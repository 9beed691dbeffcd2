using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Infrastructure.Payments;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>
/// Renewals in PostgreSQL whose charges are in a stand-in account. No webhook is delivered unless a test does it. The stand-in's clock is
/// an hour behind, so that its events are no longer expected by webhook.
/// </summary>
internal sealed class PaymentBooksScene : IAsyncDisposable
{
    private static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    private readonly PostgresWorld world;
    private readonly RunDueRenewals run;
    private readonly ApplyEvent apply;
    private readonly SuspensionStore suspensions;

    private PaymentBooksScene(TestDatabase database, StripeAccount stripe)
    {
        (Database, Stripe) = (database, stripe);
        world = new PostgresWorld(database, TimeProvider.System);
        var gateways = new RenewalGateways([stripe.Gateway]);
        var process = new ProcessRenewal(world.Store, gateways, Policy, new SignedLinks([], TimeProvider.System), TimeProvider.System);
        run = new RunDueRenewals(
            world.Store, process, Policy, new RenewalPace(1, 10, TimeSpan.FromMinutes(1)), TimeProvider.System,
            NullLogger<RunDueRenewals>.Instance);

        var clock = new Impatient();
        var client = StripeRegistration.Client(stripe.Settings, TimeProvider.System);
        Statement = new StripeStatement(client, clock, NullLogger<StripeStatement>.Instance);
        Books = new PaymentBooksStore(database.Database);
        Reconcile = new ReconcilePayments([Statement], Books, TimeProvider.System);
        Days = new CompareDays(Reconcile, Books, TimeProvider.System, NullLogger<CompareDays>.Instance);
        apply = new ApplyEvent(
            new ApplyPaymentEvent(world.Store, gateways, Policy, TimeProvider.System),
            new PaymentMethodStore(database.Database, TimeProvider.System));
        Receive = new ReceiveStripeEvent(stripe.Webhooks, apply);
        suspensions = new SuspensionStore(database.Database, new LicenseInvalidation(), TimeProvider.System);
        Decide = new DecidePaymentCase(database.Database, suspensions, Policy, TimeProvider.System);
        Fetch = FetchOf(new StripeEvents(client, stripe.Webhooks, clock, NullLogger<StripeEvents>.Instance));
    }

    public TestDatabase Database { get; }

    public StripeAccount Stripe { get; }

    public IRenewalStore Store => world.Store;

    public StripeStatement Statement { get; }

    public PaymentBooksStore Books { get; }

    public ReconcilePayments Reconcile { get; }

    public CompareDays Days { get; }

    public ReceiveStripeEvent Receive { get; }

    public FetchPaymentEvents Fetch { get; }

    public DecidePaymentCase Decide { get; }

    public FetchPaymentEvents FetchOf(IPaymentEventList events) => new(
        [events], apply, new PaymentEventReads(Database.Database, suspensions, TimeProvider.System), Books, TimeProvider.System,
        NullLogger<FetchPaymentEvents>.Instance);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<PaymentBooksScene> OpenAsync(PostgresFixture postgres, TimeSpan? behind = null) => new(
        await postgres.NewDatabaseAsync(),
        await StripeAccount.OpenAsync(standInClock: new Behind(behind ?? TimeSpan.FromHours(1))));

    /// <summary>A license of 49.99 whose renewal is charged at Stripe.</summary>
    public async Task<Guid> ChargeAsync()
    {
        var (customer, method) = Stripe.StandIn.SavedCard(TestCards.ByName["pm_card_visa"]);
        var license = await world.AddAsync(new LicenseSeed
        {
            ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
            CardId = method,
            CustomerId = customer,
        });
        await run.RunAsync(Token);
        return license;
    }

    /// <summary>The same, but neither the answer nor a lookup arrives.</summary>
    public async Task<Guid> ChargeWithoutAnswerAsync()
    {
        Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorAfter, "payment_intents.confirm"));
        Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_intents.retrieve", Times: null));
        var license = await ChargeAsync();
        Stripe.StandIn.Faults.Clear();
        return license;
    }

    /// <summary>The state of a license's renewal.</summary>
    public Task<string> StatusAsync(Guid license) =>
        Database.QueryAsync<string>("select status from renewals where subscription_id = @license", new { license });

    public string IntentOf(Guid license) => Stripe.StandIn.Account.PaymentIntents.Values
        .Single(intent => (string?)intent["metadata"]!["subscription_id"] == license.ToString()).Id();

    public async Task DeliverAsync(string eventId)
    {
        var (body, signature) = Stripe.Webhook(eventId);
        Assert.Null((await Receive.RunAsync(body, signature, Token)).Refusal);
    }

    public async Task DeliverAllAsync()
    {
        foreach (var made in Stripe.StandIn.Account.Events.ToList()) await DeliverAsync(made.Id());
    }

    /// <summary>The comparison of the last days with tomorrow, so that midnight doesn't matter.</summary>
    public async Task<PaymentComparison> CompareAsync(bool opensCases = false)
    {
        var today = new DateTimeOffset(TimeProvider.System.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);
        return (await Reconcile.RunAsync("stripe", today.AddDays(-2), today.AddDays(1), opensCases, Token)).Value.Comparison;
    }

    public async Task RunDueAsync()
    {
        await Database.ExecuteAsync("update renewals set next_action_at = now(), lease_until = null where next_action_at is not null");
        await run.RunAsync(Token);
    }

    /// <summary>What a restore of an old backup does: the renewal is there, and its only attempt is lost.</summary>
    public Task LoseSuccessAsync(Guid license) => Database.ExecuteAsync(
        """
        begin;
        set local session_replication_role = replica;
        update license_tokens t set expires_at = r.period_start from renewals r
        where r.subscription_id = @license and t.subscription_id = r.subscription_id;
        delete from renewal_attempts where renewal_id in (select renewal_id from renewals where subscription_id = @license);
        update renewals set status = 'due', intent_id = null, paid_with = null, paid_from = null, paid_until = null, next_action_at = now()
        where subscription_id = @license;
        delete from billing_ledger;
        delete from payment_events;
        commit;
        """,
        new { license });

    /// <summary>What a restore of an old backup does: the renewal is gone, and so are its attempt and what follows from them.</summary>
    public Task LoseRenewalAsync(Guid license) => Database.ExecuteAsync(
        """
        delete from reversal_effects where renewal_id in (select renewal_id from renewals where subscription_id = @license);
        delete from renewal_attempts where renewal_id in (select renewal_id from renewals where subscription_id = @license);
        delete from renewals where subscription_id = @license;
        delete from payment_events;
        """,
        new { license });

    public async ValueTask DisposeAsync()
    {
        await Stripe.DisposeAsync();
        await Database.DisposeAsync();
    }

    private sealed class Behind(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() - by;
    }

    /// <summary>Pauses between tries take no time.</summary>
    private sealed class Impatient : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }
}
