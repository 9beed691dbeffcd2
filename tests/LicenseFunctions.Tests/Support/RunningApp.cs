using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>The whole backend as a process with one test's database, and a client.</summary>
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

    private readonly Process process;
    private readonly ConcurrentQueue<string> output;

    private RunningApp(Process process, Uri address, ConcurrentQueue<string> output, LogSecrets secrets)
    {
        (this.process, this.output, Secrets) = (process, output, secrets);
        Client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>The value of AUTH_SIGNING_KEY; <see cref="Token"/> signs with the same key.</summary>
    public static string SigningKeyText { get; } = Convert.ToBase64String(SigningKey);

    public HttpClient Client { get; }

    /// <summary>Texts that the log must not contain. A test adds secrets that it doesn't send by <see cref="SendAsync"/>.</summary>
    public LogSecrets Secrets { get; }

    public string Log => string.Join('\n', output);

    /// <summary>Present memory of the process.</summary>
    public long ResidentBytes
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    public static Task<RunningApp> StartAsync(TestDatabase database, params (string Name, string Value)[] settings) =>
        StartAsync([("DATABASE_URL", database.ConnectionString), .. settings]);

    public static async Task<RunningApp> StartAsync(params (string Name, string Value)[] settings)
    {
        var (process, output, ready) = Launch(settings);
        var line = await Task.WhenAny(ready, process.WaitForExitAsync(TestContext.Current.CancellationToken)) == ready ? await ready : null;
        return line is null
            ? throw new InvalidOperationException("The backend did not start:\n" + string.Join('\n', output))
            : new RunningApp(process, new Uri(line[(line.IndexOf("http://", StringComparison.Ordinal))..].Trim()), output,
                new LogSecrets(settings));
    }

    /// <summary>Starts the process with invalid settings and returns its exit code and output.</summary>
    public static async Task<(int ExitCode, string Output)> StartAndFailAsync(params (string Name, string Value)[] settings)
    {
        var (process, output, _) = Launch(settings);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, string.Join('\n', output));
    }

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
        while (await FinishedAsync() == before) await Task.Delay(20, TestContext.Current.CancellationToken);
    }

    /// <summary>Sends SIGTERM, as a platform does, and waits for the end; <see cref="Log"/> is complete then.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        using var signal = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        await Secrets.SaveAsync(Log);
    }

    private static (Process Process, ConcurrentQueue<string> Output, Task<string> Ready) Launch((string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LicenseFunctions.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["AUTH_SIGNING_KEY"] = SigningKeyText;
        // A busy machine may stop a process for more than the default of 2 s.
        start.Environment["VALIDATION_TIMEOUT_SECONDS"] = "30";
        start.Environment["TIMER_FALLBACK"] = "false";
        foreach (var schedule in Schedules)
            start.Environment[schedule] = Never;
        foreach (var (name, value) in settings)
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
