using System.Reflection;

namespace StandaloneHost;

/// <summary>Starts a function application in one process, without a Functions host.</summary>
public static class StandaloneApplication
{
    /// <summary>
    /// The key in <c>FunctionContext.Items</c> under which middleware finds what a timer or queue function returned, after it ran; the
    /// value is null for a function without a result. The official worker's GetInvocationResult() needs its internal features.
    /// </summary>
    public static readonly object ResultKey = new();

    /// <summary>Begins an application.</summary>
    /// <param name="args">The command line: <c>--NAME=value</c> overrides the setting NAME.</param>
    /// <param name="functions">The assemblies whose functions run; host.json lies beside the first.</param>
    /// <exception cref="StartRefusedException">host.json can't be read.</exception>
    public static StandaloneApplicationBuilder CreateBuilder(string[] args, params Assembly[] functions) => new(args, functions);
}
