using System.Globalization;
using System.Text.Json;
using Licensing;
using Microsoft.Extensions.Logging;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <param name="Items">At most 100, the newest first.</param>
/// <param name="Next">The id after which the next page begins; null if this page is the last.</param>
internal sealed record StripePage(IReadOnlyList<JsonElement> Items, string? Next);

/// <summary>
/// Reads Stripe's lists page by page, without Stripe's types: one object of another API version would make a whole page unreadable. A
/// page that is throttled or not answered is requested again, so that a long read doesn't start over.
/// </summary>
internal sealed class StripeLists(StripeClient client, TimeProvider clock, ILogger log)
{
    public const int PageSize = 100;

    private const int Tries = 4;

    /// <param name="path">With the query that all pages have.</param>
    /// <param name="after">See <see cref="StripePage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<Outcome<StripePage>> ReadAsync(string path, string? after, CancellationToken cancellationToken)
    {
        var query = $"{path}&limit={PageSize}" + (after is null ? "" : $"&starting_after={Uri.EscapeDataString(after)}");
        var read = await GetAsync(query, cancellationToken);
        if (read.Refusal is { } refusal) return refusal;
        // An answer without a list is an error, not an empty list.
        if (read.Value.Part("data") is not { ValueKind: JsonValueKind.Array } data) return ProviderRefusals.Unavailable;

        IReadOnlyList<JsonElement> items = [.. data.EnumerateArray()];
        if (read.Value.Part("has_more").ValueKind is not JsonValueKind.True) return new StripePage(items, Next: null);
        return items is [.., var last] && last.Text("id") is { } next ? new StripePage(items, next) : ProviderRefusals.Unavailable;
    }

    /// <param name="path">With its query.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<Outcome<JsonElement>> GetAsync(string path, CancellationToken cancellationToken)
    {
        for (var tried = 1; ; tried++)
        {
            var read = await TryAsync(path, cancellationToken);
            if (read.Refusal?.Kind is not RefusalKind.Unavailable || tried == Tries) return read;
            await Task.Delay(TimeSpan.FromMilliseconds(500 << tried), clock, cancellationToken);
        }
    }

    /// <summary>A query parameter of a list: only objects that were created in the interval.</summary>
    public static string Created(DateTimeOffset from, DateTimeOffset to) => string.Create(
        CultureInfo.InvariantCulture, $"created[gte]={Seconds(from)}&created[lt]={Seconds(to)}");

    // Stripe's times are whole seconds: an object that was created at 12:00:00.5 has the time 12:00:00.
    private static long Seconds(DateTimeOffset time) => time.ToUnixTimeSeconds();

    private async Task<Outcome<JsonElement>> TryAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await client.RawRequestAsync(HttpMethod.Get, path, cancellationToken: cancellationToken);
            return JsonElement.Parse(answer.Content);
        }
        catch (StripeException refused)
        {
            log.LogWarning("Stripe answered {Status} {Type} {Code} to {Path}, request {Request}", (int)refused.HttpStatusCode,
                refused.StripeError?.Type, refused.StripeError?.Code, path.Split('?')[0], refused.StripeResponse?.RequestId);
            return StripeRefusals.Of(refused);
        }
        catch (Exception lost) when (lost is HttpRequestException or JsonException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return ProviderRefusals.Unavailable;
        }
    }
}
