using System.Reflection;

namespace StandaloneHost;

/// <summary>Starts a function application in one process, without a Functions host.</summary>
public static class StandaloneApplication
{
    /// <summary>
    /// The key in <c>FunctionContext.Items</c> of the value that a timer or queue function returned. Middleware reads it after the run. The
    /// value is null for a function without a result. The official GetInvocationResult() can't be used: it needs the worker's internals.
    /// </summary>
    public static readonly object ResultKey = new();

    /// <summary>Creates a builder for an application.</summary>
    /// <param name="args">The command line: <c>--NAME=value</c> overrides the setting NAME.</param>
    /// <param name="functions">The assemblies whose functions run; host.json is read from the folder of the first.</param>
    /// <exception cref="StartRefusedException">host.json can't be read.</exception>
    public static StandaloneApplicationBuilder CreateBuilder(string[] args, params Assembly[] functions) => new(args, functions);
}
