using System.Text.Json;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace LicenseFunctions.Infrastructure.Http;

public static class RequestBody
{
    /// <summary>Whether nothing was sent, with a length of 0 or (as curl -X POST does) without one.</summary>
    public static bool HasNoBody(this HttpRequest request) =>
        request.ContentLength == 0
        || request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false };

    /// <summary>Reads the JSON body; what isn't JSON of that shape is a refusal that names the place.</summary>
    public static async ValueTask<Outcome<T>> ReadAsync<T>(this HttpRequest request, CancellationToken cancellationToken)
        where T : class
    {
        if (!request.HasJsonContentType())
            return new Refusal(RefusalKind.Invalid, "NOT_JSON", "The body isn't said to be JSON.", "Content-Type", "Send Content-Type: application/json.");
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
        $"The body can't be read at line {wrong.LineNumber.GetValueOrDefault() + 1}, byte {wrong.BytePositionInLine.GetValueOrDefault()}.",
        wrong.Path ?? "$",
        "Compare the body with /openapi.json.");
}
