using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>An error answer in Stripe's format. A route throws it, and the pipeline writes it.</summary>
public sealed class StripeErrorException(int status, string type, string message, string? code = null, string? param = null)
    : Exception(message)
{
    public int Status { get; } = status;

    public string Type { get; } = type;

    public string? Code { get; } = code;

    /// <summary>
    /// Whether Stripe stores this answer under the idempotency key; false if the request was refused before its execution.
    /// </summary>
    public bool Kept { get; init; } = true;

    /// <summary>Further fields of the error: decline_code, charge, payment_intent …</summary>
    public JsonObject More { get; init; } = [];

    public JsonObject ToJson()
    {
        var error = new JsonObject { ["message"] = Message, ["type"] = Type };
        if (Code is not null)
        {
            error["code"] = Code;
            error["doc_url"] = $"https://docs.stripe.com/error-codes#{Code.Replace('_', '-')}";
        }

        if (param is not null)
            error["param"] = param;
        foreach (var (name, value) in More)
            error[name] = value?.DeepClone();
        return new JsonObject { ["error"] = error };
    }

    public static StripeErrorException Invalid(string message, string? code = null, string? param = null) =>
        new(400, "invalid_request_error", message, code, param);

    public static StripeErrorException Missing(string kind, string id, string param) =>
        new(404, "invalid_request_error", $"No such {kind}: '{id}'", "resource_missing", param);

    public static StripeErrorException UnknownParameter(string name) =>
        new(400, "invalid_request_error", $"Received unknown parameter: {name}", "parameter_unknown", name) { Kept = false };

    public static StripeErrorException MissingParameter(string name) =>
        new(400, "invalid_request_error", $"Missing required param: {name}.", "parameter_missing", name) { Kept = false };

    public static StripeErrorException BadKey(string? key) => key is null
        ? new(401, "invalid_request_error",
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
            + "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY').")
        { Kept = false }
        : new(401, "invalid_request_error", $"Invalid API Key provided: {Masked(key)}") { Kept = false };

    public static StripeErrorException TooMany() =>
        new(429, "invalid_request_error",
            "Request rate limit exceeded. You can learn more about rate limits here https://docs.stripe.com/rate-limits.", "rate_limit")
        { Kept = false };

    public static StripeErrorException Locked() =>
        new(429, "invalid_request_error",
            "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. "
            + "If you see this error intermittently, retry the request.", "lock_timeout")
        { Kept = false };

    public static StripeErrorException KeyInUse(string key) =>
        new(409, "idempotency_error",
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, "
            + $"and the other request is still going through): {key}. "
            + "Please try your request again after a bit, or use a different idempotency key.",
            "idempotency_key_in_use")
        { Kept = false };

    public static StripeErrorException OtherParameters(string key) =>
        new(400, "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            + $"Try using a key other than '{key}' if you meant to execute a different request.")
        { Kept = false };

    public static StripeErrorException OtherEndpoint(string key, string first, string now) =>
        new(400, "idempotency_error",
            $"Keys for idempotent requests can only be used for the same endpoint they were first used for ('{now}' vs '{first}'). "
            + $"Try using a key other than '{key}' if you meant to execute a different request.")
        { Kept = false };

    public static StripeErrorException Broken() =>
        new(500, "api_error", "An unknown error occurred");

    private static string Masked(string key) =>
        key.Length <= 12 ? new string('*', key.Length) : key[..8] + new string('*', key.Length - 12) + key[^4..];
}
