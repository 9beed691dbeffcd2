using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Suspicion;

/// <summary>Posts alerts to a chat tool's hook: JSON, at least once, signed over time and body as Stripe's webhooks are.</summary>
public sealed class SendAlertWebhooks(AlertWebhookStore calls, SuspicionSettings settings, HttpClient http, TimeProvider time)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (settings.WebhookUrl is not { } url)
            return;
        while (await calls.ClaimAsync(cancellationToken) is { } call)
            await calls.SettleAsync(call, await PostAsync(url, call, cancellationToken), cancellationToken);
    }

    /// <summary>Of X-Licence-Signature: t=SECONDS,v1=HMAC-SHA-256 of "SECONDS.BODY" in hex.</summary>
    public static string Signature(byte[] secret, long seconds, string body)
    {
        var signed = string.Create(CultureInfo.InvariantCulture, $"{seconds}.{body}");
        return string.Create(CultureInfo.InvariantCulture, $"t={seconds},v1={Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(signed)))}");
    }

    private async Task<string?> PostAsync(Uri url, WebhookCall call, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent(call.Payload, Encoding.UTF8, MediaTypeNames.Application.Json),
        };
        request.Headers.Add("X-Licence-Signature", Signature(settings.WebhookSecret, time.GetUtcNow().ToUnixTimeSeconds(), call.Payload));
        request.Headers.Add("X-Licence-Delivery", call.OutboxId.ToString());
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return response.IsSuccessStatusCode ? null : $"HTTP {(int)response.StatusCode}";
        }
        catch (Exception away) when (away is HttpRequestException || (away is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return away.GetType().Name;
        }
    }
}
