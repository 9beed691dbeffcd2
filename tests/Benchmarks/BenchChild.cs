using System.Diagnostics;

namespace Benchmarks;

/// <summary>Runs this program again as a child process.</summary>
internal static class BenchChild
{
    /// <summary>The database of a child's context; its arguments name the real one.</summary>
    public const string DatabaseUrl = "child";

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(BenchChild).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["BENCH_DATABASE_URL"] = DatabaseUrl;
        return Process.Start(start)!;
    }
}
