using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Maps HTTP functions to endpoints below routePrefix, as the official FunctionsEndpointDataSource does.</summary>
internal static class HttpFunctions
{
    /// <summary>Maps the HTTP functions. The first function whose route matches answers, in the given order.</summary>
    public static void Map(
        IEndpointRouteBuilder endpoints, WorkerFunction[] functions, string routePrefix, FunctionExecutionDelegate pipeline, ILogger logger)
    {
        var routes = functions.Where(function => function.Trigger is HttpTriggerAttribute)
            .Select(function => Route(function, routePrefix)).ToArray();
        RouteOrder.RefuseUnreachable(routes, endpoints.ServiceProvider.GetRequiredService<ParameterPolicyFactory>());
        for (var order = 0; order < routes.Length; order++)
        {
            var endpoint = endpoints
                .Map(routes[order].Pattern, Serve(routes[order].Function, pipeline, logger))
                .WithDisplayName(routes[order].Function.Name)
                .WithOrder(order);
            if (routes[order].Methods is { Count: > 0 } methods)
                endpoint.WithMetadata(new HttpMethodMetadata(methods));
        }
    }

    /// <summary>
    /// Answers 404 instead of 405: the Functions host constrains a route by its methods (WebScriptHostHttpRoutesManager).
    /// </summary>
    public static Task HideWrongMethod(HttpContext http, RequestDelegate next)
    {
        if (http.GetEndpoint()?.DisplayName != "405 HTTP Method Not Supported")
            return next(http);
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    public static RoutePattern Pattern(string name, HttpTriggerAttribute trigger, string routePrefix)
    {
        if (trigger.AuthLevel != AuthorizationLevel.Anonymous)
            throw new StartRefusedException(
                $"Function {name}: level {trigger.AuthLevel} requires a function key, and StandaloneHost has no keys. Use " +
                "AuthorizationLevel.Anonymous and authorize in middleware.");
        var route = trigger.Route ?? name;
        // The rule of the Functions host: ScriptHost.ValidateHttpFunction.
        if (route.TrimStart('/').StartsWith("admin", StringComparison.OrdinalIgnoreCase)
            || route.TrimStart('/').StartsWith("runtime", StringComparison.OrdinalIgnoreCase))
            throw new StartRefusedException(
                $"Function {name}: route {route} begins with admin or runtime, which the Functions host reserves.");
        try
        {
            return RoutePatternFactory.Parse($"{routePrefix}/{route}".TrimStart('/'));
        }
        catch (RoutePatternException broken)
        {
            throw new StartRefusedException($"Function {name}: route {route} is not a valid template: {broken.Message}");
        }
    }

    public static RequestDelegate Serve(WorkerFunction function, FunctionExecutionDelegate pipeline, ILogger logger)
    {
        var name = function.Name;
        return async http =>
        {
            try
            {
                var run = new Invocation(function, http, null, null, default);
                await pipeline(run);
                // The official FunctionsHttpProxyingMiddleware is the outermost one: it writes the result after all others have returned.
                if (run.Result is IResult result)
                    await result.ExecuteAsync(http);
            }
            catch (Exception failure) when (http.IsClientGone(failure))
            {
                // The client has disconnected, so no answer is sent.
            }
            catch (Exception failure)
            {
                logger.LogError(failure, "Function {Function} failed", name);
                if (http.Response.HasStarted)
                {
                    http.Abort();
                    return;
                }

                http.Response.Clear();
                http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            }
        };
    }

    private static HttpRoute Route(WorkerFunction function, string routePrefix)
    {
        var trigger = (HttpTriggerAttribute)function.Trigger;
        return new HttpRoute(function, Pattern(function.Name, trigger, routePrefix), trigger.Methods ?? []);
    }
}

/// <summary>Recognizes the failures that a disconnected client causes.</summary>
public static class ClientDisconnects
{
    /// <summary>Whether the client of this request has disconnected. This is not an error, and no answer is sent.</summary>
    /// <param name="http">The request.</param>
    /// <param name="failure">The exception that serving it threw.</param>
    /// <param name="cancellation">
    /// The run's own token: a Functions host cancels it when the client disconnects, possibly before the request's own token.
    /// </param>
    public static bool IsClientGone(this HttpContext http, Exception failure, CancellationToken cancellation = default) =>
        failure is ConnectionResetException or ConnectionAbortedException
        || (failure is OperationCanceledException && (http.RequestAborted.IsCancellationRequested || cancellation.IsCancellationRequested));
}
