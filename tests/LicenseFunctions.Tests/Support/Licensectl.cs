using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// Runs commands of licensectl in one process after the other (<see cref="StartupHook"/>): its start takes a second of processor time, and
/// most commands much less.
/// </summary>
internal static class Licensectl
{
    /// <summary>For --by.</summary>
    public const string Operator = "00000000-0000-4000-8000-000000000001";

    public static Task AddOperatorAsync(TestDatabase database) => database.ExecuteAsync(
        """
        insert into users (user_id, email, password_hash, role) values (@Operator::uuid, 'olga@x.test', 'x', 'operator')
        on conflict do nothing
        """,
        new { Operator });

    private const int LongestEnd = 40;

    private static readonly ConcurrentBag<Process> Idle = [];

    /// <returns>The exit code, and the text of both outputs.</returns>
    public static Task<(int Code, string Output)> RunAsync(TestDatabase database, params string[] arguments) =>
        RunAsync([("DATABASE_URL", database.ConnectionString)], arguments);

    /// <inheritdoc cref="RunAsync(TestDatabase, string[])"/>
    /// <param name="settings">Environment variables of the command.</param>
    public static async Task<(int Code, string Output)> RunAsync((string Name, string Value)[] settings, params string[] arguments)
    {
        if (!Idle.TryTake(out var process))
            process = Start("dotnet", [Tool], ("DOTNET_STARTUP_HOOKS", typeof(StartupHook).Assembly.Location));
        try
        {
            var end = Guid.NewGuid().ToString("N");
            var command = new StartupHook.Command(arguments, settings.ToDictionary(one => one.Name, one => one.Value), end);
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(command));
            var errors = ReadAsync(process.StandardError, end);
            var (code, output) = await ReadAsync(process.StandardOutput, end);
            var both = output + (await errors).Output;
            Idle.Add(process);
            return (code, both);
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="RunAsync(TestDatabase, string[])"/>
    /// <param name="typed">The line that is typed at the terminal.</param>
    /// <param name="arguments">Without spaces.</param>
    public static async Task<(int Code, string Output)> RunAtTerminalAsync(TestDatabase database, string typed, params string[] arguments)
    {
        using var process = Start(
            "script", ["-qec", $"dotnet {Tool} {string.Join(' ', arguments)}", "/dev/null"], ("DATABASE_URL", database.ConnectionString));
        await process.StandardInput.WriteLineAsync(typed);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await errors);
    }

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "licensectl.dll");

    // The input is redirected, too: a command must not ask the person who runs the tests.
    private static Process Start(string program, string[] arguments, (string Name, string Value) setting) => Process.Start(
        new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [setting.Name] = setting.Value },
        })!;

    private static async Task<(int Code, string Output)> ReadAsync(StreamReader stream, string end)
    {
        var (text, buffer) = (new StringBuilder(), new char[4096]);
        while (true)
        {
            var count = await stream.ReadAsync(buffer, TestContext.Current.CancellationToken);
            if (count == 0)
                throw new InvalidOperationException($"licensectl ended: {text}");
            text.Append(buffer, 0, count);
            var last = text.ToString(Math.Max(0, text.Length - LongestEnd), Math.Min(LongestEnd, text.Length));
            if (last.EndsWith('\n') && last.LastIndexOf(end, StringComparison.Ordinal) is >= 0 and var at)
            {
                text.Length -= last.Length - at;
                return (int.Parse(last[(at + end.Length)..], CultureInfo.InvariantCulture), text.ToString());
            }
        }
    }
}
