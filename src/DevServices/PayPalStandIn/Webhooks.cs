using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Hashing;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace PayPalStandIn;

/// <summary>How events are delivered.</summary>
/// <param name="Hold">Events wait until an admin delivers them.</param>
/// <param name="DelayMs">The delay; with <paramref name="Shuffle"/>, the longest delay.</param>
/// <param name="Shuffle">Each event has its own random delay, so that the order changes.</param>
/// <param name="Copies">How often each event is sent.</param>
public sealed record WebhookPlan(bool Hold = false, int DelayMs = 0, bool Shuffle = false, int Copies = 1);

/// <summary>Sends signed events at least once, in any order, and repeats each with growing pauses until a 2xx answer.</summary>
public sealed class Webhooks : IAsyncDisposable
{
    private const int Tries = 8;
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Task, byte> running = [];
    private readonly RSA key = RSA.Create(2048);
    private readonly StandInOptions options;
    private readonly Account account;
    private readonly TimeProvider clock;

    public Webhooks(StandInOptions options, Account account, TimeProvider clock)
    {
        (this.options, this.account, this.clock) = (options, account, clock);
        (Plan, Url) = (new WebhookPlan(Hold: options.WebhookUrl is null), options.WebhookUrl);
        var now = clock.GetUtcNow();
        var request = new CertificateRequest(
            "CN=messageverificationcerts.paypal.com", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
        CertificatePem = certificate.ExportCertificatePem();
        CertificatePath = $"/v1/notifications/certs/CERT-{certificate.Thumbprint}";
    }

    public WebhookPlan Plan { get; set; }

    public Uri? Url { get; set; }

    public string CertificatePem { get; }

    public string CertificatePath { get; }

    /// <summary>Called for each new event; must not block.</summary>
    public void Schedule(JsonObject made)
    {
        var plan = Plan;
        if (plan.Hold || Url is null)
            return;
        for (var copy = 0; copy < plan.Copies; copy++)
        {
            var delay = TimeSpan.FromMilliseconds(plan.Shuffle ? Random.Shared.Next(plan.DelayMs + 1) : plan.DelayMs);
            var task = Task.Run(() => SendUntilTakenAsync(made.ToJsonString(), delay, stopping.Token));
            running[task] = 0;
            _ = task.ContinueWith(done => running.TryRemove(done, out _), TaskScheduler.Default);
        }
    }

    /// <summary>Sends one event immediately, and only once.</summary>
    /// <returns>The endpoint's answer.</returns>
    public async Task<HttpStatusCode> DeliverAsync(string eventId, CancellationToken cancellationToken)
    {
        string body;
        lock (account.Gate)
            body = account.State.Events.First(made => made.Text("id") == eventId).ToJsonString();
        using var answer = await SendAsync(body, cancellationToken);
        return answer.StatusCode;
    }

    /// <summary>The headers with which PayPal would send the body to this webhook.</summary>
    public IReadOnlyDictionary<string, string> Sign(string body, string? webhookId = null)
    {
        var id = Guid.NewGuid().ToString();
        var time = clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var crc = Crc32.HashToUInt32(Encoding.UTF8.GetBytes(body)).ToString(CultureInfo.InvariantCulture);
        var signed = key.SignData(
            Encoding.UTF8.GetBytes($"{id}|{time}|{webhookId ?? options.WebhookId}|{crc}"), HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1);
        return new Dictionary<string, string>
        {
            ["PAYPAL-TRANSMISSION-ID"] = id,
            ["PAYPAL-TRANSMISSION-TIME"] = time,
            ["PAYPAL-TRANSMISSION-SIG"] = Convert.ToBase64String(signed),
            ["PAYPAL-CERT-URL"] = new Uri(account.Address(), CertificatePath).ToString(),
            ["PAYPAL-AUTH-ALGO"] = "SHA256withRSA",
        };
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        http.Dispose();
        stopping.Dispose();
        key.Dispose();
    }

    private async Task SendUntilTakenAsync(string body, TimeSpan delay, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromSeconds(1);
        await Task.Delay(delay, clock, cancellationToken);
        for (var tried = 1; tried <= Tries; tried++, pause *= 2)
        {
            try
            {
                using var answer = await SendAsync(body, cancellationToken);
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // The endpoint is down: the event is sent again later.
            }

            await Task.Delay(pause, clock, cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(string body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url);
        request.Content = new StringContent(body, Encoding.UTF8);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach (var (name, value) in Sign(body)) request.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(request, cancellationToken);
    }
}
