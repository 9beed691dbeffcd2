using System.Globalization;
using System.Text;
using System.Text.Json;
using static LicenseClients.Lease;

namespace LicenseClients;

/// <summary>What is stored between two checks and over restarts. Times are Unix seconds; 0 stands for none.</summary>
/// <param name="FullUntil">FULL ends here if there is neither a verdict nor a good lease.</param>
/// <param name="ClockOffset">How far the clock is ahead of the server's, if it is wrong; otherwise 0.</param>
/// <param name="HighestTime">Of the corrected clock and of the server.</param>
/// <param name="RefusedAt">The last verdict other than FULL.</param>
/// <param name="Problem">Of the last answer; empty if it was a verdict.</param>
public sealed record LicenseState(
    string Entitlement = "", string Detail = "", string Subscription = "", string Lease = "", long CloseOnlyUntil = 0, long FullUntil = 0,
    long ClockOffset = 0, long HighestTime = 0, long NewestIat = 0, long RefusedAt = 0, string Problem = "", string ProblemDetail = "");

/// <summary>The outcome of one request. Status 0: there was no HTTP answer. The nonce is the request's.</summary>
public sealed record LicenseAnswer(int Status, string Body, string Nonce);

/// <summary>What the client may do, and why. conformance/cases.json defines it for all clients.</summary>
/// <param name="Entitlement">FULL, CLOSE_ONLY or NONE.</param>
/// <param name="Message">VALID, CLOSE_ONLY, REFUSED, LEASE, KEPT, UNCONFIRMED or NOT_CHECKED.</param>
/// <param name="Problem">Empty, or NO_ANSWER, NOT_THE_SERVER, SERVER_ERROR, REJECTED or CLOCK_WRONG.</param>
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

        var lease = isBehind ? null : Verify(state.Lease, Use(state, keys, device), time).Lease;
        // If the clock becomes wrong later, the lease can't be used. FULL then ends an hour later, but never after the lease.
        if (lease is not null)
            state = state with { FullUntil = Math.Max(state.FullUntil, Math.Min(time + Grace, lease.ExpiresAt)) };
        if (lease is null && time >= state.FullUntil)
            return Decided("CLOSE_ONLY", "UNCONFIRMED",
                "No position is opened until a check succeeds; open positions are managed and closed.");
        if (state.Problem == "")
            return Decided("FULL", "VALID", Sentence(state.Detail));
        var until = $"at most until {Minute(Math.Max(state.FullUntil, lease?.ExpiresAt ?? 0))}.";
        return lease is null
            ? Decided("FULL", "KEPT", $"Trading continues {until}")
            : Decided("FULL", "LEASE", $"Trading continues with the saved lease, {until}");

        (LicenseState, LicenseDecision) Decided(string entitlement, string message, string text) =>
            (state, new LicenseDecision(entitlement, message, problem, ProblemText(problem, state.ProblemDetail) + text));
    }

    private static bool IsBehind(long clock, LicenseState state) => clock - state.ClockOffset < state.HighestTime - ClockTolerance;

    private static LeaseUse Use(LicenseState state, string keys, string device) =>
        new(keys, device, state.Subscription, state.NewestIat, state.RefusedAt);

    // An answer of the server repeats the request's nonce; a stored copy can't.
    private static JsonElement? VerdictOf(LicenseAnswer answer) =>
        answer.Status == 200 && Parse(Encoding.UTF8.GetBytes(answer.Body)) is { } json
            && json.TryGetProperty("valid", out var valid) && valid.ValueKind is JsonValueKind.True or JsonValueKind.False
            && TextOf(json, "code") is not null && TextOf(json, "nonce") == answer.Nonce ? json : null;

    // A verdict without an entitlement is that of an older server. An unknown one opens nothing and strands nothing.
    private static string EntitlementOf(JsonElement json, string before)
    {
        var isValid = json.GetProperty("valid").GetBoolean();
        if (!json.TryGetProperty("entitlement", out var value) || value.ValueKind == JsonValueKind.Null)
            return isValid ? "FULL" : before is "FULL" or "CLOSE_ONLY" ? "CLOSE_ONLY" : "NONE";
        return TextOf(json, "entitlement") is var word && word == "NONE" ? "NONE" : word == "FULL" && isValid ? "FULL" : "CLOSE_ONLY";
    }

    private static LicenseState Apply(LicenseState before, JsonElement json, long clock, string keys, string device)
    {
        var server = Seconds(json, "checked_at") is > 0 and var known ? known : clock;
        var offset = Math.Abs(clock - server) > ClockTolerance ? clock - server : 0;
        var subscription = TextOf(json, "subscription_id") ?? before.Subscription;
        var state = new LicenseState(
            EntitlementOf(json, before.Entitlement), TextOf(json, "detail") ?? TextOf(json, "code")!, subscription,
            subscription == before.Subscription ? before.Lease : "", Seconds(json, "close_only_until"), 0, offset,
            Math.Max(clock - offset, server), before.NewestIat, before.RefusedAt);
        if (state.Entitlement != "FULL")
            return state with { Lease = "", RefusedAt = server };
        state = state with { FullUntil = state.HighestTime + Grace };
        return TextOf(json, "lease") is { } compact && Verify(compact, Use(state, keys, device), server).Lease is { } lease
            ? state with { Lease = compact, NewestIat = lease.IssuedAt } : state;
    }

    private static LicenseState WithProblem(LicenseState state, LicenseAnswer answer)
    {
        var json = answer.Status >= 400 ? Parse(Encoding.UTF8.GetBytes(answer.Body)) : null;
        var detail = json is { } problem && TextOf(problem, "code") is not null ? TextOf(problem, "detail") : null;
        var word = answer.Status == 0 ? "NO_ANSWER"
            : answer.Status is 429 or (>= 500 and not 511) ? "SERVER_ERROR"
            : detail is null ? "NOT_THE_SERVER" : "REJECTED";
        return state with { Problem = word, ProblemDetail = word == "REJECTED" ? detail! : "" };
    }

    private static string ProblemText(string problem, string detail) => problem switch
    {
        "NO_ANSWER" => "The license server does not answer. ",
        "NOT_THE_SERVER" => "The answer is not from the license server. Does the network require a sign-in? ",
        "SERVER_ERROR" => "The license server has an error or is busy. ",
        "REJECTED" => $"The license server rejected the request: {Sentence(detail)} ",
        "CLOCK_WRONG" => "The clock of this computer is wrong; set it. ",
        _ => "",
    };

    // 0 if it isn't a time before the year 3000
    private static long Seconds(JsonElement json, string name) =>
        DateTimeOffset.TryParse(TextOf(json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && time.Year < 3000 ? Math.Max(0, time.ToUnixTimeSeconds()) : 0;

    private static string Minute(long time) =>
        DateTimeOffset.FromUnixTimeSeconds(time).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";
}
