using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FunctionsHost.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Yarp.ReverseProxy.Forwarder;

namespace FunctionsHost;

/// <summary>
/// Forwards a request to the worker as the host's DefaultHttpProxyService does: YARP forwards the request itself with its default
/// transform, the gRPC stream names the function, and the header x-ms-invocation-id connects the two.
/// </summary>
internal sealed class HttpTrigger(Invoker invoker, IHttpForwarder forwarder, HttpRoutes routes, Uri worker) : IDisposable
{
    private const string InvocationHeader = "x-ms-invocation-id";

    private static readonly ForwarderRequestConfig Forwarding = new() { ActivityTimeout = TimeSpan.FromSeconds(240) };
    private static readonly TypedData Request = new() { Http = new RpcHttp() };

    private readonly HttpMessageInvoker client =
        new(new RetryHandler(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }));

    private readonly string target = worker.ToString();

    public async Task ServeAsync(HttpContext http)
    {
        var (function, route) = await routes.MatchAsync(http);
        if (function is null)
        {
            // If no function matches /, the host answers 204 (with AzureWebJobsDisableHomepage, which the deployment sets).
            http.Response.StatusCode = http.Request.Path == "/" ? StatusCodes.Status204NoContent : StatusCodes.Status404NotFound;
            return;
        }

        // The host reads a body with Content-Length before the run, because bindings may use data from it.
        var body = http.Request.ContentLength > 0 ? await ReadAsync(http.Request) : null;
        using var activity = new Activity("Invoke");
        if (http.Request.Headers.TraceParent is [{ } parent])
            activity.SetParentId(parent);
        activity.Start();

        var invocationId = Guid.NewGuid().ToString();
        http.Request.Headers.TryAdd(InvocationHeader, invocationId);
        var failure = await invoker.RunAsync(
            function, invocationId, Request, BindingData(http.Request, route, body), () => ForwardAsync(http), http.RequestAborted);
        if (failure is null)
            return;

        // As the host's ExceptionMiddleware: a failed run is a 500, unless the response has started.
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        http.Response.Clear();
        http.Response.StatusCode = StatusCodes.Status500InternalServerError;
    }

    public void Dispose() => client.Dispose();

    private async Task<string?> ForwardAsync(HttpContext http)
    {
        var error = await forwarder.SendAsync(http, target, client, Forwarding);
        return error == ForwarderError.None ? null : $"Failed to proxy request with ForwarderError: {error}";
    }

    private static async Task<string> ReadAsync(HttpRequest request)
    {
        request.EnableBuffering();
        using var reader = new StreamReader(request.Body, Encoding.UTF8, leaveOpen: true);
        var body = await reader.ReadToEndAsync(request.HttpContext.RequestAborted);
        request.Body.Position = 0;
        return body;
    }

    /// <summary>
    /// The binding data of the host's HttpTriggerBinding: members of a JSON body, then the query, then the route; later ones override
    /// earlier ones. Query and headers are also added as a whole, unless a member already has that name.
    /// </summary>
    private static Dictionary<string, TypedData> BindingData(HttpRequest request, RouteValueDictionary route, string? body)
    {
        var data = new Dictionary<string, TypedData?>(StringComparer.OrdinalIgnoreCase);
        AddMembers(data, body);
        foreach (var (name, value) in request.Query)
        {
            if (!name.Equals("code", StringComparison.OrdinalIgnoreCase))
                data[name] = new TypedData { String = value.ToString() };
        }

        // An optional route value that the path lacks still removes a member or query value of the same name.
        foreach (var (name, value) in route)
            data[name] = value is null ? null : new TypedData { String = value.ToString() };
        data.TryAdd("Query", Json(request.Query.Select(pair => (pair.Key, pair.Value.ToString()))));
        data.TryAdd("Headers", Json(request.Headers.Select(pair => (pair.Key, pair.Value.ToString()))));
        return data.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Key, pair => pair.Value!);
    }

    private static void AddMembers(Dictionary<string, TypedData?> data, string? body)
    {
        if (body?.TrimStart().StartsWith('{') is not true)
            return;
        try
        {
            using var json = JsonDocument.Parse(body);
            foreach (var member in json.RootElement.EnumerateObject())
            {
                switch (member.Value.ValueKind)
                {
                    case JsonValueKind.Object:
                        data[member.Name] = new TypedData { Json = member.Value.GetRawText() };
                        break;
                    case JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                        data[member.Name] = new TypedData { String = member.Value.ToString() };
                        break;
                }
            }
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            // Invalid JSON or invalid Unicode: there is no such data.
        }
    }

    private static TypedData Json(IEnumerable<(string Name, string Value)> pairs) =>
        new() { Json = JsonSerializer.Serialize(pairs.ToDictionary(pair => pair.Name, pair => pair.Value)) };

    /// <summary>Retries as the host does if the worker doesn't accept the connection: ten attempts, 50 to 250 ms apart.</summary>
    private sealed class RetryHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            for (var (tries, pause) = (1, 50); ; tries++, pause = Math.Min(pause * 2, 250))
            {
                try
                {
                    return await base.SendAsync(request, cancellationToken);
                }
                catch (HttpRequestException) when (tries < 10)
                {
                    await Task.Delay(pause, cancellationToken);
                }
            }
        }
    }
}
