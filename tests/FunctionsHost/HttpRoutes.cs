using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.Extensions.DependencyInjection;

namespace FunctionsHost;

/// <summary>
/// Finds the HTTP function for a request as the host's WebScriptHostHttpRoutesManager and WebJobsRouter do: routes are tried in the order
/// of the functions, and the first match is used. A route does not match a request with another method.
/// </summary>
internal sealed class HttpRoutes
{
    private readonly RouteCollection routes = new();

    public HttpRoutes(IEnumerable<HostFunction> functions, string routePrefix, IServiceProvider services)
    {
        var constraints = services.GetRequiredService<IInlineConstraintResolver>();
        foreach (var function in functions.Where(function => function.IsHttp))
        {
            var route = string.IsNullOrEmpty(function.Route) ? function.Name : function.Route;
            routes.Add(new Route(
                new RouteHandler(http =>
                {
                    http.Features.Set(function);
                    return Task.CompletedTask;
                }),
                function.Name,
                routePrefix.Length == 0 ? route : $"{routePrefix}/{route}",
                defaults: null,
                constraints: function.Methods is { } methods
                    ? new Dictionary<string, object> { ["httpMethod"] = new HttpMethodRouteConstraint(methods) }
                    : [],
                dataTokens: null,
                constraints));
        }
    }

    public async Task<(HostFunction? Function, RouteValueDictionary Values)> MatchAsync(HttpContext http)
    {
        var context = new RouteContext(http);
        await routes.RouteAsync(context);
        if (context.Handler is null)
            return (null, []);
        await context.Handler(http);
        return (http.Features.Get<HostFunction>(), context.RouteData.Values);
    }
}
