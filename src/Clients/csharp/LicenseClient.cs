using System.Buffers.Text;
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NSec.Cryptography;
using JsonObject = System.Collections.Generic.Dictionary<string, System.Text.Json.JsonElement>;

namespace LicenseClients;

/// <summary>What is stored between two checks and over restarts. Times are Unix seconds; 0 stands for none. FullUntil ends FULL if no
/// verdict comes and no lease is valid. ClockOffset: how far the clock was ahead of the server's at the last verdict. HighestTime and
/// ServerTime: the server's time and what elapsed since; while the process does not run, HighestTime follows the clock, ServerTime stops.
/// AwaitsClock: from the process's start until the clock shows a possible time. RefusedAt: leases until this time are revoked.</summary>
public sealed record LicenseState(
    string Entitlement = "", string Detail = "", string Subscription = "", string Lease = "", long CloseOnlyUntil = 0, long FullUntil = 0,
    long ClockOffset = 0, long HighestTime = 0, long ServerTime = 0, bool AwaitsClock = false, long NewestIat = 0, long RefusedAt = 0,
    string Problem = "", string ProblemDetail = "");

/// <summary>The outcome of one request. Status 0: there was no HTTP answer. The nonce is the request's; RetryAfter is in seconds.</summary>
public sealed record LicenseAnswer(int Status, string Body, string Nonce, double RetryAfter = 0);
public sealed record LeaseUse(string Keys, string Issuer, string Device); // the text of jwks.json, PUBLIC_URL of the server, DeviceHash

/// <summary>A signed permission to trade without an answer of the server: a JWS with EdDSA (RFC 8037).</summary>
public sealed record Lease(string Subscription, string Device, long IssuedAt, long ExpiresAt)
{
    internal const long EndOfTime = 32_503_680_000; // the year 3000
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerOptions.Strict) { AllowDuplicateProperties = true };

    public static string DeviceHash(string eaInstanceId, long account) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{eaInstanceId}\n{account}")));

    /// <summary>The lease, or why it is not valid at this time. revoked: the jti of /api/v1/revocations, if the caller has them.</summary>
    public static (Lease? Lease, string Fault) Verify(
        string compact, LeaseUse use, LicenseState state, long now, IReadOnlySet<string>? revoked = null)
    {
        // Only this algorithm and type are accepted, and no critical extension.
        var parts = compact.Split('.');
        return compact.Length > 4096 || parts.Length != 3 || Decode(parts[2]) is not { } seal
            || Parse(Decode(parts[0])) is not { } head || Parse(Decode(parts[1])) is not { } claims ? (null, "MALFORMED")
            : Text(head, "alg") != "EdDSA" || Text(head, "typ") != "license-lease+jwt" || head.ContainsKey("crit") ? (null, "WRONG_TYPE")
            : Text(head, "kid") is not { } kid || FindKey(use.Keys, kid) is not { } key ? (null, "UNKNOWN_KEY")
            : !SignatureAlgorithm.Ed25519.Verify(key, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), seal) ? (null, "BAD_SIGNATURE")
            : Text(claims, "iss") is not { } issuer || Text(claims, "sub") is not { } subscription || Text(claims, "dev") is not { } owner
            || Text(claims, "ent") is not { } entitlement || Time(claims, "iat") is not { } iat || Time(claims, "exp") is not { } exp
            ? (null, "MALFORMED")
            : issuer != use.Issuer ? (null, "OTHER_ISSUER")
            : entitlement != "FULL" ? (null, "NOT_FULL")
            : owner != use.Device ? (null, "OTHER_DEVICE")
            : state.Subscription.Length > 0 && subscription != state.Subscription ? (null, "OTHER_LICENSE")
            : iat < state.NewestIat ? (null, "ROLLED_BACK")
            : iat <= state.RefusedAt || (Text(claims, "jti") is { } id && revoked?.Contains(id) is true) ? (null, "REVOKED")
            : now < exp ? (new Lease(subscription, owner, iat, exp), "") : (null, "EXPIRED");
    }

    private static PublicKey? FindKey(string keys, string kid) =>
        Parse(keys)?.GetValueOrDefault("keys") is { ValueKind: JsonValueKind.Array } list
            && list.EnumerateArray().Select(item => Parse(item.GetRawText())).FirstOrDefault(item => item is not null
                && Text(item, "kid") == kid && Text(item, "kty") == "OKP" && Text(item, "crv") == "Ed25519") is { } found
            && Decode(Text(found, "x") ?? "") is { } x
            && PublicKey.TryImport(SignatureAlgorithm.Ed25519, x, KeyBlobFormat.RawPublicKey, out var key) ? key : null;

    // Null unless it is a JSON object. Half of a surrogate pair in its texts is invalid, too.
    internal static JsonObject? Parse(string text) => Parse(Encoding.UTF8.GetBytes(text));
    private static JsonObject? Parse(byte[]? utf8) => Read<JsonObject>(
        utf8, json => json.Values.All(value => value.ValueKind != JsonValueKind.String || value.GetString() is not null));

    internal static T? Read<T>(byte[]? utf8, Func<T, bool> isGood) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(utf8, Strict) is { } read && isGood(read) ? read : null;
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
    private static byte[]? Decode(string part) =>
        Base64Url.IsValid(part) && Base64Url.DecodeFromChars(part) is var bytes && Base64Url.EncodeToString(bytes) == part ? bytes : null;
}

/// <summary>What the client may do, as conformance/cases.json defines it. Message: VALID, CLOSE_ONLY, REFUSED, LEASE, KEPT, UNCONFIRMED or
/// NOT_CHECKED. Problem: empty, NO_ANSWER, NOT_THE_SERVER, SERVER_ERROR, REJECTED or CLOCK_WRONG. The text is for the user.</summary>
public sealed record LicenseDecision(string Entitlement, string Message, string Problem, string Text)
{
    private const long Grace = 3600, ClockTolerance = 300, LongestPause = 30 * 86400;
    private const string Managed = "Open positions are managed and closed";

    /// <summary>answer is null if only time has passed; clock is what this computer shows; elapsed is the number of seconds since the
    /// previous decision of this process, by a clock that nobody can set, and -1 for the first.</summary>
    public static (LicenseState State, LicenseDecision Decision) Decide(
        LicenseState state, LicenseAnswer? answer, long clock, long elapsed, LeaseUse use)
    {
        var verdict = answer is null ? null : VerdictOf(answer);
        state = verdict is not null ? Apply(state, verdict, clock, use) : answer is not null ? WithProblem(state, answer) : state;
        elapsed = verdict is null ? elapsed : 0;
        (state, var latest, var isWrong) = state.Entitlement == "" ? (state, 0, false) : Advance(state, clock, elapsed);
        // If a wrong clock is ahead, the lease must be valid at its time, too. Otherwise FULL ends in an hour, or with the lease.
        var time = state.HighestTime;
        var lease = state.Entitlement == "FULL" && !state.AwaitsClock
            ? Lease.Verify(state.Lease, use, state, latest).Lease : null;
        state = lease is null ? state : state with { FullUntil = Math.Min(time + Grace, lease.ExpiresAt) };

        var isOff = isWrong || (state.Problem == "" && Math.Abs(state.ClockOffset) > ClockTolerance);
        var problem = isOff ? "CLOCK_WRONG" : state.Problem;
        var (detail, end, until) = (Sentence(state.Detail), state.CloseOnlyUntil, Minute(lease?.ExpiresAt ?? state.FullUntil));
        var (entitlement, message, text) = state.Entitlement switch
        {
            "" => ("CLOSE_ONLY", "NOT_CHECKED", $"The license has not been checked yet. {Managed}; no position is opened."),
            "NONE" => ("NONE", "REFUSED", detail),
            "CLOSE_ONLY" when end == 0 => ("CLOSE_ONLY", "CLOSE_ONLY", $"{detail} {Managed}; no position is opened."),
            // The clock alone never ends CLOSE_ONLY.
            "CLOSE_ONLY" when state.ServerTime >= end => ("NONE", "REFUSED", detail),
            "CLOSE_ONLY" => ("CLOSE_ONLY", "CLOSE_ONLY", $"{detail} {Managed} until {Minute(end)}; no position is opened."),
            _ when state.AwaitsClock || (lease is null && time >= state.FullUntil) =>
                ("CLOSE_ONLY", "UNCONFIRMED", $"No position is opened until a check succeeds. {Managed}."),
            _ when state.Problem == "" => ("FULL", "VALID", detail),
            _ when lease is null => ("FULL", "KEPT", $"Trading continues at most until {until}."),
            _ => ("FULL", "LEASE", $"Trading continues with the saved lease, at most until {until}."),
        };
        return (state, new LicenseDecision(entitlement, message, problem, ProblemText(problem, state.ProblemDetail) + text));
    }

    // Advances the times by what elapsed, and compares the clock. The clock moves the highest time only at the start of the process.
    private static (LicenseState State, long Latest, bool IsWrong) Advance(LicenseState state, long clock, long elapsed)
    {
        var (awaits, offset, passed) = (state.AwaitsClock || elapsed < 0, state.ClockOffset, Math.Max(0, elapsed));
        var highest = state.HighestTime + passed;
        state = state with { AwaitsClock = awaits, HighestTime = highest, ServerTime = state.ServerTime + passed };
        // A clock that was wrong at the last verdict may have been corrected since. If both are possible, the later time counts.
        long[] shown = [clock - offset, clock];
        var limit = highest + (awaits ? LongestPause : ClockTolerance);
        var possible = shown.Where(time => time >= highest - ClockTolerance && time <= limit).ToArray();
        if (possible.Length == 0)
            return (state, Math.Max(highest, shown.Min()), true);
        var (now, top) = (possible.Max(), awaits ? Math.Max(highest, possible.Max()) : highest);
        return (state with { AwaitsClock = false, HighestTime = top, ClockOffset = now == clock ? 0 : offset }, top, false);
    }

    // The server returns the request's nonce. A stored answer has another one.
    private static JsonObject? VerdictOf(LicenseAnswer answer) =>
        answer.Status == 200 && Lease.Parse(answer.Body) is { } json
            && json.GetValueOrDefault("valid").ValueKind is JsonValueKind.True or JsonValueKind.False
            && Lease.Text(json, "code") is not null && Lease.Text(json, "nonce") == answer.Nonce ? json : null;

    // An older server sends no entitlement. An unknown entitlement counts as CLOSE_ONLY.
    private static string EntitlementOf(JsonObject json, string before)
    {
        var isValid = json["valid"].GetBoolean();
        if (json.GetValueOrDefault("entitlement").ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return isValid ? "FULL" : before is "FULL" or "CLOSE_ONLY" ? "CLOSE_ONLY" : "NONE";
        return Lease.Text(json, "entitlement") is var word && word == "NONE" ? "NONE" : word == "FULL" && isValid ? "FULL" : "CLOSE_ONLY";
    }

    private static LicenseState Apply(LicenseState before, JsonObject json, long clock, LeaseUse use)
    {
        var (server, subscription) = (Seconds(json, "checked_at"), Lease.Text(json, "subscription_id") ?? before.Subscription);
        var now = server > 0 ? server : clock;
        before = subscription == before.Subscription ? before : new LicenseState(before.Entitlement);
        var state = new LicenseState(
            EntitlementOf(json, before.Entitlement), Lease.Text(json, "detail") ?? Lease.Text(json, "code")!, subscription, before.Lease,
            Seconds(json, "close_only_until"), now + Grace, clock - now, now, server, false, before.NewestIat, before.RefusedAt);
        if (state.Entitlement != "FULL")
            return state with { Lease = "", FullUntil = 0, RefusedAt = now };
        // This verdict is newer than every refusal, so an earlier refusal doesn't count.
        var compact = Lease.Text(json, "lease");
        var (lease, fault) = compact is null ? (null, "") : Lease.Verify(compact, use, state with { RefusedAt = 0 }, now);
        return lease is not null ? state with { Lease = compact!, NewestIat = lease.IssuedAt, RefusedAt = 0 }
            : fault == "" || state.Lease != "" ? state
            : state with { Detail = $"{Sentence(state.Detail)} In an outage, trading ends: the lease is not accepted ({fault})." };
    }

    // Only an error of this backend has a detail (RFC 9457).
    private static LicenseState WithProblem(LicenseState state, LicenseAnswer answer)
    {
        var json = answer.Status >= 400 ? Lease.Parse(answer.Body) : null;
        var detail = json is null || Lease.Text(json, "code") is null ? "" : Lease.Text(json, "detail") ?? "";
        var problem = answer.Status == 0 ? "NO_ANSWER"
            : answer.Status is 429 or (>= 500 and not 511) ? "SERVER_ERROR" : detail == "" ? "NOT_THE_SERVER" : "REJECTED";
        return state with { Problem = problem, ProblemDetail = detail };
    }

    private static string ProblemText(string problem, string detail) => problem switch
    {
        "NO_ANSWER" => "The license server does not answer. ",
        "NOT_THE_SERVER" => "The answer is not from the license server. Does the network require a sign-in? ",
        "SERVER_ERROR" => "The license server has an error or is busy. ",
        "REJECTED" => $"The license server rejected the request: {Sentence(detail)} ",
        _ => problem == "" ? "" : "The clock of this computer is wrong or was changed; check it. ",
    };

    // 0 if it isn't a time before the year 3000
    private static long Seconds(JsonObject json, string name) =>
        DateTimeOffset.TryParse(Lease.Text(json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && time.Year < 3000 ? Math.Max(0, time.ToUnixTimeSeconds()) : 0;

    private static string Minute(long time) => string.Create(
        CultureInfo.InvariantCulture, $"{DateTime.UnixEpoch.AddSeconds(Math.Clamp(time, 0, Lease.EndOfTime)):yyyy-MM-dd HH:mm} UTC");
    private static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";
}

/// <summary>Issuer: PUBLIC_URL of the server, if it is not Url. Keys: the text of /.well-known/jwks.json, to accept no other keys. Save
/// stores a text after each check; the next start gets it as Saved.</summary>
public sealed record LicenseOptions(string Url, string Token, string EaInstanceId, long Account, string? Issuer = null,
    string? Keys = null, string? Saved = null, Action<string>? Save = null)
{
    public override string ToString() => nameof(LicenseOptions); // without the token
}

public sealed class LicenseClient(LicenseOptions options) : IDisposable
{
    // Redirects are not followed: the token is for this server only.
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    { Timeout = TimeSpan.FromSeconds(3), MaxResponseContentBufferSize = 65536 };
    private readonly Lock gate = new();
    private SavedText saved = Restored(options);
    private long decidedAt = -1, keysUntil; // milliseconds
    private int failures;

    // A verdict about one token says nothing about another one.
    private sealed record SavedText(string Owner, LicenseState State, string Keys);

    /// <summary>What may be done now. Ask before each trade, because a lease or a grace may have ended.</summary>
    public LicenseDecision Decide(LicenseAnswer? answer = null)
    {
        lock (gate)
        {
            var (first, now) = (decidedAt < 0, Environment.TickCount64);
            var elapsed = first ? -1 : (now - decidedAt) / 1000;
            decidedAt = first ? now : decidedAt + elapsed * 1000;
            var clock = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            var device = Lease.DeviceHash(options.EaInstanceId, options.Account);
            var use = new LeaseUse(options.Keys ?? saved.Keys, options.Issuer ?? options.Url.TrimEnd('/'), device);
            (var state, var decision) = LicenseDecision.Decide(saved.State, answer, clock, elapsed, use);
            saved = saved with { State = state };
            return decision;
        }
    }

    /// <summary>One check, and how long to wait before the next one. It throws only if it is canceled.</summary>
    public async Task<(LicenseDecision Decision, TimeSpan Wait)> CheckAsync(CancellationToken cancellationToken)
    {
        if (options.Keys is null && Environment.TickCount64 >= keysUntil)
        {
            var jwks = await SendAsync(HttpMethod.Get, "/.well-known/jwks.json", null, "", cancellationToken);
            if (jwks.Status == 200 && Lease.Parse(jwks.Body)?.ContainsKey("keys") is true)
                lock (gate)
                    (saved, keysUntil) = (saved with { Keys = jwks.Body }, Environment.TickCount64 + 3_600_000);
        }

        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var body = JsonContent.Create(new { ea_instance_id = options.EaInstanceId, mt5_account_number = options.Account, nonce });
        var answer = await SendAsync(HttpMethod.Post, "/api/v1/licenses/validate", body, nonce, cancellationToken);
        var decision = Decide(answer);
        failures = saved.State.Problem == "" ? 0 : failures + 1;
        var text = JsonSerializer.Serialize(saved);
        await Task.Run(() => options.Save?.Invoke(text), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Retry-After counts only if this backend sent it. Random delay: clients must not all retry at the same moment after an outage.
        var random = RandomNumberGenerator.GetInt32(1000) / 1000.0;
        var retryAfter = Math.Min(400, saved.State.ProblemDetail == "" ? 0 : answer.RetryAfter);
        var backoff = Math.Max(retryAfter, Math.Min(300, 15 * Math.Pow(2, failures - 1)));
        return (decision, TimeSpan.FromSeconds(failures == 0 ? 300 - 30 * random : backoff * (1 + random / 2)));
    }

    public void Dispose() => http.Dispose();

    // A damaged text is ignored.
    private static SavedText Restored(LicenseOptions options) =>
        Lease.DeviceHash($"{options.Token}\n{options.EaInstanceId}", options.Account)[..16] is var owner
            && Lease.Read<SavedText>(Encoding.UTF8.GetBytes(options.Saved ?? ""), text => text.Owner == owner
                && text.State.Entitlement is "" or "FULL" or "CLOSE_ONLY" or "NONE") is { } saved ? saved : new(owner, new(), "");

    private async Task<LicenseAnswer> SendAsync(HttpMethod method, string path, HttpContent? body, string nonce, CancellationToken stop)
    {
        try
        {
            using var request = new HttpRequestMessage(method, options.Url.TrimEnd('/') + path) { Content = body };
            if (body is not null)
                request.Headers.TryAddWithoutValidation("Authorization", "License " + options.Token);
            using var response = await http.SendAsync(request, stop);
            var text = await response.Content.ReadAsStringAsync(stop);
            return new LicenseAnswer((int)response.StatusCode, text, nonce, response.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0);
        }
        catch (Exception) when (!stop.IsCancellationRequested)
        {
            return new LicenseAnswer(0, "", nonce);
        }
    }
}
