using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>
/// The balance transactions of the account. Fees are those of the United States: 2.9 % and 30 cents; 15 dollars for a dispute.
/// </summary>
internal static class Balance
{
    private const long DisputeFee = 1500;

    /// <summary>Records what an event says about money, as Stripe does before it sends the event.</summary>
    public static void Record(Account account, string type, JsonObject about)
    {
        var amount = about["amount"]?.GetValue<long>() ?? 0;
        switch (type)
        {
            case "charge.succeeded":
                about["balance_transaction"] = Add(account, about, "charge", "charge", amount, (amount * 29 + 500) / 1000 + 30);
                break;
            case "refund.created":
                about["balance_transaction"] = Add(account, about, "refund", "refund", -amount, 0);
                break;
            case "refund.failed":
                about["failure_balance_transaction"] = Add(account, about, "refund_failure", "refund_failure", amount, 0);
                break;
            case "charge.dispute.created":
                Add(account, about, "adjustment", "dispute", -amount, DisputeFee);
                break;
            case "charge.dispute.closed" or "charge.dispute.funds_reinstated" when about.Status() == "won":
                Add(account, about, "adjustment", "dispute_reversal", amount, -DisputeFee);
                break;
        }
    }

    /// <summary>Pays everything out that the balance has.</summary>
    /// <returns>The payout's ID.</returns>
    public static string PayOut(Account account)
    {
        var payout = new JsonObject { ["id"] = Account.NewId("po") };
        Add(account, payout, "payout", "payout", -account.BalanceTransactions.Sum(one => one.Number("net")), 0);
        return payout.Id();
    }

    private static string Add(Account account, JsonObject about, string type, string category, long amount, long fee)
    {
        var made = Shapes.BalanceTransaction(
            Account.NewId("txn"), account.Now, type, category, about.Id(), about.Text("currency") ?? "usd", amount, fee);
        account.BalanceTransactions.Add(made);
        return made.Id();
    }
}
