using LicenseFunctions.Infrastructure.Webhooks;
using StandardWebhooks;

namespace LicenseFunctions.Operations;

/// <summary>Signs messages and sends them to endpoints.</summary>
public sealed class WebhookSender(WebhookEndpointStore store, WebhookSettings settings, HttpClient http, TimeProvider time)
{
    public const string NoSecret = $"{WebhookSettings.KeysName} has no key for the endpoint's secret";

    /// <summary>One signer for each valid secret, the newest first; empty if no secret can be derived from the present keys.</summary>
    public async Task<IReadOnlyList<StandardWebhook>> SignersAsync(Guid endpointId, CancellationToken cancellationToken) =>
    [
        .. (await store.SecretsAsync(endpointId, cancellationToken))
            .Select(secret => settings.SecretOf(endpointId, secret))
            .OfType<byte[]>()
            .Select(secret => new StandardWebhook(secret)),
    ];

    /// <exception cref="OperationCanceledException">The token was canceled.</exception>
    public Task<WebhookAnswer> SendAsync(
        Uri url, IReadOnlyList<StandardWebhook> signers, WebhookMessage message, CancellationToken cancellationToken) =>
        http.PostWebhookAsync(url, message.Body, message.Headers(signers, time.GetUtcNow()), cancellationToken);
}
