namespace Benchmarks;

/// <summary>The environment of a bench: a private server with fsync enabled, whose user is a superuser.</summary>
/// <param name="Arguments">The arguments after the bench's name, without <c>--baseline</c>.</param>
/// <param name="Baseline">LicenseFunctions.dll of another build, measured in the same run for comparison; null for none.</param>
internal sealed record BenchContext(string DatabaseUrl, string[] Arguments, string? Baseline)
{
    private const string Option = "--baseline";

    /// <summary>LicenseFunctions.dll of the package that is deployed, which is compiled ahead of time.</summary>
    public static string Package => Environment.GetEnvironmentVariable("BENCH_PACKAGE")
        ?? throw new InvalidOperationException("BENCH_PACKAGE is not set; start this bench by ./dev bench");

    public static BenchContext Of(string databaseUrl, string[] arguments)
    {
        var at = Array.IndexOf(arguments, Option);
        if (at < 0)
            return new(databaseUrl, arguments, null);
        var folder = arguments.ElementAtOrDefault(at + 1);
        var program = Path.Combine(folder ?? "", "LicenseFunctions.dll");
        return folder is not null && File.Exists(program)
            ? new(databaseUrl, [.. arguments[..at], .. arguments[(at + 2)..]], program)
            : throw new InvalidOperationException($"{Option} needs the folder of another build, with LicenseFunctions.dll in it.");
    }
}
