using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Benchmarks;

/// <summary>The result of a load generator.</summary>
internal sealed record Load(double PerSecond, double P50Milliseconds, double P99Milliseconds);

/// <summary>Runs wrk and pgbench, both with 16 connections and one thread.</summary>
internal static partial class LoadGenerators
{
    public static async Task<Load> WrkAsync(Uri address, int seconds, string? script = null)
    {
        var output = await RunAsync("wrk", script is null
            ? ["-t1", "-c16", $"-d{seconds}s", "--latency", address.AbsoluteUri]
            : ["-t1", "-c16", $"-d{seconds}s", "--latency", "-s", script, address.AbsoluteUri]);
        if (output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal))
            throw new InvalidOperationException("Requests failed:\n" + output);
        return new Load(Number(Throughput().Match(output)), Milliseconds(Median().Match(output)),
            Milliseconds(Ninetyninth().Match(output)));
    }

    public static async Task<Load> PgbenchAsync(string connectionString, string script, int seconds)
    {
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        var log = Path.Combine(Path.GetDirectoryName(script)!, "pgbench");
        var output = await RunAsync("pgbench", [
            "-n", "-M", "prepared", "-c", "16", "-j", "1", "-T", seconds.ToString(CultureInfo.InvariantCulture), "-f", script,
            "--log", "--sampling-rate=0.1", "--log-prefix", log,
            "-h", server.Host!, "-p", server.Port.ToString(CultureInfo.InvariantCulture), "-U", server.Username!, server.Database!],
                server.Password);
        var latencies = new List<double>();
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(script)!, "pgbench.*"))
        {
            latencies.AddRange(File.ReadLines(file).Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture) / 1000));
            File.Delete(file);
        }

        latencies.Sort();
        return new Load(Number(Transactions().Match(output)), latencies[latencies.Count / 2], latencies[latencies.Count * 99 / 100]);
    }

    private static async Task<string> RunAsync(string program, string[] arguments, string? password = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PGPASSWORD"] = password;
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} failed: {await errors}");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new InvalidOperationException($"{program} is missing (Debian: apt-get install wrk postgresql-contrib)");
        }
    }

    private static double Number(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    private static double Milliseconds(Match match) => Number(match) * match.Groups[2].Value switch { "us" => 0.001, "ms" => 1, _ => 1000 };

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Throughput();

    [GeneratedRegex(@"50%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex Median();

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex Ninetyninth();

    [GeneratedRegex(@"tps = ([\d.]+) \(without")]
    private static partial Regex Transactions();
}
