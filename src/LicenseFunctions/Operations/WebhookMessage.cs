using System.Globalization;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using StandardWebhooks;

namespace LicenseFunctions.Operations;

/// <summary>The body of a webhook, by the convention of standardwebhooks.com.</summary>
/// <param name="Data">The event as in the feed.</param>
public sealed record WebhookBody<T>(string Type, DateTime Timestamp, T Data);

/// <summary>A message to an endpoint. A repeat has the same id and body.</summary>
/// <param name="Id">The header webhook-id.</param>
public sealed record WebhookMessage(string Id, string Body)
{
    /// <remarks>
    /// The id contains the time, too: after the restore of a backup, other events get the same places, and a receiver must not take them
    /// for repeats.
    /// </remarks>
    public static WebhookMessage Of(FeedEvent item) => new(
        string.Create(CultureInfo.InvariantCulture, $"evt_{item.Id}_{(item.OccurredAt - DateTime.UnixEpoch).Ticks / 10}"),
        JsonSerializer.Serialize(new WebhookBody<FeedEvent>(item.Type, item.OccurredAt, item), Json.Options));

    /// <summary>A message without an event, to test an endpoint.</summary>
    public static WebhookMessage OfTest(Guid id, DateTime at) => new(
        $"test_{id:N}", JsonSerializer.Serialize(new WebhookBody<object>("webhook.test", at, new { }), Json.Options));

    /// <summary>The headers of one attempt.</summary>
    /// <param name="signers">One for each secret that is valid now; a receiver accepts the message if it knows one of the secrets.</param>
    public IReadOnlyList<(string Name, string Value)> Headers(IReadOnlyList<StandardWebhook> signers, DateTimeOffset now) =>
    [
        ("webhook-id", Id),
        ("webhook-timestamp", now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)),
        ("webhook-signature", string.Join(' ', signers.Select(signer => signer.Sign(Id, now, Body)))),
    ];
}
