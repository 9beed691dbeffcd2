using System.Text.Json;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>PayPal's list of events.</summary>
public sealed class PayPalEvents(PayPalClient client, PayPalSettings settings, TimeProvider clock) : IPaymentEventList
{
    private const string List = "v1/notifications/webhooks-events";

    private readonly PayPalLists lists = new(client, clock);

    public string Provider => PaymentProviders.PayPal;

    public TimeSpan Kept => TimeSpan.FromDays(30);

    public async Task<Outcome<ListedEventPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var read = await lists.GetAsync(
            after ?? $"{List}?page_size=100&start_time={PayPalLists.Time(from)}&end_time={PayPalLists.Time(until)}", cancellationToken);
        if (read.Refusal is { } refusal) return refusal;
        // An answer without a list is an error, not an empty list.
        if (read.Value.Part("events") is not { ValueKind: JsonValueKind.Array } events) return ProviderRefusals.Unavailable;
        return new ListedEventPage([.. events.EnumerateArray().Select(Listed).OfType<ListedEvent>()], Next(read.Value));
    }

    /// <summary>One event, as PayPal's list has it.</summary>
    internal Task<Outcome<JsonElement>> FindAsync(string eventId, CancellationToken cancellationToken) =>
        lists.GetAsync($"{List}/{Uri.EscapeDataString(eventId)}", cancellationToken);

    private ListedEvent? Listed(JsonElement made) =>
        made.Text("id") is { } id && made.Text("event_type") is { } type && PayPalWebhooks.Types.Contains(type)
            // Mapped when it is applied: an event that can't be read must not stop the others.
            ? new ListedEvent(
                id, type, made.Time("create_time") ?? clock.GetUtcNow(),
                _ => Task.FromResult(PayPalWebhooks.Map(made, clock.GetUtcNow(), settings)!))
            : null;

    // Only the query of PayPal's link is used.
    private static string? Next(JsonElement list) =>
        list.Part("links") is { ValueKind: JsonValueKind.Array } links
            && links.EnumerateArray().FirstOrDefault(link => link.Text("rel") == "next") is { ValueKind: JsonValueKind.Object } next
            && next.Part("href") is { ValueKind: JsonValueKind.String } href
            && Uri.TryCreate(href.GetString(), UriKind.Absolute, out var url)
            ? List + url.Query
            : null;
}
