using System.Text.Json;
using System.Text.Json.Nodes;
using StandIns;

namespace PayPalStandIn;

/// <summary>PayPal over HTTP, in memory, for tests and the demo. It must not be used for real payments.</summary>
public sealed class StandIn : StandInServer
{
    private StandIn(StandInOptions options, Account account, Webhooks webhooks, TimeProvider clock)
        : base(options.Url, webhooks)
    {
        (Options, Account, Webhooks) = (options, account, webhooks);
        Account.Address = () => BaseAddress;
        if (options.StateFile is { } kept && File.Exists(kept))
            Account.State = JsonSerializer.Deserialize<AccountState>(File.ReadAllBytes(kept))!;
        Account.OnEvent = Webhooks.Schedule;
        Routes.Map(App, new Pipeline(this, clock), this);
        AdminRoutes.Map(App, this);
    }

    public StandInOptions Options { get; }

    public Account Account { get; }

    public FaultScript<Fault> Faults { get; } = new();

    public Webhooks Webhooks { get; }

    public static Task<StandIn> StartAsync(
        StandInOptions? options = null, TimeProvider? clock = null, CancellationToken cancellationToken = default)
    {
        (options, clock) = (options ?? new StandInOptions(), clock ?? TimeProvider.System);
        var account = new Account(options, clock);
        return StartAsync(new StandIn(options, account, new Webhooks(options, account, clock), clock), cancellationToken);
    }

    /// <summary>Adds a customer with a saved account, as an approved setup does.</summary>
    /// <param name="behavior">See <see cref="AccountState.Behaviors"/>.</param>
    public (string CustomerId, string PaymentId) SavedAccount(string behavior = "")
    {
        lock (Account.Gate)
        {
            var customer = new JsonObject { ["id"] = $"customer{Account.State.PaymentTokens.Count + 1}" };
            var token = Account.AddToken(customer, behavior);
            return (customer.Text("id")!, token.Text("id")!);
        }
    }

    /// <summary>The ids of the events of one type, the oldest first.</summary>
    public IReadOnlyList<string> EventsOf(string type)
    {
        lock (Account.Gate)
            return [.. Account.State.Events.Where(made => made.Text("event_type") == type).Select(made => made.Text("id")!)];
    }

    /// <summary>How many payments moved money.</summary>
    public int Paid
    {
        get
        {
            lock (Account.Gate)
            {
                return Account.State.Orders.Values.Count(
                    order => Account.CaptureOf(order)?.Text("status") is "COMPLETED" or "REFUNDED" or "PARTIALLY_REFUNDED");
            }
        }
    }

    /// <summary>Keeps the account for the next run. Atomic: if the process stops in between, the previous file remains.</summary>
    internal void Save()
    {
        if (Options.StateFile is not { } path)
            return;
        lock (Account.Gate)
        {
            File.WriteAllBytes(path + ".part", JsonSerializer.SerializeToUtf8Bytes(Account.State));
            File.Move(path + ".part", path, overwrite: true);
        }
    }
}
