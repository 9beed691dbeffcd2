using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// The whole backend with one test's database, and a client: as a process, or, for tests that need none, in this process, where it starts
/// with a tenth of the processor time.
/// </summary>
public sealed class RunningApp : IAsyncDisposable
{
    private static readonly byte[] SigningKey = Encoding.ASCII.GetBytes("a-signing-key-for-tests-of-32-bytes-or-more");

    /// <summary>
    /// Six months ahead, so that no timer runs by its schedule: it would change what a test counts. A test that needs a timer's schedule
    /// sets it.
    /// </summary>
    internal static readonly string Never = $"0 0 0 1 {TimeProvider.System.GetUtcNow().AddMonths(6).Month} *";

    /// <summary>The settings of all timers' schedules.</summary>
    internal static readonly IReadOnlyList<string> Schedules =
        [.. Regex.Matches(Repository.Read("local.settings.sample.json"), "[A-Z_]+_SCHEDULE").Select(match => match.Value)];

    // So that a run of all tests ends, and names the test, if something never happens.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private readonly Process? process;
    private readonly IHost? host;
    private readonly ConcurrentQueue<string> output;

    private RunningApp(Process? process, IHost? host, Uri address, ConcurrentQueue<string> output, LogSecrets secrets)
    {
        (this.process, this.host, this.output, Secrets) = (process, host, output, secrets);
        Client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>The value of AUTH_SIGNING_KEY; <see cref="Token"/> signs with the same key.</summary>
    public static string SigningKeyText { get; } = Convert.ToBase64String(SigningKey);

    public HttpClient Client { get; }

    /// <summary>Texts that the log must not contain. A test adds secrets that it doesn't send by <see cref="SendAsync"/>.</summary>
    public LogSecrets Secrets { get; }

    public string Log => string.Join('\n', output);

    private Process Process => process ?? throw new InvalidOperationException("This app runs in the process of the tests.");

    /// <summary>Present memory of the process.</summary>
    public long ResidentBytes
    {
        get
        {
            Process.Refresh();
            return Process.WorkingSet64;
        }
    }

    public static Task<RunningApp> StartAsync(TestDatabase database, params (string Name, string Value)[] settings) =>
        StartAsync([("DATABASE_URL", database.ConnectionString), .. settings]);

    public static async Task<RunningApp> StartAsync(params (string Name, string Value)[] settings)
    {
        var (process, output, ready) = Launch(settings);
        var ended = process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var late = Task.Delay(Longest, TestContext.Current.CancellationToken);
        var line = await Task.WhenAny(ready, ended, late) == ready ? await ready : null;
        if (line is null && !process.HasExited) process.Kill(entireProcessTree: true);
        return line is null
            ? throw new InvalidOperationException("The backend did not start:\n" + string.Join('\n', output))
            : new RunningApp(process, host: null, new Uri(line[(line.IndexOf("http://", StringComparison.Ordinal))..].Trim()), output,
                new LogSecrets(settings));
    }

    /// <summary>
    /// Starts it in the process of the tests. It shares what is static: counters of /metrics, the settings of the runtime and the memory.
    /// </summary>
    public static async Task<RunningApp> StartHereAsync(TestDatabase database, params (string Name, string Value)[] settings)
    {
        settings = [("DATABASE_URL", database.ConnectionString), .. settings];
        var output = new ConcurrentQueue<string>();
        HereLog.Begin(output);
        var host = BuildHere(settings);
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new RunningApp(process: null, host, new Uri(((WebApplication)host).Urls.First()), output, new LogSecrets(settings));
    }

    /// <summary>Starts the process with invalid settings and returns its exit code and output.</summary>
    public static async Task<(int ExitCode, string Output)> StartAndFailAsync(params (string Name, string Value)[] settings)
    {
        var (process, output, _) = Launch(settings);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, string.Join('\n', output));
    }

    /// <summary>The same in the process of the tests.</summary>
    public static async Task<(int ExitCode, string Output)> StartHereAndFailAsync(params (string Name, string Value)[] settings)
    {
        var output = new ConcurrentQueue<string>();
        HereLog.Begin(output);
        var exitCode = await Program.RunAsync(() => BuildHere(settings)).WaitAsync(Longest, TestContext.Current.CancellationToken);
        return (exitCode, string.Join('\n', output));
    }

    private static IHost BuildHere((string Name, string Value)[] settings) =>
        Program.BuildStandalone([.. Settings(settings).Select(setting => $"--{setting.Name}={setting.Value}")]);

    /// <summary>A bearer token that this backend accepts.</summary>
    public static string Token(string role, Guid? userId = null, DateTime? expires = null) =>
        new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { ["role"] = role, ["sub"] = (userId ?? Guid.NewGuid()).ToString() },
            Expires = expires ?? TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1),
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(SigningKey), SecurityAlgorithms.HmacSha256),
        });

    /// <summary>Sends JSON; <paramref name="authorization"/> is the complete header value, or null.</summary>
    public async Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> SendAsync(
        HttpMethod method, string path, string? authorization, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (authorization is not null)
        {
            Secrets.AddCredential(authorization);
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body as string ?? System.Text.Json.JsonSerializer.Serialize(body), Encoding.UTF8);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var json = response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) is true
            ? JsonNode.Parse(text) : null;
        return ((int)response.StatusCode, json, response);
    }

    public Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> GetAsync(string path, string? authorization = null) =>
        SendAsync(HttpMethod.Get, path, authorization);

    public Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> PostAsync(string path, string? authorization,
        object? body = null) =>
        SendAsync(HttpMethod.Post, path, authorization, body);

    /// <summary>Requests /readyz, for up to a minute until it is answered 200: on a busy machine, a probe may take too long.</summary>
    /// <returns>The last answer.</returns>
    public async Task<HttpResponseMessage> ReadyAsync()
    {
        for (var tries = 1; ; tries++)
        {
            var (status, _, response) = await GetAsync("/readyz");
            if (status == 200 || tries == 60)
                return response;
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Runs a timer's function once. The host may answer before the run ends, so this waits for the timer's row.</summary>
    public async Task RunTimerAsync(TestDatabase database, string timer)
    {
        Task<DateTime?> FinishedAsync() => database.QueryAsync<DateTime?>(
            "select max(last_finished_at) from timer_leases where timer_name = @timer", new { timer });

        var before = await FinishedAsync();
        var (status, body, _) = await PostAsync($"/admin/functions/{timer}", "Bearer " + Token("operator"), new { });
        Assert.True(status == 202, $"{status} {body}");
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        end.CancelAfter(Longest);
        while (await FinishedAsync() == before)
        {
            Assert.False(end.IsCancellationRequested, $"The run of {timer} didn't end. The log:\n{Log}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Sends SIGTERM, as a platform does, and waits for the end; <see cref="Log"/> is complete then.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        using var signal = System.Diagnostics.Process.Start("kill", ["-TERM", $"{Process.Id}"]);
        await Process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return Process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (process is not null)
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }

        if (host is not null)
        {
            await host.StopAsync(new CancellationToken(canceled: true));
            host.Dispose();
        }

        await Secrets.SaveAsync(Log);
    }

    private static IEnumerable<(string Name, string Value)> Settings((string Name, string Value)[] settings) =>
    [
        ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
        ("AUTH_SIGNING_KEY", SigningKeyText),
        ("VALIDATION_TIMEOUT_SECONDS", "30"), // a busy machine may stop a process for more than the default of 2 s
        ("TIMER_FALLBACK", "false"),
        .. Schedules.Select(schedule => (schedule, Never)),
        .. settings,
    ];

    private static (Process Process, ConcurrentQueue<string> Output, Task<string> Ready) Launch((string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LicenseFunctions.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        foreach (var (name, value) in Settings(settings))
            start.Environment[name] = value;

        var output = new ConcurrentQueue<string>();
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = new Process { StartInfo = start };
        process.ErrorDataReceived += (_, line) => output.Enqueue(line.Data ?? "");
        process.OutputDataReceived += (_, line) =>
        {
            output.Enqueue(line.Data ?? "");
            if (line.Data?.Contains("listening on http://", StringComparison.Ordinal) is true)
                ready.TrySetResult(line.Data);
        };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return (process, output, ready.Task);
    }
}
