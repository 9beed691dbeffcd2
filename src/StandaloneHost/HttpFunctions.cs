using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>HTTP functions as endpoints: the route below routePrefix, as FunctionsEndpointDataSource maps it.</summary>
internal static class HttpFunctions
{
    public static void Map(
        IEndpointRouteBuilder endpoints, WorkerFunction[] functions, string routePrefix, FunctionExecutionDelegate pipeline, ILogger logger)
    {
        RefuseConflicts(functions);
        foreach (var function in functions)
        {
            if (function.Trigger is not HttpTriggerAttribute trigger)
                continue;
            var endpoint = endpoints
                .Map(Pattern(function.Name, trigger, routePrefix), Serve(function, pipeline, logger))
                .WithDisplayName(function.Name);
            if (trigger.Methods is { Length: > 0 } methods)
                endpoint.WithMetadata(new HttpMethodMetadata(methods));
        }
    }

    /// <summary>The host constrains a route by its methods, so a wrong one is an unknown route (WebScriptHostHttpRoutesManager).</summary>
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
                $"Function {name}: level {trigger.AuthLevel} asks for a function key, and here are none; use " +
                "AuthorizationLevel.Anonymous and authorise in middleware.");
        var route = trigger.Route ?? name;
        // The host's own (ScriptHost.ValidateHttpFunction).
        if (route.TrimStart('/').StartsWith("admin", StringComparison.OrdinalIgnoreCase)
            || route.TrimStart('/').StartsWith("runtime", StringComparison.OrdinalIgnoreCase))
            throw new StartRefusedException(
                $"Function {name}: route {route} begins with admin or runtime, which the host keeps for itself.");
        try
        {
            return RoutePatternFactory.Parse($"{routePrefix}/{route}".TrimStart('/'));
        }
        catch (RoutePatternException broken)
        {
            throw new StartRefusedException($"Function {name}: route {route} isn't a template: {broken.Message}");
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
                // The official FunctionsHttpProxyingMiddleware, outermost, writes the result when all middleware has returned.
                if (run.Result is IResult result)
                    await result.ExecuteAsync(http);
            }
            catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
            {
                // The caller has gone: nobody is left to answer, and nothing is wrong here.
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

    /// <summary>ScriptHost.HttpRoutesConflict: the same route, and a method in common; none said is all of them.</summary>
    private static void RefuseConflicts(WorkerFunction[] functions)
    {
        for (var i = 0; i < functions.Length; i++)
        {
            if (Array.Find(functions[..i], earlier => Conflict(earlier, functions[i])) is { } taken)
                throw new StartRefusedException(
                    $"Function {functions[i].Name}: its route is answered by function {taken.Name} already, with a method in common.");
        }

        static bool Conflict(WorkerFunction one, WorkerFunction other) =>
            one.Trigger is HttpTriggerAttribute left && other.Trigger is HttpTriggerAttribute right
            && (left.Route ?? one.Name).Trim('/').Equals((right.Route ?? other.Name).Trim('/'), StringComparison.OrdinalIgnoreCase)
            && (left.Methods is not { Length: > 0 } || right.Methods is not { Length: > 0 }
                || left.Methods.Intersect(right.Methods, StringComparer.OrdinalIgnoreCase).Any());
    }
}
