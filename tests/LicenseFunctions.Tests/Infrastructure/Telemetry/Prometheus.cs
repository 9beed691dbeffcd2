using System.Diagnostics;
using System.Text.Json.Nodes;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

/// <summary>A real Prometheus that scrapes one backend every second, as job license-management.</summary>
internal sealed class Prometheus : IAsyncDisposable
{
    private readonly Process process;
    private readonly DirectoryInfo folder;
    private readonly ReservedPort port;
    private readonly HttpClient client;

    private Prometheus(Process process, DirectoryInfo folder, ReservedPort port) => (this.process, this.folder, this.port, client) =
        (process, folder, port, new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port.Number}") });

    public static async Task<Prometheus> StartAsync(Uri backend)
    {
        var folder = Directory.CreateTempSubdirectory("prometheus-");
        var configuration = Path.Combine(folder.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(configuration, $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
              - job_name: license-management
                static_configs: [{targets: ["{{backend.Authority}}"]}]
            """, TestContext.Current.CancellationToken);
        var port = new ReservedPort();
        string[] arguments =
        [
            $"--config.file={configuration}", $"--storage.tsdb.path={folder.FullName}/data",
            $"--web.listen-address=127.0.0.1:{port.Number}",
        ];
        var process = Process.Start(new ProcessStartInfo("prometheus", arguments) { RedirectStandardError = true })!;
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.Contains("Server is ready to receive web requests", StringComparison.Ordinal) is true)
                ready.TrySetResult();
        };
        process.BeginErrorReadLine();
        await ready.Task.WaitAsync(TestContext.Current.CancellationToken);
        return new Prometheus(process, folder, port);
    }

    /// <summary>Repeats the query until the answer contains the expected values. The test's timeout ends it.</summary>
    /// <returns>The values of the series.</returns>
    public async Task<IReadOnlyList<double>> UntilAsync(string query, Func<IReadOnlyList<double>, bool> holds)
    {
        for (var pause = 20; ; pause = Math.Min(pause * 2, 500))
        {
            var values = await QueryAsync(query);
            if (holds(values))
                return values;
            await Task.Delay(pause, TestContext.Current.CancellationToken);
        }
    }

    /// <returns>The present values of the query's series.</returns>
    public async Task<IReadOnlyList<double>> QueryAsync(string query)
    {
        using var form = new FormUrlEncodedContent([new("query", query)]);
        using var response = await client.PostAsync("/api/v1/query", form, TestContext.Current.CancellationToken);
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.True((string?)body["status"] == "success", $"{query}: {body["error"]}");
        return [.. body["data"]!["result"]!.AsArray().Select(series => Number((string)series!["value"]![1]!))];
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        port.Dispose();
        folder.Delete(recursive: true);
    }

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        _ => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture),
    };
}
