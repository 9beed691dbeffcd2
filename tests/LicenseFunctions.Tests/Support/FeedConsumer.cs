using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Runs the consumer of docs/integration.md in its own folder.</summary>
internal sealed class FeedConsumer : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("feed-");
    private Process? process;
    private int runs;

    public FeedConsumer()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs/integration.md"));
        var example = page.Split("```js\n").Single(block => block.Contains("'next.txt'", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(folder.FullName, "consumer.mjs"), example[..example.IndexOf("```", StringComparison.Ordinal)]);
    }

    /// <summary>The consumer ended by itself, which it never should.</summary>
    public bool HasExited => process!.HasExited;

    /// <summary>The id of the last event that it has saved; 0 before the first.</summary>
    public long Position => File.Exists(Path.Combine(folder.FullName, "next.txt"))
        ? long.Parse(File.ReadAllText(Path.Combine(folder.FullName, "next.txt")), CultureInfo.InvariantCulture)
        : 0;

    /// <summary>Starts the consumer. It continues after the last event that it saved.</summary>
    public void Start(Uri api, string token) => process = Process.Start(new ProcessStartInfo(
        "sh", ["-c", "exec node consumer.mjs > \"$0\"", FileOf(++runs)])
    {
        WorkingDirectory = folder.FullName,
        Environment = { ["API"] = api.ToString().TrimEnd('/'), ["TOKEN"] = token },
    })!;

    /// <summary>Kills the process; it can't finish its work.</summary>
    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        process = null;
    }

    /// <summary>What each run has printed, without a line that a kill has cut off.</summary>
    public async Task<IReadOnlyList<(long Id, Guid SubscriptionId, JsonNode Data)[]>> RunsAsync()
    {
        var printed = new List<(long, Guid, JsonNode)[]>();
        for (var run = 1; run <= runs; run++)
        {
            if (!File.Exists(FileOf(run)))
                continue; // killed before it began
            var text = await File.ReadAllTextAsync(FileOf(run), TestContext.Current.CancellationToken);
            printed.Add([.. text.Split('\n')[..^1].Select(line => line.Split(' ', 4)).Select(
                parts => (long.Parse(parts[0], CultureInfo.InvariantCulture), Guid.Parse(parts[2]), JsonNode.Parse(parts[3])!))]);
        }

        return printed;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await KillAsync();
        folder.Delete(recursive: true);
    }

    private string FileOf(int run) => Path.Combine(folder.FullName, $"run-{run}");
}
