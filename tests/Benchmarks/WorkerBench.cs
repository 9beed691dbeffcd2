using System.Diagnostics;
using System.Globalization;

namespace Benchmarks;

/// <summary>
/// Compares the CPU time per request of the worker under the test host with that of the standalone application, in alternating rounds of
/// one run. /healthz does almost nothing, so its difference is the overhead of the official worker for any request: gRPC, the proxied
/// request, and matching the two.
/// </summary>
internal static class WorkerBench
{
    private const int DefaultRounds = 5;
    private const int Seconds = 5;

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_worker");
        var rounds = context.Arguments is [var text] ? int.Parse(text, CultureInfo.InvariantCulture) : DefaultRounds;
        var lua = Path.GetTempFileName();
        await File.WriteAllTextAsync(lua, ValidateBench.Lua);
        try
        {
            await using var alone = await Backend.StartAsync(database);
            await using var hosted = await HostedBackend.StartAsync(database);
            (string Name, string Path, string? Script)[] loads =
                [("validate", "/api/v1/licenses/validate", lua), ("/healthz", "/healthz", null)];
            var samples = loads.ToDictionary(load => load.Name, _ => new List<(double Alone, double Worker, double Host)>());
            foreach (var load in loads)
            {
                await LoadGenerators.WrkAsync(new Uri(alone.Address, load.Path), 8, load.Script);
                await LoadGenerators.WrkAsync(new Uri(hosted.Address, load.Path), 8, load.Script);
            }

            for (var round = 0; round < rounds; round++)
            {
                foreach (var load in loads)
                {
                    var one = await CostAsync(new Uri(alone.Address, load.Path), load.Script, [alone.Process]);
                    var other = await CostAsync(new Uri(hosted.Address, load.Path), load.Script, [hosted.Worker, hosted.Host]);
                    samples[load.Name].Add((one[0], other[0], other[1]));
                }
            }

            Console.WriteLine("CPU µs/request  standalone   worker          ratio      test host itself");
            foreach (var (name, costs) in samples)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-16} {Median(costs, cost => cost.Alone),9:N1} {Median(costs, cost => cost.Worker),8:N1} "
                    + $"{Median(costs, cost => cost.Worker / cost.Alone),14:N2} {Median(costs, cost => cost.Host),21:N1}"));
            }

            double added(string name) => Median(samples[name], cost => cost.Worker - cost.Alone);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"the official worker adds {added("/healthz"):N1} µs to a request that does nothing, "
                + $"{added("validate"):N1} µs to a check"));
            return 0;
        }
        finally
        {
            File.Delete(lua);
        }
    }

    /// <summary>CPU time per request in µs, for each process.</summary>
    private static async Task<double[]> CostAsync(Uri address, string? script, Process[] processes)
    {
        double[] Used() => [.. processes.Select(process =>
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalMicroseconds;
        })];

        var before = Used();
        var load = await LoadGenerators.WrkAsync(address, Seconds, script);
        return [.. Used().Zip(before, (now, then) => (now - then) / (load.PerSecond * Seconds))];
    }

    private static double Median<T>(List<T> values, Func<T, double> of) => values.Select(of).Order().ElementAt(values.Count / 2);

    /// <summary>The worker under tests/FunctionsHost, in two processes.</summary>
    private sealed class HostedBackend : IAsyncDisposable
    {
        private HostedBackend(Process host, Process worker, Uri address) => (Host, Worker, Address) = (host, worker, address);

        public Process Host { get; }

        public Process Worker { get; }

        public Uri Address { get; }

        public static async Task<HostedBackend> StartAsync(string database)
        {
            var folder = AppContext.BaseDirectory;
            var start = new ProcessStartInfo("dotnet",
                [Path.Combine(folder, "FunctionsHost.dll"), "--app", folder])
            { RedirectStandardOutput = true };
            // The test host runs no timers, but the worker doesn't start without their settings.
            foreach (var (name, value) in Backend.Settings(database).Concat(Backend.HostedSettings("0 0 3 * * *")))
                start.Environment[name] = value;
            var host = Process.Start(start)!;
            int? worker = null;
            while (await host.StandardOutput.ReadLineAsync() is { } line)
            {
                const string process = "worker process ";
                const string address = "listening on ";
                if (line.StartsWith(process, StringComparison.Ordinal))
                    worker = int.Parse(line[process.Length..line.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
                if (!line.StartsWith(address, StringComparison.Ordinal) || worker is null)
                    continue;
                _ = host.StandardOutput.ReadToEndAsync(); // keeps reading: a full pipe would block the host
                return new HostedBackend(host, Process.GetProcessById(worker.Value), new Uri(line[address.Length..]));
            }

            throw new InvalidOperationException("The test host did not start.");
        }

        public async ValueTask DisposeAsync()
        {
            Host.Kill(entireProcessTree: true);
            await Host.WaitForExitAsync();
            Host.Dispose();
            Worker.Dispose();
        }
    }
}
