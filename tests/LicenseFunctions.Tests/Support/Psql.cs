using System.Diagnostics;
using Npgsql;

namespace LicenseFunctions.Tests.Support;

/// <summary>Runs PostgreSQL's client programs, as operators do.</summary>
internal static class Psql
{
    /// <summary>The folder <c>sql/</c> of the repository.</summary>
    public static string SqlFolder() => Path.Combine(Repository.Root, "sql");

    /// <summary>Installs the schema with the guide's command.</summary>
    public static Task<string> InstallAsync(TestDatabase database) =>
        RunAsync("psql", database, SqlFolder(), "-X", "-v", "ON_ERROR_STOP=1", "-c", "\\i schema_license_extensions.sql");

    /// <returns>The standard output of the program.</returns>
    /// <exception cref="InvalidOperationException">The program failed; the message is its standard error.</exception>
    public static async Task<string> RunAsync(string program, TestDatabase database, string folder, params string[] arguments)
    {
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["PGHOST"] = address.Host,
                ["PGPORT"] = $"{address.Port}",
                ["PGUSER"] = address.Username,
                ["PGPASSWORD"] = address.Password,
                ["PGDATABASE"] = address.Database,
            },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output
            : throw new InvalidOperationException($"{program} exited with code {process.ExitCode}: {errors}");
    }
}
