using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace LicenseClients;

/// <param name="Keys">The text of /.well-known/jwks.json, to accept no other keys; otherwise they are fetched.</param>
/// <param name="Saved">The text that was saved last, if any.</param>
/// <param name="Save">Stores a text after each check, for the next start; it must not throw.</param>
public sealed record LicenseOptions(
    string Url, string Token, string EaInstanceId, long Account, string? Keys = null, string? Saved = null, Action<string>? Save = null);

public sealed class LicenseClient : IDisposable
{
    private sealed record Stored(LicenseState? State, string? Keys);

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly LicenseOptions options;
    private readonly HttpClient http;
    private readonly Lock gate = new();
    private LicenseState state;
    private string keys;
    private long keysUntil; // milliseconds
    private long decidedAt = Environment.TickCount64;
    private int failures;

    public LicenseClient(LicenseOptions options)
    {
        this.options = options;
        // Redirects are not followed: the token is for this server only.
        http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            BaseAddress = new Uri(options.Url),
            Timeout = TimeSpan.FromSeconds(3),
            MaxResponseContentBufferSize = 65536,
        };
        var stored = Lease.Parse(System.Text.Encoding.UTF8.GetBytes(options.Saved ?? ""))?.Deserialize<Stored>(Json);
        (state, keys) = (stored?.State ?? new LicenseState(), options.Keys ?? stored?.Keys ?? "");
    }

    /// <summary>Checks now, and then every five minutes, or sooner after a failure, until it is canceled.</summary>
    public async Task RunAsync(Action<LicenseDecision> onDecision, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var (decision, wait) = await CheckAsync(cancellationToken);
            onDecision(decision);
            await Task.Delay(wait, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What may be done now. Ask before each trade, because a lease or a grace may have ended.</summary>
    public LicenseDecision Decide(LicenseAnswer? answer = null)
    {
        lock (gate)
        {
            var elapsed = (Environment.TickCount64 - decidedAt) / 1000;
            decidedAt += elapsed * 1000;
            var device = Lease.DeviceHash(options.EaInstanceId, options.Account);
            var clock = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            (state, var decision) = LicenseDecision.Decide(state, answer, clock, elapsed, keys, device);
            return decision;
        }
    }

    /// <summary>One check, and when the next one is due. It throws only if it is canceled.</summary>
    public async Task<(LicenseDecision Decision, TimeSpan Wait)> CheckAsync(CancellationToken cancellationToken)
    {
        if (options.Keys is null && Environment.TickCount64 >= keysUntil)
        {
            var (jwks, _) = await SendAsync(new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks.json"), "", cancellationToken);
            if (jwks.Status == 200 && jwks.Body.Contains("\"keys\"", StringComparison.Ordinal))
                (keys, keysUntil) = (jwks.Body, Environment.TickCount64 + 3_600_000);
        }

        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate")
        {
            Content = JsonContent.Create(new { ea_instance_id = options.EaInstanceId, mt5_account_number = options.Account, nonce }),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "License " + options.Token);
        var (answer, retryAfter) = await SendAsync(request, nonce, cancellationToken);
        var decision = Decide(answer);
        failures = state.Problem == "" ? 0 : failures + 1;
        options.Save?.Invoke(JsonSerializer.Serialize(new Stored(state, keys), Json));
        return (decision, Wait(retryAfter));
    }

    public void Dispose() => http.Dispose();

    private async Task<(LicenseAnswer, TimeSpan)> SendAsync(HttpRequestMessage request, string nonce, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            return (new LicenseAnswer((int)response.StatusCode, body, nonce), response.Headers.RetryAfter?.Delta ?? TimeSpan.Zero);
        }
        catch (Exception lost) when (!cancellationToken.IsCancellationRequested
            && lost is HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            return (new LicenseAnswer(0, "", nonce), TimeSpan.Zero);
        }
    }

    // In part random, so that many clients don't come at the same moment after an outage.
    private TimeSpan Wait(TimeSpan retryAfter)
    {
        var random = RandomNumberGenerator.GetInt32(1000) / 1000.0;
        if (failures == 0)
            return TimeSpan.FromSeconds(300 - 30 * random);
        var backoff = Math.Min(300, 15 * Math.Pow(2, failures - 1));
        return TimeSpan.FromSeconds(Math.Min(3600, Math.Max(backoff, retryAfter.TotalSeconds)) * (1 + random / 2));
    }
}
