using System.IO.Compression;
using System.Text.Json;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

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

    /// <summary>Reads the JSON object of the body. A refusal names the wrong field and what is expected.</summary>
    public static async ValueTask<Outcome<T>> ReadAsync<T>(this HttpRequest request, CancellationToken cancellationToken)
        where T : class
    {
        if (!request.HasJsonContentType())
            return NotJson;
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellationToken);
        return Parse<T>(new ReadOnlyMemory<byte>(body.GetBuffer(), 0, (int)body.Length));
    }

    /// <inheritdoc cref="ReadAsync"/>
    public static Outcome<T> Parse<T>(ReadOnlyMemory<byte> body)
        where T : class
    {
        var length = JsonText.Trim(body.Span, out var start).Length;
        if (length == 0)
            return Empty;
        var text = body.Slice(start, length);
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.ValueKind is not JsonValueKind.Object)
                return NotAnObject;
            try
            {
                return json.RootElement.Deserialize<T>(Json.Options)!;
            }
            catch (JsonException wrong)
            {
                return new BodyFault(typeof(T), json.RootElement).ToRefusal(wrong);
            }
        }
        catch (JsonException wrong)
        {
            return Malformed(wrong);
        }
    }

    /// <summary>The refusal of JSON that is not an object, where one is expected.</summary>
    internal static readonly Refusal NotAnObject = new(
        RefusalKind.Invalid, "NOT_AN_OBJECT", "The body must be a JSON object.", "$", "Send {…} with the fields in /openapi.json.");

    /// <summary>The refusal of a missing body.</summary>
    internal static readonly Refusal Empty = new(
        RefusalKind.Invalid, "MALFORMED_JSON", "The body is empty.", "$", "Send {…} with the fields in /openapi.json.");

    /// <summary>The refusal of a body that is not JSON.</summary>
    internal static Refusal Malformed(JsonException wrong) => new(
        RefusalKind.Invalid,
        "MALFORMED_JSON",
        $"The body is not valid JSON at line {wrong.LineNumber.GetValueOrDefault() + 1}, "
            + $"byte {wrong.BytePositionInLine.GetValueOrDefault()}.",
        "$",
        "Check quotes, commas and brackets. /openapi.json describes the body.");
}
