using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace LocalWorker;

/// <summary>HTTP functions as endpoints: the route below routePrefix, as FunctionsEndpointDataSource maps it.</summary>
internal static class HttpFunctions
{
    public static void Map(IEndpointRouteBuilder endpoints, WorkerFunction[] functions, string routePrefix, FunctionExecutionDelegate pipeline, ILogger logger)
    {
        foreach (var function in functions)
        {
            if (function.Trigger is not HttpTriggerAttribute trigger)
                continue;
            var endpoint = endpoints.Map(Pattern(function.Name, trigger, routePrefix), Serve(function, pipeline, logger)).WithDisplayName(function.Name);
            if (trigger.Methods is { Length: > 0 } methods)
                endpoint.WithMetadata(new HttpMethodMetadata(methods));
        }
    }

    public static RoutePattern Pattern(string name, HttpTriggerAttribute trigger, string routePrefix)
    {
        if (trigger.AuthLevel != AuthorizationLevel.Anonymous)
            throw new StartRefusedException($"Function {name}: level {trigger.AuthLevel} asks for a function key, and here are none; use AuthorizationLevel.Anonymous and authorise in middleware.");
        var route = trigger.Route ?? name;
        // The host's own (ScriptHost.ValidateHttpFunction).
        if (route.TrimStart('/').StartsWith("admin", StringComparison.OrdinalIgnoreCase) || route.TrimStart('/').StartsWith("runtime", StringComparison.OrdinalIgnoreCase))
            throw new StartRefusedException($"Function {name}: route {route} begins with admin or runtime, which the host keeps for itself.");
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
                // Outside the pipeline, as the official FunctionsHttpProxyingMiddleware, outermost, writes the result when all have returned.
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
}
