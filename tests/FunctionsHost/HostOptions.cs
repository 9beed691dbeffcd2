namespace FunctionsHost;

/// <summary>The options of a test host.</summary>
public sealed record HostOptions
{
    /// <summary>The application's build or publish output: the folder of host.json, worker.config.json and the worker.</summary>
    public required string AppFolder { get; init; }

    /// <summary>The application's settings; they override this process's environment.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The port on 127.0.0.1; 0 for a free one.</summary>
    public int Port { get; init; }

    /// <summary>The key that requests to <c>/admin</c> must send in the header x-functions-key.</summary>
    public string MasterKey { get; init; } = Guid.NewGuid().ToString("N");

    /// <summary>Called for each log record of the worker, in order.</summary>
    public Action<WorkerLog>? OnLog { get; init; }

    /// <summary>Called for each finished run. An HTTP client may get its answer a moment earlier.</summary>
    public Action<FinishedInvocation>? OnInvocation { get; init; }

    /// <summary>Called for each line that the worker writes to its console.</summary>
    public Action<string>? OnOutput { get; init; }

    internal string? Setting(string name) =>
        Settings.TryGetValue(name, out var value) ? value : Environment.GetEnvironmentVariable(name);
}

/// <summary>A log record as the worker sent it.</summary>
/// <param name="InvocationId">Empty if the record belongs to no run.</param>
/// <param name="Level">Trace, Debug, Information, Warning, Error or Critical.</param>
/// <param name="Exception">Its text, if there is one.</param>
public sealed record WorkerLog(string InvocationId, string Category, string Level, string Message, string? Exception)
{
    public bool IsError => Level is "Error" or "Critical";

    public override string ToString() => $"{Level} {Category}: {Message} {Exception}".TrimEnd();
}

/// <summary>How a run of a function ended.</summary>
/// <param name="Failure">The worker's error for a run that failed or was canceled; null if it succeeded.</param>
/// <param name="HasReturnedData">Whether the worker sent data back, as the return value or for an output binding.</param>
public sealed record FinishedInvocation(string Function, string InvocationId, string? Failure, bool HasReturnedData);

/// <summary>The worker could not be started; the message contains its output.</summary>
public sealed class WorkerStartException(string message) : Exception(message);

/// <summary>How the worker ended.</summary>
/// <param name="Killed">Whether it was killed after the grace period.</param>
public sealed record WorkerExit(int ExitCode, bool Killed);
