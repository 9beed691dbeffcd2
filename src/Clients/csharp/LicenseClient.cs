using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NSec.Cryptography;
using JsonObject = System.Collections.Generic.Dictionary<string, System.Text.Json.JsonElement>;

namespace LicenseClients;

/// <summary>What is stored between two checks and over restarts. Times are Unix seconds; 0 stands for none.</summary>
/// <param name="FullUntil">FULL ends here if there is neither a verdict nor a good lease.</param>
/// <param name="ClockOffset">How far the clock is ahead of the server's, if it is wrong; otherwise 0.</param>
/// <param name="HighestTime">Of the corrected clock and of the server.</param>
/// <param name="RefusedAt">The last verdict other than FULL; leases of this time and before it count as revoked.</param>
public sealed record LicenseState(
    string Entitlement = "", string Detail = "", string Subscription = "", string Lease = "", long CloseOnlyUntil = 0, long FullUntil = 0,
    long ClockOffset = 0, long HighestTime = 0, long NewestIat = 0, long RefusedAt = 0, string Problem = "", string ProblemDetail = "");

/// <summary>The outcome of one request. Status 0: there was no HTTP answer. The nonce is the request's.</summary>
public sealed record LicenseAnswer(int Status, string Body, string Nonce);

/// <summary>A signed permission to trade without an answer of the server: a JWS with EdDSA (RFC 8037).</summary>
public sealed record Lease(string Subscription, string Device, string Entitlement, long IssuedAt, long ExpiresAt, string? Id)
{
    private const long EndOfTime = 32_503_680_000; // the year 3000

    public static string DeviceHash(string eaInstanceId, long account) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{eaInstanceId}\n{account}")));

    /// <param name="keys">The text of /.well-known/jwks.json.</param>
    /// <param name="state">The license, and what was seen of its leases.</param>
    /// <param name="revoked">The jti of /api/v1/revocations, if the caller may read them.</param>
    /// <returns>The lease, or why it is not good at this time.</returns>
    public static (Lease? Lease, string Fault) Verify(
        string compact, string keys, string device, LicenseState state, long now, IReadOnlySet<string>? revoked = null)
    {
        var (lease, fault) = Read(compact, keys);
        fault = lease is null ? fault
            : lease.Entitlement != "FULL" ? "NOT_FULL"
            : lease.Device != device ? "OTHER_DEVICE"
            : state.Subscription.Length > 0 && lease.Subscription != state.Subscription ? "OTHER_LICENSE"
            : lease.IssuedAt < state.NewestIat ? "ROLLED_BACK"
            : lease.IssuedAt <= state.RefusedAt || (lease.Id is { } id && revoked?.Contains(id) is true) ? "REVOKED"
            : now < lease.ExpiresAt ? "" : "EXPIRED";
        return (fault.Length == 0 ? lease : null, fault);
    }

    private static (Lease? Lease, string Fault) Read(string compact, string keys)
    {
        var parts = compact.Split('.');
        if (compact.Length > 4096 || parts.Length != 3 || Decode(parts[2]) is not { } signature
            || Parse(Decode(parts[0])) is not { } header || Parse(Decode(parts[1])) is not { } claims)
            return (null, "MALFORMED");
        // The header decides nothing: only this algorithm and this type are accepted, and no extension.
        if (Text(header, "alg") != "EdDSA" || Text(header, "typ") != "license-lease+jwt" || header.ContainsKey("crit"))
            return (null, "WRONG_TYPE");
        if (Text(header, "kid") is not { } kid || FindKey(keys, kid) is not { } key)
            return (null, "UNKNOWN_KEY");
        if (!SignatureAlgorithm.Ed25519.Verify(key, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature))
            return (null, "BAD_SIGNATURE");
        return Text(claims, "sub") is { } subscription && Text(claims, "dev") is { } device && Text(claims, "ent") is { } entitlement
            && Time(claims, "iat") is { } issuedAt && Time(claims, "exp") is { } expiresAt
            ? (new Lease(subscription, device, entitlement, issuedAt, expiresAt, Text(claims, "jti")), "")
            : (null, "MALFORMED");
    }

    private static PublicKey? FindKey(string keys, string kid)
    {
        if (Parse(Encoding.UTF8.GetBytes(keys))?.GetValueOrDefault("keys") is not { ValueKind: JsonValueKind.Array } list)
            return null;
        var found = list.EnumerateArray().Select(item => Parse(Encoding.UTF8.GetBytes(item.GetRawText()))).FirstOrDefault(key =>
            key is not null && Text(key, "kid") == kid && Text(key, "kty") == "OKP" && Text(key, "crv") == "Ed25519");
        return found is not null && Decode(Text(found, "x") ?? "") is { } x
            && PublicKey.TryImport(SignatureAlgorithm.Ed25519, x, KeyBlobFormat.RawPublicKey, out var imported) ? imported : null;
    }

    // Null unless it is a JSON object. Half of a surrogate pair in its texts is invalid, too.
    internal static JsonObject? Parse(byte[]? utf8)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonObject>(utf8);
            return json?.Values.Any(value => value.ValueKind == JsonValueKind.String && value.GetString() is null) is false ? json : null;
        }
        catch (Exception invalid) when (invalid is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    internal static string? Text(JsonObject json, string name) =>
        json.GetValueOrDefault(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static long? Time(JsonObject json, string name) =>
        json.GetValueOrDefault(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var time)
            && time is >= 0 and < EndOfTime ? time : null;

    // Null unless it is the only base64url form of some bytes.
    private static byte[]? Decode(string part)
    {
        var bytes = new byte[part.Length];
        return Base64Url.DecodeFromChars(part, bytes, out _, out var size) == OperationStatus.Done
            && Base64Url.EncodeToString(bytes.AsSpan(0, size)) == part ? bytes[..size] : null;
    }
}

/// <summary>What the client may do, and why. conformance/cases.json defines it for all clients.</summary>
/// <param name="Message">VALID, CLOSE_ONLY, REFUSED, LEASE, KEPT, UNCONFIRMED or NOT_CHECKED.</param>
/// <param name="Problem">Empty, or NO_ANSWER, NOT_THE_SERVER, SERVER_ERROR, REJECTED or CLOCK_WRONG.</param>
/// <param name="Text">For the user.</param>
public sealed record LicenseDecision(string Entitlement, string Message, string Problem, string Text)
{
    private const long Grace = 3600, ClockTolerance = 300;

    /// <param name="answer">Null if only time has passed.</param>
    /// <param name="clock">The time that this computer shows.</param>
    /// <param name="elapsed">Seconds since the previous decision of this process, by a clock that nobody can set.</param>
    public static (LicenseState State, LicenseDecision Decision) Decide(
        LicenseState state, LicenseAnswer? answer, long clock, long elapsed, string keys, string device)
    {
        // While the clock is behind, the highest time goes on by itself, so that a clock that is set back again and again gains nothing.
        var highest = IsBehind(clock, state) ? state.HighestTime + elapsed : Math.Max(state.HighestTime, clock - state.ClockOffset);
        state = state with { HighestTime = highest };
        if (answer is not null)
            state = VerdictOf(answer) is { } verdict ? Apply(state, verdict, clock, keys, device) : WithProblem(state, answer);

        var (time, isBehind, end) = (state.HighestTime, IsBehind(clock, state), state.CloseOnlyUntil);
        var problem = isBehind || (state.Problem == "" && state.ClockOffset != 0) ? "CLOCK_WRONG" : state.Problem;
        if (state.Entitlement == "")
            return Decided("NONE", "NOT_CHECKED", "The license has not been checked yet.");
        if (state.Entitlement == "NONE" || (state.Entitlement == "CLOSE_ONLY" && end > 0 && time >= end))
            return Decided("NONE", "REFUSED", Sentence(state.Detail));
        if (state.Entitlement == "CLOSE_ONLY")
            return Decided("CLOSE_ONLY", "CLOSE_ONLY", $"{Sentence(state.Detail)} Open positions are managed and closed"
                + (end > 0 ? $" until {Minute(end)}" : "") + "; no position is opened.");

        var lease = isBehind ? null : Lease.Verify(state.Lease, keys, device, state, time).Lease;
        // If the clock becomes wrong later, the lease can't be used. FULL then ends an hour later, but never after the lease.
        if (lease is not null)
            state = state with { FullUntil = Math.Min(time + Grace, lease.ExpiresAt) };
        if (lease is null && time >= state.FullUntil)
            return Decided("CLOSE_ONLY", "UNCONFIRMED",
                "No position is opened until a check succeeds; open positions are managed and closed.");
        if (state.Problem == "")
            return Decided("FULL", "VALID", Sentence(state.Detail));
        var until = $"at most until {Minute(Math.Max(state.FullUntil, lease?.ExpiresAt ?? 0))}.";
        return lease is null ? Decided("FULL", "KEPT", $"Trading continues {until}")
            : Decided("FULL", "LEASE", $"Trading continues with the saved lease, {until}");

        (LicenseState, LicenseDecision) Decided(string entitlement, string message, string text) =>
            (state, new LicenseDecision(entitlement, message, problem, ProblemText(problem, state.ProblemDetail) + text));
    }

    private static bool IsBehind(long clock, LicenseState state) => clock - state.ClockOffset < state.HighestTime - ClockTolerance;

    // An answer of the server repeats the request's nonce; a stored copy can't.
    private static JsonObject? VerdictOf(LicenseAnswer answer) =>
        answer.Status == 200 && Lease.Parse(Encoding.UTF8.GetBytes(answer.Body)) is { } json
            && json.GetValueOrDefault("valid").ValueKind is JsonValueKind.True or JsonValueKind.False
            && Lease.Text(json, "code") is not null && Lease.Text(json, "nonce") == answer.Nonce ? json : null;

    // A verdict without an entitlement is that of an older server. An unknown one opens nothing and strands nothing.
    private static string EntitlementOf(JsonObject json, string before)
    {
        var isValid = json["valid"].GetBoolean();
        if (json.GetValueOrDefault("entitlement").ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return isValid ? "FULL" : before is "FULL" or "CLOSE_ONLY" ? "CLOSE_ONLY" : "NONE";
        return Lease.Text(json, "entitlement") is var word && word == "NONE" ? "NONE" : word == "FULL" && isValid ? "FULL" : "CLOSE_ONLY";
    }

    private static LicenseState Apply(LicenseState before, JsonObject json, long clock, string keys, string device)
    {
        var server = Seconds(json, "checked_at") is > 0 and var known ? known : clock;
        var offset = Math.Abs(clock - server) > ClockTolerance ? clock - server : 0;
        var subscription = Lease.Text(json, "subscription_id") ?? before.Subscription;
        var state = new LicenseState(
            EntitlementOf(json, before.Entitlement), Lease.Text(json, "detail") ?? Lease.Text(json, "code")!, subscription,
            subscription == before.Subscription ? before.Lease : "", Seconds(json, "close_only_until"), 0, offset,
            Math.Max(clock - offset, server), before.NewestIat, before.RefusedAt);
        if (state.Entitlement != "FULL")
            return state with { Lease = "", RefusedAt = server };
        state = state with { FullUntil = state.HighestTime + Grace };
        return Lease.Text(json, "lease") is { } compact && Lease.Verify(compact, keys, device, state, server).Lease is { } lease
            ? state with { Lease = compact, NewestIat = lease.IssuedAt } : state;
    }

    private static LicenseState WithProblem(LicenseState state, LicenseAnswer answer)
    {
        var json = answer.Status >= 400 ? Lease.Parse(Encoding.UTF8.GetBytes(answer.Body)) : null;
        var detail = json is not null && Lease.Text(json, "code") is not null ? Lease.Text(json, "detail") : null;
        var problem = answer.Status == 0 ? "NO_ANSWER"
            : answer.Status is 429 or (>= 500 and not 511) ? "SERVER_ERROR"
            : detail is null ? "NOT_THE_SERVER" : "REJECTED";
        return state with { Problem = problem, ProblemDetail = problem == "REJECTED" ? detail! : "" };
    }

    private static string ProblemText(string problem, string detail) => problem switch
    {
        "NO_ANSWER" => "The license server does not answer. ",
        "NOT_THE_SERVER" => "The answer is not from the license server. Does the network require a sign-in? ",
        "SERVER_ERROR" => "The license server has an error or is busy. ",
        "REJECTED" => $"The license server rejected the request: {Sentence(detail)} ",
        _ => problem == "" ? "" : "The clock of this computer is wrong; set it. ",
    };

    // 0 if it isn't a time before the year 3000
    private static long Seconds(JsonObject json, string name) =>
        DateTimeOffset.TryParse(Lease.Text(json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && time.Year < 3000 ? Math.Max(0, time.ToUnixTimeSeconds()) : 0;

    private static string Minute(long time) =>
        DateTimeOffset.FromUnixTimeSeconds(time).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";
}

/// <param name="Keys">The text of /.well-known/jwks.json, to accept no other keys; otherwise they are fetched.</param>
/// <param name="Save">Stores a text after each check; the next start gets it as Saved. It must not throw.</param>
public sealed record LicenseOptions(
    string Url, string Token, string EaInstanceId, long Account, string? Keys = null, string? Saved = null, Action<string>? Save = null);

public sealed class LicenseClient(LicenseOptions options) : IDisposable
{
    // Redirects are not followed: the token is for this server only.
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(3),
        MaxResponseContentBufferSize = 65536,
    };

    private readonly Lock gate = new();
    private LicenseState state = Stored(options.Saved, "state")?.Deserialize<LicenseState>() ?? new();
    private string keys = options.Keys ?? Stored(options.Saved, "keys")?.GetString() ?? "";
    private long decidedAt = Environment.TickCount64, keysUntil; // milliseconds
    private int failures;

    /// <summary>What may be done now. Ask before each trade, because a lease or a grace may have ended.</summary>
    public LicenseDecision Decide(LicenseAnswer? answer = null)
    {
        lock (gate)
        {
            var elapsed = (Environment.TickCount64 - decidedAt) / 1000;
            decidedAt += elapsed * 1000;
            var clock = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            var device = Lease.DeviceHash(options.EaInstanceId, options.Account);
            (state, var decision) = LicenseDecision.Decide(state, answer, clock, elapsed, keys, device);
            return decision;
        }
    }

    /// <summary>One check, and how long to wait before the next one. It throws only if it is canceled.</summary>
    public async Task<(LicenseDecision Decision, TimeSpan Wait)> CheckAsync(CancellationToken cancellationToken)
    {
        if (options.Keys is null && Environment.TickCount64 >= keysUntil)
        {
            var (jwks, _) = await SendAsync(HttpMethod.Get, "/.well-known/jwks.json", null, "", cancellationToken);
            if (jwks.Status == 200 && Stored(jwks.Body, "keys") is not null)
                (keys, keysUntil) = (jwks.Body, Environment.TickCount64 + 3_600_000);
        }

        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var body = JsonContent.Create(new { ea_instance_id = options.EaInstanceId, mt5_account_number = options.Account, nonce });
        var (answer, retryAfter) = await SendAsync(HttpMethod.Post, "/api/v1/licenses/validate", body, nonce, cancellationToken);
        var decision = Decide(answer);
        failures = state.Problem == "" ? 0 : failures + 1;
        options.Save?.Invoke(JsonSerializer.Serialize(new { state, keys }));
        // In part random, so that many clients don't come at the same moment after an outage.
        var random = RandomNumberGenerator.GetInt32(1000) / 1000.0;
        var backoff = Math.Max(retryAfter.TotalSeconds, Math.Min(300, 15 * Math.Pow(2, failures - 1)));
        return (decision, TimeSpan.FromSeconds(failures == 0 ? 300 - 30 * random : Math.Min(3600, backoff) * (1 + random / 2)));
    }

    public void Dispose() => http.Dispose();

    private static JsonElement? Stored(string? text, string name) =>
        Lease.Parse(Encoding.UTF8.GetBytes(text ?? "")) is { } json && json.TryGetValue(name, out var value) ? value : null;

    private async Task<(LicenseAnswer, TimeSpan)> SendAsync(
        HttpMethod method, string path, HttpContent? body, string nonce, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(method, options.Url.TrimEnd('/') + path) { Content = body };
            if (body is not null)
                request.Headers.TryAddWithoutValidation("Authorization", "License " + options.Token);
            using var response = await http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            return (new LicenseAnswer((int)response.StatusCode, text, nonce), response.Headers.RetryAfter?.Delta ?? TimeSpan.Zero);
        }
        catch (Exception lost) when (!cancellationToken.IsCancellationRequested
            && lost is HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            return (new LicenseAnswer(0, "", nonce), TimeSpan.Zero);
        }
    }
}
