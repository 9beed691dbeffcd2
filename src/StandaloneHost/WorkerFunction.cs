using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace StandaloneHost;

/// <summary>A function as discovered: its name, its trigger, and the compiled call of its method.</summary>
internal sealed class WorkerFunction(string name, MethodInfo method, TriggerBindingAttribute trigger, Func<Invocation, Task> call)
    : FunctionDefinition
{
    public TriggerBindingAttribute Trigger => trigger;

    /// <summary>Makes the instance, binds the parameters, calls the method, and lets an IResult write the response.</summary>
    public Func<Invocation, Task> Call => call;

    public override string Name => name;

    public override string Id => name;

    public override string PathToAssembly => method.DeclaringType!.Assembly.Location;

    public override string EntryPoint { get; } = $"{method.DeclaringType!.FullName}.{method.Name}";
}
