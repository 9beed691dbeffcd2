using Licensing;

namespace LicenseFunctions.Operations;

/// <param name="Status">The HTTP status of the answer; null if there was none.</param>
/// <param name="Error">Null if the receiver accepted the message.</param>
public sealed record WebhookTest(bool Accepted, int? Status, string? Error);

/// <summary>Sends a message without an event to an endpoint, so that an operator sees whether its receiver works.</summary>
public sealed class TestWebhook(WebhookEndpointStore store, WebhookSender sender, TimeProvider time)
{
    public async Task<Outcome<WebhookTest>> RunAsync(Guid endpointId, CancellationToken cancellationToken)
    {
        if ((await store.ListAsync(cancellationToken)).FirstOrDefault(one => one.EndpointId == endpointId) is not { } endpoint)
            return EditWebhookEndpoints.Unknown;
        var signers = await sender.SignersAsync(endpointId, cancellationToken);
        if (signers is [])
            return new WebhookTest(false, null, WebhookSender.NoSecret);
        var answer = await sender.SendAsync(
            new Uri(endpoint.Url), signers, WebhookMessage.OfTest(Guid.NewGuid(), time.GetUtcNow().UtcDateTime), cancellationToken);
        return new WebhookTest(answer.Error is null, answer.Status, answer.Error);
    }
}
