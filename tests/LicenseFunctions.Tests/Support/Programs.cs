using System.Diagnostics;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Helps tests to start other programs.</summary>
internal static class Programs
{
    /// <summary>PostgreSQL and PgBouncer can't run as root. If the tests do, these run as user postgres or nobody.</summary>
    public static string User { get; } = !Environment.IsPrivilegedProcess ? Environment.UserName
        : File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    public static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} exited with code {process.ExitCode}: {await output}{errors}");
    }

    public static Task RunAsUserAsync(string program, params string[] arguments) =>
        Environment.IsPrivilegedProcess ? RunAsync("runuser", ["-u", User, "--", program, .. arguments]) : RunAsync(program, arguments);

    /// <summary>A folder that only <see cref="User"/> can write.</summary>
    public static async Task<string> NewFolderAsync()
    {
        var folder = Directory.CreateTempSubdirectory("license-tests-").FullName;
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", User, folder);
        return folder;
    }
}
