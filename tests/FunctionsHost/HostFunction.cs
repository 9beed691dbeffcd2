using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FunctionsHost.Protocol;

namespace FunctionsHost;

/// <summary>A function as the worker reported it.</summary>
public sealed partial class HostFunction
{
    private readonly RpcFunctionMetadata metadata;
    private readonly JsonObject trigger;

    internal HostFunction(RpcFunctionMetadata metadata)
    {
        this.metadata = metadata;
        Bindings = [.. metadata.RawBindings.Select(binding => JsonNode.Parse(binding)!.AsObject())];
        trigger = Bindings.First(binding => ((string)binding["type"]!).EndsWith("Trigger", StringComparison.OrdinalIgnoreCase));
    }

    public string Name => metadata.Name;

    public string EntryPoint => metadata.EntryPoint;

    /// <summary>Each binding as the worker described it.</summary>
    public IReadOnlyList<JsonObject> Bindings { get; }

    /// <summary>The reason why the function can't run: the worker didn't load it, or a setting of its trigger is missing.</summary>
    public string? Error { get; internal set; }

    public bool IsHttp => IsTriggeredBy("httpTrigger");

    public bool IsTimer => IsTriggeredBy("timerTrigger");

    public bool IsQueue => IsTriggeredBy("serviceBusTrigger");

    internal string Id => metadata.FunctionId;

    internal string TriggerName => (string)trigger["name"]!;

    internal string? Route => (string?)trigger["route"];

    internal string[]? Methods =>
        trigger["methods"] is JsonArray { Count: > 0 } methods ? [.. methods.Select(method => (string)method!)] : null;

    internal bool IsBatched => (string?)trigger["cardinality"] == "Many";

    internal bool IsBinary => (string?)trigger["dataType"] == "Binary";

    /// <summary>A property of the trigger, with each %NAME% replaced by the setting.</summary>
    /// <returns>Null if a setting is missing; <see cref="Error"/> then has the reason.</returns>
    internal string? Resolve(string property, HostOptions options)
    {
        var text = (string)trigger[property]!;
        var missing = Placeholder().Matches(text).FirstOrDefault(match => string.IsNullOrEmpty(options.Setting(match.Groups[1].Value)));
        if (missing is null)
            return Placeholder().Replace(text, match => options.Setting(match.Groups[1].Value)!);
        Error = $"'{missing.Value}' does not resolve to a value.";
        return null;
    }

    /// <summary>The load request as the host sends it: the worker's description of the function, and its bindings as messages.</summary>
    internal FunctionLoadRequest LoadRequest()
    {
        var sent = new RpcFunctionMetadata
        {
            Name = metadata.Name,
            Directory = metadata.Directory,
            EntryPoint = metadata.EntryPoint,
            ScriptFile = metadata.ScriptFile,
        };
        sent.Properties.Add(metadata.Properties);
        foreach (var binding in Bindings)
        {
            sent.Bindings.Add((string)binding["name"]!, new BindingInfo
            {
                Type = (string)binding["type"]!,
                Direction = Enum.Parse<BindingInfo.Types.Direction>((string)binding["direction"]!, ignoreCase: true),
                DataType = Enum.Parse<BindingInfo.Types.DataType>((string?)binding["dataType"] ?? "Undefined", ignoreCase: true),
            });
        }

        return new FunctionLoadRequest { FunctionId = Id, Metadata = sent };
    }

    private bool IsTriggeredBy(string type) => type.Equals((string?)trigger["type"], StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("%([^%]+)%")]
    private static partial Regex Placeholder();
}
