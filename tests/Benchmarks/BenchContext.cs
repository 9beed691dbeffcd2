namespace Benchmarks;

/// <summary>Where a bench works: a private server that syncs to disk, its user a superuser there.</summary>
internal sealed record BenchContext(string DatabaseUrl, string[] Arguments);
