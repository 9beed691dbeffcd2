using System.Diagnostics;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace Infrastructure.Tests;

/// <summary>The package that is published for a Functions host.</summary>
public sealed class PackageTests
{
    private const string Project = "src/LicenseFunctions/LicenseFunctions.csproj";

    [Fact]
    public async Task Publish_WithTheStandInForTheQueueTrigger_IsRefused()
    {
        var folder = Directory.CreateTempSubdirectory("package-");
        try
        {
            var (exitCode, output) = await DotnetAsync("publish", Project, "-c", "Release", "--no-build", "-nologo", "-o", folder.FullName);

            Assert.NotEqual(0, exitCode);
            Assert.Contains("Publish with -p:ServiceBusExtension=Official", output, StringComparison.Ordinal);
            Assert.Empty(folder.EnumerateFileSystemInfos());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Publish_WithTheOfficialExtension_IsNotRefused()
    {
        var (exitCode, output) = await DotnetAsync(
            "msbuild", Project, "-t:RequireServiceBusExtension", "-p:Configuration=Release", "-p:ServiceBusExtension=Official", "-nologo");

        Assert.True(exitCode == 0, output);
    }

    /// <summary>The published app must not contain a sign-in without a password.</summary>
    [Fact]
    public void App_HasNoDemoSignIn() =>
        Assert.DoesNotContain("DemoSignIn", File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "LicenseFunctions.deps.json")),
            StringComparison.Ordinal);

    private static async Task<(int ExitCode, string Output)> DotnetAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await errors);
    }
}
