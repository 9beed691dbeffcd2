using System.Text.Json;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace LicenseFunctions.Infrastructure.Http;

public static class RequestBody
{
    /// <summary>The refusal of a body whose media type isn't JSON.</summary>
    internal static readonly Refusal NotJson = new(
        RefusalKind.Invalid, "NOT_JSON", "Content-Type must be application/json.", "Content-Type",
        "Send Content-Type: application/json.");

    /// <summary>Whether the request has no body: Content-Length is 0 or, as for curl -X POST, missing.</summary>
    public static bool HasNoBody(this HttpRequest request) =>
        request.ContentLength == 0
        || request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false };

    /// <summary>Reads the JSON body. The refusal of a body that doesn't match the type names the wrong field.</summary>
    public static async ValueTask<Outcome<T>> ReadAsync<T>(this HttpRequest request, CancellationToken cancellationToken)
        where T : class
    {
        if (!request.HasJsonContentType())
            return NotJson;
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(request.Body, Json.Options, cancellationToken) is { } value
                ? value
                : new Refusal(RefusalKind.Invalid, "MALFORMED_JSON", "The body is null.", "$", "Send a JSON object.");
        }
        catch (JsonException wrong)
        {
            return Malformed(wrong);
        }
    }

    internal static Refusal Malformed(JsonException wrong) => new(
        RefusalKind.Invalid,
        "MALFORMED_JSON",
        $"The body is not valid at line {wrong.LineNumber.GetValueOrDefault() + 1}, byte {wrong.BytePositionInLine.GetValueOrDefault()}.",
        wrong.Path ?? "$",
        "Compare the body with /openapi.json.");
}
