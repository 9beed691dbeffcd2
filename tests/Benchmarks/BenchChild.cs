using System.Diagnostics;

namespace Benchmarks;

/// <summary>This program again, as a process of its own.</summary>
internal static class BenchChild
{
    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(BenchChild).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // A context is made of it, though the child is told its database.
        start.Environment["BENCH_DATABASE_URL"] = "child";
        return Process.Start(start)!;
    }
}
