using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace StripeStandIn;

/// <summary>The contents of a Stripe account. Not thread-safe: the pipeline locks <see cref="Gate"/> around each use.</summary>
public sealed class Account(StandInOptions options, TimeProvider clock)
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private (string? Id, string? Key) request;

    public Lock Gate { get; } = new();

    public AccountState State { get; set; } = new();

    public Dictionary<string, JsonObject> Customers => State.Customers;

    public Dictionary<string, JsonObject> PaymentMethods => State.PaymentMethods;

    public Dictionary<string, JsonObject> SetupIntents => State.SetupIntents;

    public Dictionary<string, JsonObject> PaymentIntents => State.PaymentIntents;

    public Dictionary<string, JsonObject> Charges => State.Charges;

    public Dictionary<string, JsonObject> Refunds => State.Refunds;

    public Dictionary<string, JsonObject> Disputes => State.Disputes;

    public IReadOnlyList<JsonObject> Events => State.Events;

    public List<JsonObject> BalanceTransactions => State.BalanceTransactions;

    public Dictionary<string, CardBehavior> Behaviors => State.Behaviors;

    public HashSet<string> SetUpForOffSession => State.SetUpForOffSession;

    public HashSet<string> Detached => State.Detached;

    /// <summary>Called for each new event, under <see cref="Gate"/>.</summary>
    public Action<JsonObject> OnEvent { get; set; } = _ => { };

    public long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    public static string NewId(string prefix) => $"{prefix}_{Random.Shared.GetString(Alphabet, 24)}";

    public static string NewSecret(string id) => $"{id}_secret_{Random.Shared.GetString(Alphabet, 25)}";

    public JsonObject Customer(string id, string param = "customer")
    {
        if (options.DemoCustomers && id.StartsWith("cus_demo_", StringComparison.Ordinal))
            Customers.TryAdd(id, Shapes.Customer(id, Now));
        return Find(Customers, "customer", id, param);
    }

    public JsonObject PaymentIntent(string id) => Find(PaymentIntents, "payment_intent", id, "intent");

    public JsonObject SetupIntent(string id) => Find(SetupIntents, "setupintent", id, "intent");

    /// <summary>A saved payment method, or a new copy of one of Stripe's test cards (pm_card_…).</summary>
    public JsonObject PaymentMethod(string id)
    {
        if (PaymentMethods.TryGetValue(id, out var saved))
            return saved;
        if (!TestCards.ByName.TryGetValue(id, out var card))
            throw StripeErrorException.Missing("PaymentMethod", id, "payment_method");
        return NewPaymentMethod(card);
    }

    public JsonObject NewPaymentMethod(CardBehavior card)
    {
        var method = Shapes.PaymentMethod(NewId("pm"), Now, card);
        PaymentMethods[method.Id()] = method;
        Behaviors[method.Id()] = card;
        return method;
    }

    public void Attach(JsonObject method, string customerId)
    {
        method["customer"] = customerId;
        Emit("payment_method.attached", method);
    }

    /// <summary>Until it is disposed, new events name this request.</summary>
    public IDisposable Requested(string requestId, string? key)
    {
        request = (requestId, key);
        return new Ending(() => request = default);
    }

    public void Emit(string type, JsonObject about)
    {
        Balance.Record(this, type, about);
        var made = Shapes.Event(NewId("evt"), Now, options.ApiVersion, type, about, request.Id, request.Key);
        State.Events.Add(made);
        OnEvent(made);
    }

    private static JsonObject Find(Dictionary<string, JsonObject> all, string kind, string id, string param) =>
        all.TryGetValue(id, out var found) ? found : throw StripeErrorException.Missing(kind, id, param);

    private sealed class Ending(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}

/// <summary>The data of an account: Stripe's objects as the API returns them, and internal data that Stripe doesn't show.</summary>
public sealed class AccountState
{
    public Dictionary<string, JsonObject> Customers { get; init; } = [];

    public Dictionary<string, JsonObject> PaymentMethods { get; init; } = [];

    public Dictionary<string, JsonObject> SetupIntents { get; init; } = [];

    public Dictionary<string, JsonObject> PaymentIntents { get; init; } = [];

    public Dictionary<string, JsonObject> Charges { get; init; } = [];

    public Dictionary<string, JsonObject> Refunds { get; init; } = [];

    public Dictionary<string, JsonObject> Disputes { get; init; } = [];

    public List<JsonObject> Events { get; init; } = [];

    public List<JsonObject> BalanceTransactions { get; init; } = [];

    /// <summary>The behavior of charges, by payment method.</summary>
    [JsonPropertyName("Behaviours")] // the name in existing state files
    public Dictionary<string, CardBehavior> Behaviors { get; init; } = [];

    /// <summary>Payment methods that were set up with authentication for off-session use.</summary>
    public HashSet<string> SetUpForOffSession { get; init; } = [];

    /// <summary>Payment methods that were detached. Stripe doesn't allow their use any more.</summary>
    public HashSet<string> Detached { get; init; } = [];
}

/// <summary>Reads single fields of a Stripe object.</summary>
public static class ObjectReads
{
    public static string Id(this JsonObject subject) => subject["id"]!.GetValue<string>();

    public static string? Text(this JsonObject subject, string name) => subject[name]?.GetValue<string>();

    public static long Number(this JsonObject subject, string name) => subject[name]!.GetValue<long>();

    public static string Status(this JsonObject subject) => subject["status"]!.GetValue<string>();
}
