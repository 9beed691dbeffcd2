using System.Diagnostics;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Runs licensectl as a process.</summary>
internal static class Licensectl
{
    /// <returns>The exit code, and the text of both outputs.</returns>
    public static Task<(int Code, string Output)> RunAsync(TestDatabase database, params string[] arguments) =>
        RunAsync([("DATABASE_URL", database.ConnectionString)], arguments);

    /// <inheritdoc cref="RunAsync(TestDatabase, string[])"/>
    /// <param name="settings">Environment variables of the process.</param>
    public static async Task<(int Code, string Output)> RunAsync((string Name, string Value)[] settings, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "licensectl.dll"), .. arguments])
        {
            // The command must not ask the person who runs the tests.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await errors);
    }
}
