using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Infrastructure.Webhooks;

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
        // The first version sent the headers X-Licence-…; receivers that read those must still work.
        var headers = ((string[])["License", "Licence"]).SelectMany(spelling => new[]
        {
            ($"X-{spelling}-Signature", signature),
            ($"X-{spelling}-Delivery", call.OutboxId.ToString()),
        });
        var answer = await http.PostWebhookAsync(url, call.Payload, headers, cancellationToken);
        return answer.Failure?.GetType().Name ?? answer.Error;
    }
}
