using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace StandaloneHost;

/// <summary>One run of a function. An HTTP run borrows the request's services, which are made only when asked for.</summary>
internal sealed class Invocation(
    WorkerFunction function, HttpContext? http, IServiceProvider? services, object? input, CancellationToken stop)
    : FunctionContext
{
    private string? id;
    private IServiceProvider? services = services;
    private IDictionary<object, object>? items;

    public WorkerFunction Function => function;

    public HttpContext? Http => http;

    /// <summary>What the trigger brings: a TimerInfo or messages; null for HTTP.</summary>
    public object? Input => input;

    /// <summary>What the function returned, where that is of use to the trigger.</summary>
    public object? Result { get; set; }

    public override string InvocationId => id ??= Guid.NewGuid().ToString();

    public override string FunctionId => function.Id;

    public override IServiceProvider InstanceServices
    {
        get => services ?? http!.RequestServices;
        set => services = value;
    }

    public override FunctionDefinition FunctionDefinition => function;

    public override IDictionary<object, object> Items
    {
        get => items ??= new Dictionary<object, object>();
        set => items = value;
    }

    public override CancellationToken CancellationToken => http?.RequestAborted ?? stop;
}

internal sealed class RunResult(Invocation run) : InvocationResult
{
    public override object? Value
    {
        get => run.Result;
        set => run.Result = value;
    }
}
