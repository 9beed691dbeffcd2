using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace StandIns;

/// <summary>How events are delivered.</summary>
/// <param name="Hold">Events wait until an admin delivers them.</param>
/// <param name="DelayMs">The delay; with <paramref name="Shuffle"/>, the longest delay.</param>
/// <param name="Shuffle">Each event has its own random delay, so that the order changes.</param>
/// <param name="Copies">How often each event is sent.</param>
public sealed record WebhookPlan(bool Hold = false, int DelayMs = 0, bool Shuffle = false, int Copies = 1);

/// <summary>Sends signed events at least once, in any order, and repeats each with growing pauses until a 2xx answer.</summary>
public abstract class WebhookSender(Uri? url, TimeProvider clock) : IAsyncDisposable
{
    private const int Tries = 8;
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Task, byte> running = [];

    public WebhookPlan Plan { get; set; } = new(Hold: url is null);

    public Uri? Url { get; set; } = url;

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
    public Task<HttpStatusCode> DeliverAsync(string eventId, CancellationToken cancellationToken) =>
        SendAsync(BodyOf(eventId), cancellationToken);

    protected TimeProvider Clock { get; } = clock;

    protected abstract string BodyOf(string eventId);

    /// <summary>The headers with which the provider would send the body now.</summary>
    protected abstract IReadOnlyDictionary<string, string> Headers(string body);

    public virtual async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        http.Dispose();
        stopping.Dispose();
        GC.SuppressFinalize(this);
    }

    private async Task SendUntilTakenAsync(string body, TimeSpan delay, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromSeconds(1);
        await Task.Delay(delay, Clock, cancellationToken);
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

            await Task.Delay(pause, Clock, cancellationToken);
        }
    }

    private async Task<HttpStatusCode> SendAsync(string body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        foreach (var (name, value) in Headers(body)) request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await http.SendAsync(request, cancellationToken);
        return answer.StatusCode;
    }
}
