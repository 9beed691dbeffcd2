using Microsoft.AspNetCore.Http;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>One run of a function.</summary>
public abstract class FunctionContext
{
    /// <summary>Unique to this run.</summary>
    public abstract string InvocationId { get; }

    /// <summary>Stable over runs and processes.</summary>
    public abstract string FunctionId { get; }

    /// <summary>The services of this run: scoped ones live as long as it does.</summary>
    public abstract IServiceProvider InstanceServices { get; set; }

    /// <summary>The function that runs.</summary>
    public abstract FunctionDefinition FunctionDefinition { get; }

    /// <summary>What middleware and function want to pass on, within this run.</summary>
    public abstract IDictionary<object, object> Items { get; set; }

    /// <summary>Cancelled when the caller has gone (HTTP) or the process stops.</summary>
    public virtual CancellationToken CancellationToken => CancellationToken.None;
}

/// <summary>A function as it was found.</summary>
public abstract class FunctionDefinition
{
    /// <summary>Path of the assembly that holds the function.</summary>
    public abstract string PathToAssembly { get; }

    /// <summary>Full name of the type, a dot, name of the method.</summary>
    public abstract string EntryPoint { get; }

    /// <summary>Stable over runs and processes.</summary>
    public abstract string Id { get; }

    /// <summary>The name of its <see cref="FunctionAttribute"/>.</summary>
    public abstract string Name { get; }
}

/// <summary>What a run returns.</summary>
public abstract class InvocationResult
{
    /// <summary>The function's return value; of an HTTP function an IResult is written when all middleware has returned.</summary>
    public abstract object? Value { get; set; }
}

/// <summary>The return value's part of a run.</summary>
public static class FunctionContextBindingFeatureExtensions
{
    /// <summary>The return value, to be read after the function or to be set in its place.</summary>
    /// <param name="context">The run.</param>
    public static InvocationResult GetInvocationResult(this FunctionContext context) =>
        new StandaloneHost.RunResult((StandaloneHost.Invocation)context);
}

/// <summary>HTTP's part of a run.</summary>
public static class FunctionContextExtensions
{
    /// <summary>The request that is answered; null where the trigger isn't HTTP.</summary>
    /// <param name="context">The run.</param>
    public static HttpContext? GetHttpContext(this FunctionContext context) => (context as StandaloneHost.Invocation)?.Http;
}
