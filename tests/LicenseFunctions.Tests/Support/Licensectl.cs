using System.Diagnostics;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Runs licensectl as a process.</summary>
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

    /// <returns>The exit code, and the text of both outputs.</returns>
    public static Task<(int Code, string Output)> RunAsync(TestDatabase database, params string[] arguments) =>
        RunAsync([("DATABASE_URL", database.ConnectionString)], arguments);

    /// <inheritdoc cref="RunAsync(TestDatabase, string[])"/>
    /// <param name="settings">Environment variables of the process.</param>
    public static Task<(int Code, string Output)> RunAsync((string Name, string Value)[] settings, params string[] arguments) =>
        RunAsync(new ProcessStartInfo("dotnet", [Tool, .. arguments]), settings, typed: null);

    /// <inheritdoc cref="RunAsync(TestDatabase, string[])"/>
    /// <param name="typed">The line that is typed at the terminal.</param>
    /// <param name="arguments">Without spaces.</param>
    public static Task<(int Code, string Output)> RunAtTerminalAsync(TestDatabase database, string typed, params string[] arguments) =>
        RunAsync(
            new ProcessStartInfo("script", ["-qec", $"dotnet {Tool} {string.Join(' ', arguments)}", "/dev/null"]),
            [("DATABASE_URL", database.ConnectionString)], typed);

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "licensectl.dll");

    private static async Task<(int Code, string Output)> RunAsync(
        ProcessStartInfo start, (string Name, string Value)[] settings, string? typed)
    {
        // Always redirected: the command must not ask the person who runs the tests.
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        if (typed is not null)
            await process.StandardInput.WriteLineAsync(typed);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await errors);
    }
}
