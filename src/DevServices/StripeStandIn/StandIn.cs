using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using StandIns;

namespace StripeStandIn;

/// <summary>Stripe over HTTP, in memory, for tests, benchmarks and the demo. It must not be used for real payments.</summary>
public sealed class StandIn : StandInServer
{
    private readonly WriteRate rate;

    private StandIn(StandInOptions options, Account account, Webhooks webhooks, TimeProvider clock)
        : base(options.Url, webhooks)
    {
        (Options, Account, Webhooks) = (options, account, webhooks);
        if (options.StateFile is { } kept)
            global::StripeStandIn.StateFile.Load(Account, kept);
        Account.OnEvent = Webhooks.Schedule;
        rate = new WriteRate(options.WritesPerSecond, clock);
        var pipeline = new Pipeline(options, Account, new IdempotencyKeys(clock), Faults, rate, clock, Stopping);

        // Pages of any origin may save cards at Stripe.
        App.UseCors(policy => policy.AllowAnyOrigin().AllowAnyHeader().AllowAnyMethod());
        foreach (var endpoint in Endpoints.All)
            App.MapMethods(endpoint.Pattern, [endpoint.Method], (Microsoft.AspNetCore.Http.RequestDelegate)(
                context => pipeline.RunAsync(endpoint, context)));
        AdminRoutes.Map(App, this);
    }

    public StandInOptions Options { get; }

    public Account Account { get; }

    public FaultScript Faults { get; } = new();

    public Webhooks Webhooks { get; }

    public static Task<StandIn> StartAsync(
        StandInOptions? options = null, TimeProvider? clock = null, CancellationToken cancellationToken = default)
    {
        (options, clock) = (options ?? new StandInOptions(), clock ?? TimeProvider.System);
        var account = new Account(options, clock);
        return StartAsync(new StandIn(options, account, new Webhooks(options, account, clock), clock), cancellationToken);
    }

    /// <summary>Adds a customer with a saved card, as a completed SetupIntent does.</summary>
    public (string CustomerId, string PaymentMethodId) SavedCard(CardBehavior card)
    {
        lock (Account.Gate)
        {
            var customer = Shapes.Customer(Account.NewId("cus"), Account.Now);
            Account.Customers[customer.Id()] = customer;
            var method = Account.NewPaymentMethod(card);
            Account.SetUpForOffSession.Add(method.Id());
            Account.Attach(method, customer.Id());
            return (customer.Id(), method.Id());
        }
    }

    public void Behave(string paymentMethodId, CardBehavior card)
    {
        lock (Account.Gate)
            Account.Behaviors[paymentMethodId] = card;
    }

    /// <summary>Acts as a bank that changes the expiry date or the number of a card.</summary>
    public void AutomaticallyUpdate(string paymentMethodId, int month, int year, string? last4 = null)
    {
        lock (Account.Gate)
        {
            var method = Account.PaymentMethod(paymentMethodId);
            var card = method["card"]!.AsObject();
            card["exp_month"] = month;
            card["exp_year"] = year;
            if (last4 is not null)
                card["last4"] = last4;
            Account.Emit("payment_method.automatically_updated", method);
        }
    }

    /// <summary>Acts as a bank that decides about a waiting payment or setup (requires_action, processing).</summary>
    public void Settle(string intentId, bool paid, string declineCode = "generic_decline")
    {
        lock (Account.Gate)
        {
            if (Account.SetupIntents.TryGetValue(intentId, out var setup))
                SetupIntentRoutes.Authenticate(Account, setup, paid);
            else
                PaymentIntentRoutes.Settle(Account, Account.PaymentIntent(intentId), paid, declineCode);
        }
    }

    /// <returns>The dispute's ID.</returns>
    /// <param name="amount">The part of the charge that is disputed, in minor units; null for all of it.</param>
    public string Dispute(string paymentIntentId, string reason = "fraudulent", long? amount = null)
    {
        lock (Account.Gate)
            return RefundRoutes.OpenDispute(Account, Account.Charges[Account.PaymentIntent(paymentIntentId).Text("latest_charge")!],
                reason, amount).Id();
    }

    public void UpdateDispute(string disputeId, long dueBy)
    {
        lock (Account.Gate)
            RefundRoutes.UpdateDispute(Account, Account.Disputes[disputeId], dueBy);
    }

    public void CloseDispute(string disputeId, bool won)
    {
        lock (Account.Gate)
            RefundRoutes.CloseDispute(Account, Account.Disputes[disputeId], won);
    }

    public void FailRefund(string refundId)
    {
        lock (Account.Gate)
            RefundRoutes.Fail(Account, Account.Refunds[refundId]);
    }

    /// <returns>The payout's ID.</returns>
    public string PayOut()
    {
        lock (Account.Gate)
            return Balance.PayOut(Account);
    }

    /// <summary>The IDs of the events of one type, the oldest first.</summary>
    public IReadOnlyList<string> EventsOf(string type)
    {
        lock (Account.Gate)
            return [.. Account.Events.Where(made => made.Text("type") == type).Select(made => made.Id())];
    }

    public JsonObject Stats()
    {
        lock (Account.Gate)
        {
            var paid = Account.Charges.Values.Where(charge => charge.Status() == "succeeded").ToList();
            return new JsonObject
            {
                ["payment_intents"] = Account.PaymentIntents.Count,
                ["charges_succeeded"] = paid.Count,
                ["charges_failed"] = Account.Charges.Count - paid.Count,
                ["amount_succeeded"] = paid.Sum(charge => charge.Number("amount")),
                ["writes_accepted"] = rate.Accepted,
                ["writes_refused"] = rate.Refused,
                ["writes_in_fullest_second"] = rate.Highest,
            };
        }
    }
}
