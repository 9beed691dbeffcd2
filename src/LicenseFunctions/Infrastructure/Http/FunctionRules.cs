using System.Collections.Frozen;
using System.Reflection;
using LicenseFunctions.Infrastructure.Database;
using Microsoft.Azure.Functions.Worker;
using StandaloneHost;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>The roles that may call an HTTP function. Nobody may call a function without this attribute.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AccessAttribute(params CallerRole[] roles) : Attribute
{
    public IReadOnlyList<CallerRole> Roles { get; } = roles;
}

/// <summary>The largest request body of an HTTP function, in bytes; 64 KiB without this attribute.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BodyLimitAttribute(int bytes) : Attribute
{
    public int Bytes { get; } = bytes;
}

/// <summary>Excludes an HTTP function from the rate limits: for probes, and for functions that count requests themselves.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnlimitedAttribute : Attribute;

/// <summary>
/// The database connections of an HTTP function; <see cref="DatabasePool.Requests"/> without this attribute. A function in another pool
/// begins its own <see cref="DatabaseScope"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PoolAttribute(DatabasePool pool) : Attribute
{
    public DatabasePool Pool { get; } = pool;
}

/// <summary>The description of an HTTP function in /openapi.json.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OperationAttribute(string summary) : Attribute
{
    public string Summary { get; } = summary;

    /// <summary>The type of the JSON request body; null if there is none.</summary>
    public Type? Body { get; init; }

    /// <summary>The type of the JSON answer; null if the answer isn't JSON.</summary>
    public Type? Reply { get; init; }

    /// <summary>
    /// The media type of an answer that is not JSON. If <see cref="Reply"/> is set, the caller may request this type instead of JSON.
    /// </summary>
    public string? Media { get; init; }

    public int Status { get; init; } = 200;

    /// <summary>Other statuses whose answer has the type <see cref="Reply"/> instead of a problem.</summary>
    public int[] OtherStatuses { get; init; } = [];

    public bool IsBodyOptional { get; init; }

    /// <summary>Query parameters, by name. RequestGate refuses others if the function is a list.</summary>
    public string[] Query { get; init; } = [];
}

/// <summary>The attributes of one function.</summary>
/// <param name="Roles">One bit for each role that may call; 0 for none.</param>
/// <param name="BodyLimit">In bytes.</param>
/// <param name="Limited">Whether the rate limits count it.</param>
/// <param name="Pool">Its database connections.</param>
/// <param name="ListQuery">The query parameters of a list; null for other functions, which ignore those that they don't know.</param>
public sealed record FunctionRule(
    string Name, int Roles, int BodyLimit, bool Limited, DatabasePool Pool, IReadOnlyList<string>? ListQuery)
{
    public const int DefaultBodyLimit = 64 * 1024;

    public bool Allows(CallerRole role) => (Roles & (1 << (int)role)) != 0;

    /// <summary>The functions of this assembly.</summary>
    public static IEnumerable<(string Name, MethodInfo Method)> Functions() => Functions(typeof(FunctionRule).Assembly);

    internal static IEnumerable<(string Name, MethodInfo Method)> Functions(Assembly assembly) =>
        from type in FunctionTypes.Of(assembly)
        from method in type.GetMethods()
        let function = method.GetCustomAttribute<FunctionAttribute>()
        where function is not null
        select (function.Name, method);

    // A timer or queue function has an HttpContext only if an operator runs it manually with the host's admin endpoint.
    public static FunctionRule Of(string name, MethodInfo method)
    {
        var trigger = method.GetParameters().Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>())
            .FirstOrDefault(found => found is not null);
        var roles = trigger is null ? [CallerRole.Operator] : method.GetCustomAttribute<AccessAttribute>()?.Roles ?? [];
        var query = method.GetCustomAttribute<OperationAttribute>()?.Query ?? [];
        // Other sites add parameters to links, so what is read without a credential ignores them.
        var isList = trigger?.Methods is ["get"] && query.Contains("limit") && !roles.Contains(CallerRole.Anonymous);
        return new FunctionRule(
            name,
            roles.Aggregate(0, (bits, role) => bits | (1 << (int)role)),
            method.GetCustomAttribute<BodyLimitAttribute>()?.Bytes ?? DefaultBodyLimit,
            method.GetCustomAttribute<UnlimitedAttribute>() is null,
            method.GetCustomAttribute<PoolAttribute>()?.Pool ?? DatabasePool.Requests,
            isList ? query : null);
    }
}

/// <summary>The rules of every function that this process runs.</summary>
/// <param name="furtherAssemblies">Assemblies with functions, in addition to this one.</param>
public sealed class FunctionRules(params Assembly[] furtherAssemblies)
{
    private readonly FrozenDictionary<string, FunctionRule> rules = FunctionRule.Functions()
        .Concat(furtherAssemblies.SelectMany(FunctionRule.Functions))
        .Select(function => FunctionRule.Of(function.Name, function.Method))
        .ToFrozenDictionary(rule => rule.Name);

    /// <returns>Null if no function has this name.</returns>
    public FunctionRule? Find(string name) => rules.GetValueOrDefault(name);
}
