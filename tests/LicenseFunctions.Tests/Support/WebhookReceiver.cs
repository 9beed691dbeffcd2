using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// Runs receiver/receiver.mjs: it verifies webhooks with the npm package standardwebhooks, and keeps what it has accepted in a file.
/// </summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private static readonly string Source = Path.Combine(Repository.Root, "tests/LicenseFunctions.Tests/Support/receiver");
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("webhooks-");
    private Process? process;

    public int Port { get; private set; }

    private string Kept => Path.Combine(folder.FullName, "kept");

    /// <summary>Starts it, on the port of its last start, with what it has kept.</summary>
    public async Task StartAsync(string secret)
    {
        await NodePackages.InstallAsync(Source);
        process = Process.Start(new ProcessStartInfo("node", [Path.Combine(Source, "receiver.mjs"), $"{Port}", secret, Kept])
        {
            RedirectStandardOutput = true,
        })!;
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Port = int.Parse(line ?? throw new InvalidOperationException("The receiver did not start"), CultureInfo.InvariantCulture);
    }

    /// <summary>Kills it without warning.</summary>
    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        process = null;
    }

    /// <summary>Number of bytes kept; each event adds the same number.</summary>
    public long KeptBytes => new FileInfo(Kept) is { Exists: true } file ? file.Length : 0;

    /// <summary>The numbers of each license's events, in the order in which they were kept.</summary>
    public async Task<Dictionary<Guid, List<long>>> KeptAsync() =>
        (await File.ReadAllLinesAsync(Kept, TestContext.Current.CancellationToken))
        .Select(line => line.Split(' '))
        .GroupBy(parts => Guid.Parse(parts[0]), parts => long.Parse(parts[1], CultureInfo.InvariantCulture))
        .ToDictionary(license => license.Key, license => license.ToList());

    /// <summary>Invalid signatures, and events that came before an earlier one of their license.</summary>
    public async Task<string> FaultsAsync() =>
        File.Exists(Kept + ".faults") ? await File.ReadAllTextAsync(Kept + ".faults", TestContext.Current.CancellationToken) : "";

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await KillAsync();
        folder.Delete(recursive: true);
    }
}
