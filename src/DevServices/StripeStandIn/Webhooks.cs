using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>How events are delivered.</summary>
/// <param name="Hold">Events wait until an admin delivers them.</param>
/// <param name="DelayMs">The delay; with <paramref name="Shuffle"/>, the longest delay.</param>
/// <param name="Shuffle">Each event has its own random delay, so that the order changes.</param>
/// <param name="Copies">How often each event is sent.</param>
public sealed record WebhookPlan(bool Hold = false, int DelayMs = 0, bool Shuffle = false, int Copies = 1);

/// <summary>Sends signed events at least once, in any order, and repeats each with growing pauses until a 2xx answer.</summary>
public sealed class Webhooks(StandInOptions options, Account account, TimeProvider clock) : IAsyncDisposable
{
    private const int Tries = 8;
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Task, byte> running = [];

    public WebhookPlan Plan { get; set; } = new(Hold: options.WebhookUrl is null);

    public Uri? Url { get; set; } = options.WebhookUrl;

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
    public Task<HttpStatusCode> DeliverAsync(string eventId, CancellationToken cancellationToken)
    {
        string body;
        lock (account.Gate)
            body = account.Events.First(made => made.Id() == eventId).ToJsonString();
        return SendAsync(body, cancellationToken);
    }

    /// <summary>The value of the Stripe-Signature header.</summary>
    public static string Sign(string body, string secret, long timestamp)
    {
        var signed = HMACSHA256.HashData(
            Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{timestamp.ToString(CultureInfo.InvariantCulture)}.{body}"));
        return $"t={timestamp.ToString(CultureInfo.InvariantCulture)},v1={Convert.ToHexStringLower(signed)}";
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        http.Dispose();
        stopping.Dispose();
    }

    private async Task SendUntilTakenAsync(string body, TimeSpan delay, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromSeconds(1);
        await Task.Delay(delay, clock, cancellationToken);
        for (var tried = 1; tried <= Tries; tried++, pause *= 2)
        {
            try
            {
                if ((int)await SendAsync(body, cancellationToken) is >= 200 and < 300)
                    return;
            }
            catch (HttpRequestException)
            {
                // The endpoint is down: the event is sent again later.
            }

            await Task.Delay(pause, clock, cancellationToken);
        }
    }

    private async Task<HttpStatusCode> SendAsync(string body, CancellationToken cancellationToken)
    {
        using var content = new StringContent(body, Encoding.UTF8);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json") { CharSet = "utf-8" };
        using var request = new HttpRequestMessage(HttpMethod.Post, Url) { Content = content };
        request.Headers.TryAddWithoutValidation(
            "Stripe-Signature", Sign(body, options.WebhookSecret, clock.GetUtcNow().ToUnixTimeSeconds()));
        request.Headers.TryAddWithoutValidation("User-Agent", "Stripe/1.0 (+https://docs.stripe.com/webhooks)");
        using var answer = await http.SendAsync(request, cancellationToken);
        return answer.StatusCode;
    }
}
