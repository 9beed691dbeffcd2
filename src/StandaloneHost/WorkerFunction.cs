using System.Collections.Immutable;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace StandaloneHost;

/// <summary>A function of the application: its name, its trigger, and the call of its method.</summary>
internal sealed class WorkerFunction(
    string name, MethodInfo method, TriggerBindingAttribute trigger, ParameterInfo triggered, Func<Invocation, Task> call)
    : FunctionDefinition
{
    public TriggerBindingAttribute Trigger => trigger;

    /// <summary>The class that declares the method.</summary>
    public Type Type => method.DeclaringType!;

    /// <summary>Creates the instance, binds the parameters, calls the method, and stores its result.</summary>
    public Func<Invocation, Task> Call => call;

    public override string Name => name;

    public override string Id => name;

    public override string PathToAssembly => Type.Assembly.Location;

    public override string EntryPoint { get; } = $"{method.DeclaringType!.FullName}.{method.Name}";

    public override ImmutableArray<FunctionParameter> Parameters { get; } =
        [.. method.GetParameters().Select(parameter => new FunctionParameter(parameter.Name!, parameter.ParameterType))];

    public override IImmutableDictionary<string, BindingMetadata> InputBindings { get; } =
        ImmutableDictionary<string, BindingMetadata>.Empty.Add(triggered.Name!, new TriggerBinding(triggered.Name!, TypeOf(trigger)));

    public override IImmutableDictionary<string, BindingMetadata> OutputBindings => ImmutableDictionary<string, BindingMetadata>.Empty;

    /// <summary>The name that the official metadata generator uses: httpTrigger, timerTrigger, serviceBusTrigger.</summary>
    private static string TypeOf(TriggerBindingAttribute trigger)
    {
        var type = trigger.GetType().Name[..^nameof(Attribute).Length];
        return char.ToLowerInvariant(type[0]) + type[1..];
    }

    private sealed class TriggerBinding(string name, string type) : BindingMetadata
    {
        public override string Name => name;

        public override string Type => type;

        public override BindingDirection Direction => BindingDirection.In;
    }
}
