using System.Text.Json.Nodes;

namespace PayPalStandIn;

/// <summary>A refusal in PayPal's form.</summary>
public sealed class PayPalErrorException(int status, string name, string issue, string description) : Exception(description)
{
    public int Status { get; } = status;

    public string Issue { get; } = issue;

    public static PayPalErrorException Missing() => new(
        404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "Specified resource ID does not exist.");

    public static PayPalErrorException Unprocessable(string issue, string description = "The requested action could not be performed.") =>
        new(422, "UNPROCESSABLE_ENTITY", issue, description);

    public static PayPalErrorException Malformed(string field) => new(
        400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE", $"The value of {field} is not valid.");

    public static PayPalErrorException TooLarge() => new(
        400, "RESULTSET_TOO_LARGE", "OVERALL_LIMIT", "Result set size is greater than the maximum limit. Change the filter criteria.");

    public static PayPalErrorException Unauthorized() => new(
        401, "AUTHENTICATION_FAILURE", "INVALID_ACCESS_TOKEN", "Authentication failed due to missing or invalid authorization.");

    public static PayPalErrorException TooMany() => new(
        429, "RATE_LIMIT_REACHED", "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting.");

    public static PayPalErrorException Broken() => new(
        500, "INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR", "An internal server error has occurred.");

    public JsonObject ToJson() => new()
    {
        ["name"] = name,
        ["message"] = Message,
        ["debug_id"] = "standin",
        ["details"] = new JsonArray(new JsonObject { ["issue"] = Issue, ["description"] = Message }),
    };
}
