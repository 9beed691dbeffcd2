using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;

namespace LicenseFunctions.Suspicion;

/// <summary>
/// Posts the alerts that are due to ALERT_WEBHOOK_URL as JSON, at least once. The signature covers time and body, as Stripe's does.
/// </summary>
public sealed class SendAlertWebhooks(OutboxStore outbox, SuspicionSettings settings, HttpClient http, TimeProvider time)
{
    /// <summary>Lease for one call; longer than the timeout of the HTTP client.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (settings.WebhookUrl is not { } url)
            return;
        while (await outbox.ClaimAsync(OutboxStore.AlertWebhook, 1, Lease, cancellationToken) is [var call])
        {
            if (await PostAsync(url, call, cancellationToken) is { } error)
                await outbox.MarkFailedAsync(call, OutboxRetryPolicy.AlertWebhooks.DelayAfter(call.Attempts), error, cancellationToken);
            else
                await outbox.MarkSentAsync(call, cancellationToken);
            if (TimeSlice.IsOver)
                break;
        }
    }

    /// <summary>Value of X-License-Signature: t=SECONDS,v1=HMAC-SHA-256 of "SECONDS.BODY" in hex.</summary>
    public static string Signature(byte[] secret, long seconds, string body)
    {
        var signed = string.Create(CultureInfo.InvariantCulture, $"{seconds}.{body}");
        var hash = Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(signed)));
        return string.Create(CultureInfo.InvariantCulture, $"t={seconds},v1={hash}");
    }

    /// <returns>The error; null if the receiver accepted the call.</returns>
    private async Task<string?> PostAsync(Uri url, OutboxRow call, CancellationToken cancellationToken)
    {
        var signature = Signature(settings.WebhookSecret, time.GetUtcNow().ToUnixTimeSeconds(), call.Payload);
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent(call.Payload, Encoding.UTF8, MediaTypeNames.Application.Json),
        };
        // The first version sent the headers X-Licence-…; receivers that read those must still work.
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
