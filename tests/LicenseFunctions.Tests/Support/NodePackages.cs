using System.Diagnostics;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Installs the npm packages of a folder, once.</summary>
internal static class NodePackages
{
    private static readonly SemaphoreSlim Installing = new(1);

    public static async Task InstallAsync(string source)
    {
        await Installing.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            if (File.Exists(Path.Combine(source, "node_modules", ".package-lock.json")))
                return;
            using var npm = Process.Start("npm", ["ci", "--no-audit", "--no-fund", "--silent", "--prefix", source]);
            await npm.WaitForExitAsync(TestContext.Current.CancellationToken);
            if (npm.ExitCode != 0)
                throw new InvalidOperationException($"npm ci of {source} failed");
        }
        finally
        {
            Installing.Release();
        }
    }
}
