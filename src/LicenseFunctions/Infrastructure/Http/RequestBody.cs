using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace LicenseFunctions.Infrastructure.Http;

public static partial class RequestBody
{
    /// <summary>The refusal of a body whose media type isn't JSON.</summary>
    internal static readonly Refusal NotJson = new(
        RefusalKind.Invalid, "NOT_JSON", "Content-Type must be application/json.", "Content-Type",
        "Send Content-Type: application/json.");

    /// <summary>Whether the request has no body: Content-Length is 0 or, as for curl -X POST, missing.</summary>
    public static bool HasNoBody(this HttpRequest request) =>
        request.ContentLength == 0
        || request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false };

    /// <summary>Decodes the body while it is read; at most <paramref name="limit"/> decoded bytes are read.</summary>
    /// <returns>The refusal of another content encoding than gzip.</returns>
    internal static Refusal? Decode(this HttpRequest request, int limit)
    {
        if (request.Headers.ContentEncoding.Count == 0 || request.HasNoBody())
            return null;
        var encoding = ContentEncoding.Parse(request.Headers.ContentEncoding.ToString());
        if (encoding.Unsupported is { } name)
        {
            return new Refusal(
                RefusalKind.UnsupportedMedia, "UNSUPPORTED_CONTENT_ENCODING", $"The content encoding {name} is not supported.",
                "Content-Encoding", "Send the body uncompressed, or compressed with gzip and Content-Encoding: gzip.");
        }

        if (encoding.IsGzip)
            request.Body = new LimitedBody(new GZipStream(request.Body, CompressionMode.Decompress), limit);
        request.Headers.Remove(HeaderNames.ContentEncoding);
        return null;
    }

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

    internal static Refusal Malformed(JsonException wrong) => Missing().Match(wrong.Message) is { Success: true, Groups: [_, var name] }
        ? new(
            RefusalKind.Invalid, "MALFORMED_JSON", $"{name.Value} is missing.",
            $"{wrong.Path ?? "$"}.{name.Value}".Replace("$.", "", StringComparison.Ordinal),
            "Compare the body with /openapi.json.")
        : Unreadable(wrong);

    // The exception names missing properties only in its text. A test notices if the text of a later version differs.
    [GeneratedRegex("missing required properties including: '([^']+)'")]
    private static partial Regex Missing();

    private static Refusal Unreadable(JsonException wrong) => new(
        RefusalKind.Invalid,
        "MALFORMED_JSON",
        $"The body is not valid at line {wrong.LineNumber.GetValueOrDefault() + 1}, byte {wrong.BytePositionInLine.GetValueOrDefault()}.",
        wrong.Path ?? "$",
        "Compare the body with /openapi.json.");
}
