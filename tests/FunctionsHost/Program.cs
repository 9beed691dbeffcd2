using System.Runtime.InteropServices;
using FunctionsHost;
using Microsoft.Extensions.Configuration;

// FunctionsHost --app DIR [--port N]: runs the worker built into DIR; the application's settings come from the environment.
var arguments = new ConfigurationBuilder().AddCommandLine(args).Build();
if (arguments["app"] is not { } app)
{
    Console.Error.WriteLine("FunctionsHost --app DIR [--port N]");
    return 64; // EX_USAGE of sysexits.h
}

var stop = new TaskCompletionSource();
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

var (records, runs) = (0L, 0L);
await using var host = await TestHost.StartAsync(new HostOptions
{
    AppFolder = app,
    Port = arguments.GetValue("port", 0),
    OnOutput = Console.WriteLine,
    OnInvocation = _ => Interlocked.Increment(ref runs),
    OnLog = log =>
    {
        Interlocked.Increment(ref records);
        if (log.Level is "Warning" or "Error" or "Critical")
            Console.Error.WriteLine(log);
    },
});
foreach (var function in host.Functions.Where(function => function.Error is not null))
    Console.Error.WriteLine($"Function {function.Name} can't run: {function.Error}");
Console.WriteLine($"worker process {host.WorkerProcessId}, {host.Functions.Count} functions, master key {host.MasterKey}");
Console.WriteLine($"listening on {host.Address}");
await stop.Task;
var exit = await host.StopAsync();
Console.WriteLine($"{runs} runs, {records} log records; the worker ended with code {exit.ExitCode}{(exit.Killed ? " (killed)" : "")}");
return 0;

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.TrySetResult();
}
