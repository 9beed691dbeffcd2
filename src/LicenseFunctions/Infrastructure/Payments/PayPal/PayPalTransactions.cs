using System.Globalization;
using System.Text.Json;
using Licensing;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <param name="Items">The part transaction_info of each transaction.</param>
/// <param name="Next">The next page; null if this page is the last.</param>
/// <param name="CompleteUntil">Later transactions may be missing; null if PayPal doesn't say it.</param>
internal sealed record PayPalTransactionPage(IReadOnlyList<JsonElement> Items, string? Next, DateTimeOffset? CompleteUntil);

/// <summary>PayPal's search of transactions. A transaction appears after three hours at most.</summary>
internal sealed class PayPalTransactions(PayPalClient client, TimeProvider clock, ILogger log)
{
    private const int PageSize = 500;

    private readonly PayPalLists lists = new(client, clock, log);

    /// <param name="from">Inclusive; whole seconds.</param>
    /// <param name="until">Exclusive; whole seconds.</param>
    /// <param name="after">See <see cref="PayPalTransactionPage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<Outcome<PayPalTransactionPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var number = after is null ? 1 : int.Parse(after, CultureInfo.InvariantCulture);
        var read = await lists.GetAsync(
            // PayPal's end is inclusive.
            $"v1/reporting/transactions?start_date={PayPalLists.Time(from)}&end_date={PayPalLists.Time(until.AddSeconds(-1))}"
            + string.Create(CultureInfo.InvariantCulture, $"&fields=transaction_info&page_size={PageSize}&page={number}"),
            cancellationToken);
        if (read.Refusal is { } refusal) return refusal;
        // An answer without a list is an error, unless it says that there is nothing.
        var details = read.Value.Part("transaction_details");
        if (details.ValueKind is not JsonValueKind.Array && read.Value.Whole("total_items") is not 0) return ProviderRefusals.Unavailable;
        return new PayPalTransactionPage(
            details.ValueKind is JsonValueKind.Array ? [.. details.EnumerateArray().Select(one => one.Part("transaction_info"))] : [],
            number < read.Value.Whole("total_pages") ? (number + 1).ToString(CultureInfo.InvariantCulture) : null,
            read.Value.ReportedTime("last_refreshed_datetime"));
    }
}
