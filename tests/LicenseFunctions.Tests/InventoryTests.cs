using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Tests.Support;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>
/// functions.inventory.json contains the bindings of each function, as the official metadata generator describes them to the host.
/// <c>REWRITE_INVENTORY=1 ./dev test Inventory</c> regenerates it.
/// </summary>
public sealed class InventoryTests
{
    private static string File => Path.Combine(Repository.Root, "src/LicenseFunctions/functions.inventory.json");

    [Fact]
    public void Inventory_EqualsTheAttributes()
    {
        var functions = typeof(SettingReader).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null);
        var inventory = $$"""
            {
            "functions": [
            {{Describe(functions)}}
            ]
            }

            """;
        if (Environment.GetEnvironmentVariable("REWRITE_INVENTORY") == "1")
            System.IO.File.WriteAllText(File, inventory);

        Assert.True(inventory == System.IO.File.ReadAllText(File),
            "functions.inventory.json differs from the attributes. REWRITE_INVENTORY=1 ./dev test Inventory regenerates it; " +
            "review the difference.");
    }

    /// <summary>The official generator writes functions.metadata during the build; a host without worker indexing reads it.</summary>
    [Fact]
    public void Metadata_OfTheOfficialGenerator_EqualsTheInventory()
    {
        static IEnumerable<string> Bindings(JsonNode functions) => functions.AsArray()
            .SelectMany(function => function!["bindings"]!.AsArray().Select(binding =>
                $"{function["name"]} {function["entryPoint"]} {string.Join(' ', binding!.AsObject()
                    .Where(property => property.Key != "properties")
                    .Select(property => $"{property.Key}={property.Value?.ToJsonString()}").Order(StringComparer.Ordinal))}"))
            .Order(StringComparer.Ordinal);

        var generated = JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "functions.metadata")))!;
        var inventory = JsonNode.Parse(System.IO.File.ReadAllText(File))!["functions"]!;

        Assert.Equal(120, generated.AsArray().Count);
        Assert.Equal(Bindings(inventory), Bindings(generated));
    }

    [Fact]
    public void Functions_OfDevRun_AreTheDemoSignIn()
    {
        var added = FunctionTable.Read(typeof(DevServices.DemoSignInFunctions).Assembly.GetTypes());

        Assert.Equal(["ListDemoPersons", "SignInAsDemoPerson"], added.Select(function => function.Name));
        Assert.Equal(122, FunctionTable.Read(
            [.. typeof(SettingReader).Assembly.GetTypes(), .. typeof(DevServices.DemoSignInFunctions).Assembly.GetTypes()]).Length);
    }

    /// <summary>One line per function and per binding.</summary>
    private static string Describe(IEnumerable<MethodInfo> functions) => string.Join(",\n", functions
        .Select(method => (Method: method, method.GetCustomAttribute<FunctionAttribute>()!.Name))
        .OrderBy(function => function.Name, StringComparer.Ordinal)
        .Select(function => $$"""
              {"name": "{{function.Name}}", "entryPoint": "{{EntryPoint(function.Method)}}", "bindings": [
                {{string.Join(",\n    ", Bindings(function.Method).Select(binding => binding.ToJsonString()))}}]}
            """));

    private static string EntryPoint(MethodInfo method) => $"{method.DeclaringType!.FullName}.{method.Name}";

    private static IEnumerable<JsonObject> Bindings(MethodInfo method)
    {
        var (parameter, trigger) = method.GetParameters()
            .SelectMany(parameter => parameter.CustomAttributes.Select(attribute => (parameter, attribute)))
            .Single(bound => typeof(TriggerBindingAttribute).IsAssignableFrom(bound.attribute.AttributeType));
        yield return Binding(parameter, trigger);
        if (trigger.AttributeType == typeof(HttpTriggerAttribute))
            yield return new JsonObject { ["name"] = "$return", ["type"] = "http", ["direction"] = "Out" };
    }

    /// <summary>
    /// The values of the attribute by the names of its parameters and properties, as FunctionMetadataProviderGenerator.Parser writes them.
    /// </summary>
    private static JsonObject Binding(ParameterInfo parameter, CustomAttributeData trigger)
    {
        var type = trigger.AttributeType.Name[..^"Attribute".Length];
        var binding = new JsonObject
        {
            ["name"] = parameter.Name,
            ["type"] = JsonNamingPolicy.CamelCase.ConvertName(type),
            ["direction"] = "In"
        };
        foreach (var (argument, value) in trigger.Constructor.GetParameters().Zip(trigger.ConstructorArguments))
            binding[argument.Name!] = Value(value);
        foreach (var named in trigger.NamedArguments)
        {
            if (named.MemberName == nameof(ServiceBusTriggerAttribute.IsBatched))
                binding["cardinality"] = (bool)named.TypedValue.Value! ? "Many" : "One";
            else
                binding[JsonNamingPolicy.CamelCase.ConvertName(named.MemberName)] = Value(named.TypedValue);
        }

        if (DataType(parameter.ParameterType) is { } dataType)
            binding["dataType"] = dataType;
        return binding;
    }

    private static JsonNode? Value(CustomAttributeTypedArgument argument) => argument switch
    {
        { ArgumentType.IsEnum: true } => Enum.GetName(argument.ArgumentType, argument.Value!),
        { Value: IReadOnlyCollection<CustomAttributeTypedArgument> several } => new JsonArray([.. several.Select(Value)]),
        _ => JsonSerializer.SerializeToNode(argument.Value),
    };

    private static string? DataType(Type type) =>
        type == typeof(string) || type == typeof(string[]) ? "String"
        : type == typeof(byte[]) || type == typeof(byte[][]) || type == typeof(ReadOnlyMemory<byte>)
            || type == typeof(ReadOnlyMemory<byte>[]) ? "Binary"
        : null;
}
