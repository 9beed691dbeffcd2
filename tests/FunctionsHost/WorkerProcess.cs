using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace FunctionsHost;

/// <summary>
/// The worker's process, started as the host starts it: worker.config.json names the program, the arguments contain the host's address.
/// </summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();

    private WorkerProcess(Process process, Action<string>? onOutput)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Take(line.Data, onOutput);
        process.ErrorDataReceived += (_, line) => Take(line.Data, onOutput);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    /// <summary>The output of the process so far.</summary>
    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    public static WorkerProcess Start(HostOptions options, Uri rpcAddress, string workerId)
    {
        var description = JsonNode.Parse(File.ReadAllText(Path.Combine(options.AppFolder, "worker.config.json")))!["description"]!;
        var (requestId, longest) = (Guid.NewGuid().ToString(), int.MaxValue.ToString(System.Globalization.CultureInfo.InvariantCulture));
        // The host passes every value twice; older workers read the names without a prefix.
        var start = new ProcessStartInfo((string)description["defaultExecutablePath"]!,
        [
            Path.Combine(options.AppFolder, (string)description["defaultWorkerPath"]!),
            "--host", rpcAddress.Host, "--port", $"{rpcAddress.Port}",
            "--workerId", workerId, "--requestId", requestId, "--grpcMaxMessageLength", longest,
            "--functions-uri", rpcAddress.AbsoluteUri, "--functions-worker-id", workerId, "--functions-request-id", requestId,
            "--functions-grpc-max-message-length", longest,
        ])
        {
            WorkingDirectory = options.AppFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["FUNCTIONS_WORKER_RUNTIME"] = "dotnet-isolated";
        foreach (var (name, value) in options.Settings)
            start.Environment[name] = value;
        start.Environment["FUNCTIONS_WORKER_DIRECTORY"] = options.AppFolder;
        start.Environment["FUNCTIONS_APPLICATION_DIRECTORY"] = options.AppFolder;
        return new WorkerProcess(new Process { StartInfo = start }, options.OnOutput);
    }

    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }

    /// <summary>Waits until the process ends, and kills it after the grace period.</summary>
    public async Task<WorkerExit> EndAsync(TimeSpan grace)
    {
        using var over = new CancellationTokenSource(grace);
        try
        {
            return new WorkerExit(await WaitForExitAsync(over.Token), Killed: false);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            process.Kill(entireProcessTree: true);
            return new WorkerExit(await WaitForExitAsync(CancellationToken.None), Killed: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync(TimeSpan.Zero);
        process.Dispose();
    }

    private void Take(string? line, Action<string>? onOutput)
    {
        if (line is null)
            return;
        lock (output)
            output.AppendLine(line);
        onOutput?.Invoke(line);
    }
}
