using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace StandaloneHost;

/// <summary>
/// Finds the functions of the assemblies, sorted by name without regard to case, as the Functions host sorts them
/// (FunctionMetadataManager). Refuses functions that the Functions host would run differently.
/// </summary>
internal static class FunctionTable
{
    public static WorkerFunction[] Read(IEnumerable<Type> types)
    {
        var functions = types
            .Where(type => type is { IsAbstract: false, IsGenericTypeDefinition: false } or { IsAbstract: true, IsSealed: true })
            .SelectMany(type => type.GetMethods(
                BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Select(method => (Method: method, Name: method.GetCustomAttribute<FunctionAttribute>()?.Name))
            .Where(found => found.Name is not null)
            .Select(found => Read(found.Method, found.Name!))
            .OrderBy(function => function.Name, StringComparer.OrdinalIgnoreCase)
            .ToArray();

        // The host's names are case-insensitive.
        var twice = functions.GroupBy(function => function.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1);
        return twice is null
            ? functions
            : throw new StartRefusedException(
                $"Function {twice.Key}: two functions have this name: " +
                $"{string.Join(" and ", twice.Select(function => function.EntryPoint))}.");
    }

    private static WorkerFunction Read(MethodInfo method, string name)
    {
        // The rule of the Functions host: Utility.FunctionNameValidationRegex.
        if (name.Length is 0 or > 128 || name.Equals("host", StringComparison.OrdinalIgnoreCase) || !char.IsAsciiLetter(name[0])
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new StartRefusedException(
                $"Function {name}: the name must consist of letters, digits, - and _, and begin with a letter, e.g. ScanUsage.");

        if (!method.IsPublic)
        {
            throw new StartRefusedException(
                $"Function {name}: {method.DeclaringType!.Name}.{method.Name} isn't public, so the Functions host would not find it.");
        }

        var triggers = method.GetParameters().Where(parameter => Trigger(parameter) is not null).ToArray();
        if (triggers.Length != 1)
        {
            throw new StartRefusedException(
                $"Function {name}: the method has {triggers.Length} trigger parameters; it must have exactly one, " +
                "e.g. [HttpTrigger(AuthorizationLevel.Anonymous, \"get\")] HttpRequest request.");
        }

        var trigger = Trigger(triggers[0])!;
        return new(name, method, trigger, triggers[0], FunctionCall.Build(name, method, trigger, triggers[0]));
    }

    private static TriggerBindingAttribute? Trigger(ParameterInfo parameter) => parameter.GetCustomAttribute<TriggerBindingAttribute>();
}
