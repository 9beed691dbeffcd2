using System.Globalization;
using System.Text.Json;
using Licensing;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <param name="Items">The part transaction_info of each transaction.</param>
/// <param name="Next">The next page; null if this page is the last.</param>
/// <param name="CompleteUntil">Later transactions may be missing; null if PayPal doesn't say it.</param>
internal sealed record PayPalTransactionPage(IReadOnlyList<JsonElement> Items, string? Next, DateTimeOffset? CompleteUntil);

/// <summary>
/// PayPal's search of transactions. A transaction appears after three hours at most. PayPal refuses a search that finds more than 10,000
/// of them: then the period is halved until it fits.
/// </summary>
internal sealed class PayPalTransactions(PayPalClient client, TimeProvider clock)
{
    private const int PageSize = 500;

    private readonly PayPalLists lists = new(client, clock);

    /// <summary>A page of a part of the period.</summary>
    /// <param name="From">Unix seconds, inclusive.</param>
    /// <param name="Until">Unix seconds, exclusive.</param>
    private sealed record Part(long From, long Until, int Page)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{From}.{Until}.{Page}");

        public static Part Read(string text)
        {
            var numbers = text.Split('.');
            return new Part(Number(0), Number(1), (int)Number(2));
            long Number(int which) => long.Parse(numbers[which], CultureInfo.InvariantCulture);
        }

        /// <summary>Null if it can't be halved, or if some of its entries were returned already.</summary>
        public Part? Half => Page == 1 && Until - From > 1 ? this with { Until = From + ((Until - From) / 2) } : null;

        /// <summary>The part after this one. It is longer, because most of a day may have few transactions.</summary>
        public Part? Following(long end) =>
            Until < end ? new Part(Until, Math.Min(end, Until + (2 * (Until - From))), Page: 1) : null;
    }

    /// <param name="from">Inclusive; whole seconds.</param>
    /// <param name="until">Exclusive; whole seconds.</param>
    /// <param name="after">See <see cref="PayPalTransactionPage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<Outcome<PayPalTransactionPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var end = until.ToUnixTimeSeconds();
        var part = after is null ? new Part(from.ToUnixTimeSeconds(), end, Page: 1) : Part.Read(after);
        var read = await ReadAsync(part, cancellationToken);
        while (read.Refusal == PayPalRefusals.TooLarge && part.Half is { } half)
        {
            part = half;
            read = await ReadAsync(part, cancellationToken);
        }

        if (read.Refusal is { } refusal) return refusal;
        // An answer without a list is an error, unless it says that there is nothing.
        var details = read.Value.Part("transaction_details");
        if (details.ValueKind is not JsonValueKind.Array && read.Value.Whole("total_items") is not 0) return ProviderRefusals.Unavailable;
        var next = part.Page < read.Value.Whole("total_pages") ? part with { Page = part.Page + 1 } : part.Following(end);
        return new PayPalTransactionPage(
            details.ValueKind is JsonValueKind.Array ? [.. details.EnumerateArray().Select(one => one.Part("transaction_info"))] : [],
            next?.ToString(),
            read.Value.ReportedTime("last_refreshed_datetime"));
    }

    private Task<Outcome<JsonElement>> ReadAsync(Part part, CancellationToken cancellationToken) => lists.GetAsync(
        // PayPal's end is inclusive.
        $"v1/reporting/transactions?start_date={Time(part.From)}&end_date={Time(part.Until - 1)}"
        + string.Create(CultureInfo.InvariantCulture, $"&fields=transaction_info&page_size={PageSize}&page={part.Page}"),
        cancellationToken);

    private static string Time(long seconds) => PayPalLists.Time(DateTimeOffset.FromUnixTimeSeconds(seconds));
}
