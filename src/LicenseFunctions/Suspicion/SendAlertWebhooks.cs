using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Suspicion;

/// <summary>Posts alerts as JSON to the webhook of a chat tool, at least once, signed over time and body like Stripe's webhooks.</summary>
public sealed class SendAlertWebhooks(AlertWebhookStore calls, SuspicionSettings settings, HttpClient http, TimeProvider time)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (settings.WebhookUrl is not { } url)
            return;
        while (await calls.ClaimAsync(cancellationToken) is { } call)
            await calls.SettleAsync(call, await PostAsync(url, call, cancellationToken), cancellationToken);
    }

    /// <summary>The value of X-License-Signature: t=SECONDS,v1=HMAC-SHA-256 of "SECONDS.BODY" in hex.</summary>
    public static string Signature(byte[] secret, long seconds, string body)
    {
        var signed = string.Create(CultureInfo.InvariantCulture, $"{seconds}.{body}");
        var hash = Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(signed)));
        return string.Create(CultureInfo.InvariantCulture, $"t={seconds},v1={hash}");
    }

    private async Task<string?> PostAsync(Uri url, WebhookCall call, CancellationToken cancellationToken)
    {
        var signature = Signature(settings.WebhookSecret, time.GetUtcNow().ToUnixTimeSeconds(), call.Payload);
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent(call.Payload, Encoding.UTF8, MediaTypeNames.Application.Json),
        };
        // The first version spelled the names X-Licence-…; receivers that read those must go on working.
        foreach (var spelling in (string[])["License", "Licence"])
        {
            request.Headers.Add($"X-{spelling}-Signature", signature);
            request.Headers.Add($"X-{spelling}-Delivery", call.OutboxId.ToString());
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return response.IsSuccessStatusCode ? null : $"HTTP {(int)response.StatusCode}";
        }
        catch (Exception failure) when (
            failure is HttpRequestException || (failure is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return failure.GetType().Name;
        }
    }
}
