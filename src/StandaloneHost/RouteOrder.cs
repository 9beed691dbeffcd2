using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace StandaloneHost;

/// <param name="Methods">Empty for all methods.</param>
internal sealed record HttpRoute(WorkerFunction Function, RoutePattern Pattern, IReadOnlyList<string> Methods);

/// <summary>
/// The Functions host tries the routes in the order of the functions' names, and the first match answers (WebJobsRouter). If an earlier
/// route matches all paths of a later route, the later one is never reached there, even if it is more specific.
/// </summary>
internal static class RouteOrder
{
    /// <exception cref="StartRefusedException">A route is never reached by one of its methods.</exception>
    public static void RefuseUnreachable(HttpRoute[] routes, ParameterPolicyFactory policies)
    {
        for (var i = 1; i < routes.Length; i++)
        {
            var later = routes[i];
            if (Array.Find(routes[..i], earlier => SharesAMethod(earlier, later) && Covers(earlier.Pattern, later.Pattern, policies))
                is not { } taken)
                continue;
            throw new StartRefusedException(
                $"Function {later.Function.Name}: function {taken.Function.Name} already answers its route. " +
                "They share a method, and the first match in the order of the functions' names answers. Rename one or change a route.");
        }
    }

    private static bool SharesAMethod(HttpRoute one, HttpRoute other) =>
        one.Methods.Count == 0 || other.Methods.Count == 0 || one.Methods.Intersect(other.Methods, StringComparer.OrdinalIgnoreCase).Any();

    /// <summary>Whether every path that matches the later pattern matches the earlier one.</summary>
    private static bool Covers(RoutePattern earlier, RoutePattern later, ParameterPolicyFactory policies)
    {
        for (var i = 0; ; i++)
        {
            var (wide, narrow) = (Part(earlier, i), Part(later, i));
            if (wide is null)
                return narrow is null;
            if (wide is RoutePatternParameterPart { IsCatchAll: true } rest)
                return rest.ParameterPolicies.Count == 0;
            if (narrow is null)
                return IsOptional(wide);
            // A path may end before an optional part of the later route, or continue in its catch-all: the earlier route must match it too.
            if ((IsOptional(narrow) && !IsOptional(wide)) || !CoversPart(wide, narrow, policies))
                return false;
        }
    }

    /// <summary>Null after the last part.</summary>
    private static RoutePatternPart? Part(RoutePattern pattern, int index) =>
        index >= pattern.PathSegments.Count ? null
        : pattern.PathSegments[index] is { IsSimple: true } segment ? segment.Parts[0]
        // Several parts in one segment, such as {name}.{ext}, are compared as a whole.
        : RoutePatternFactory.LiteralPart(string.Concat(pattern.PathSegments[index].Parts.Select(Text)));

    private static bool CoversPart(RoutePatternPart wide, RoutePatternPart narrow, ParameterPolicyFactory policies) => (wide, narrow) switch
    {
        (_, RoutePatternParameterPart { IsCatchAll: true }) => false,
        (RoutePatternLiteralPart one, RoutePatternLiteralPart other) =>
            one.Content.Equals(other.Content, StringComparison.OrdinalIgnoreCase),
        (RoutePatternParameterPart one, RoutePatternLiteralPart other) =>
            one.ParameterPolicies.All(policy => Allows(policies.Create(one, policy), one.Name, other.Content)),
        (RoutePatternParameterPart one, RoutePatternParameterPart other) =>
            one.ParameterPolicies.All(policy => other.ParameterPolicies.Any(same => same.Content == policy.Content)),
        _ => false,
    };

    private static bool Allows(IParameterPolicy policy, string name, string value) =>
        policy is not IRouteConstraint constraint
        || constraint.Match(null, null, name, new RouteValueDictionary { [name] = value }, RouteDirection.IncomingRequest);

    private static bool IsOptional(RoutePatternPart part) =>
        part is RoutePatternParameterPart parameter && (parameter.IsOptional || parameter.IsCatchAll || parameter.Default is not null);

    private static string Text(RoutePatternPart part) => part switch
    {
        RoutePatternLiteralPart literal => literal.Content,
        RoutePatternSeparatorPart separator => separator.Content,
        RoutePatternParameterPart parameter => $"{{{string.Join(':', parameter.ParameterPolicies.Select(policy => policy.Content))}}}",
        _ => "",
    };
}
