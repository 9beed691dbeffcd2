using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace FunctionsHost.Tests;

/// <param name="Path">With its query; sent unchanged.</param>
/// <param name="Body">An object is sent as JSON, a string unchanged.</param>
internal sealed record Input(string Path, object? Body = null, params (string Name, string Value)[] Headers)
{
    /// <param name="authorization">Value of the Authorization header, or null.</param>
    public HttpRequestMessage ToRequest(string method, Uri server, string? authorization)
    {
        var asItStands = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var request = new HttpRequestMessage(new HttpMethod(method), new Uri(server.AbsoluteUri.TrimEnd('/') + Path, asItStands));
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (Body is not null)
        {
            request.Content = new StringContent(Body as string ?? JsonSerializer.Serialize(Body), Encoding.UTF8);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return request;
    }
}

/// <summary>The part of a response that a client can see.</summary>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    /// <summary>Whether Content-Length is present and correct.</summary>
    public bool HasCorrectContentLength => Headers.GetValueOrDefault("Content-Length") == $"{Encoding.UTF8.GetByteCount(Body)}";

    public static async Task<Answer> OfAsync(HttpClient client, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // Reads only the headers, because after reading the body the client reports a Content-Length that the server didn't send.
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var headers = response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, headers, await response.Content.ReadAsStringAsync(cancellationToken));
    }
}
