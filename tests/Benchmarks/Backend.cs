using System.Diagnostics;
using System.Reflection;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.Azure.Functions.Worker;

namespace Benchmarks;

/// <summary>The backend as a child process, as built with this program.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private Backend(Process process, Uri address, TimeSpan startedIn) => (Process, Address, StartedIn) = (process, address, startedIn);

    public Process Process { get; }

    public Uri Address { get; }

    /// <summary>Time from the process's start to its first answer with status 200.</summary>
    public TimeSpan StartedIn { get; }

    /// <summary>Peak memory in MB.</summary>
    public long PeakMegabytes
    {
        get
        {
            Process.Refresh();
            return Process.PeakWorkingSet64 / (1024 * 1024);
        }
    }

    /// <summary>CPU time so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            Process.Refresh();
            return Process.TotalProcessorTime;
        }
    }

    public static (string Name, string Value)[] Settings(string connectionString) =>
    [
        ("DATABASE_URL", connectionString), ("AUTH_SIGNING_KEY", Convert.ToBase64String(new byte[32])),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ];

    /// <summary>What a worker under a Functions host also needs: the queue's name and all schedules.</summary>
    public static IEnumerable<(string Name, string Value)> HostedSettings(string schedule) =>
        FunctionRule.Functions().SelectMany(function => function.Method.GetParameters())
            .Select(parameter => parameter.GetCustomAttribute<TimerTriggerAttribute>()).OfType<TimerTriggerAttribute>()
            .Select(timer => timer.Schedule.Trim('%')).Distinct().Select(name => (name, schedule)).Prepend(("USAGE_QUEUE", UsageQueue));

    public const string UsageQueue = "usage-records";

    public static Task<Backend> StartAsync(string connectionString, params (string Name, string Value)[] settings) =>
        StartAsync(Path.Combine(AppContext.BaseDirectory, "LicenseFunctions.dll"), connectionString, settings);

    /// <param name="program">Path of LicenseFunctions.dll, from this build or from another, or of a program that runs it.</param>
    public static async Task<Backend> StartAsync(
        string program, string connectionString, (string Name, string Value)[] settings, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardOutput = true };
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        foreach (var (name, value) in (IEnumerable<(string, string)>)[.. Settings(connectionString), .. settings])
            start.Environment[name] = value;

        var began = Stopwatch.GetTimestamp();
        var process = Process.Start(start)!;
        const string marker = "listening on ";
        string? line;
        do
            line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The backend did not start.");
        while (!line.Contains(marker + "http", StringComparison.Ordinal));
        var address = new Uri(line[(line.IndexOf(marker, StringComparison.Ordinal) + marker.Length)..].Trim());
        using var client = new HttpClient { BaseAddress = address };
        (await client.GetAsync(new Uri("/healthz", UriKind.Relative))).EnsureSuccessStatusCode();
        var startedIn = Stopwatch.GetElapsedTime(began);
        _ = process.StandardOutput.ReadToEndAsync(); // keeps reading: a full pipe would block the process
        return new Backend(process, address, startedIn);
    }

    public async ValueTask DisposeAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync();
        Process.Dispose();
    }
}
