using System.Diagnostics;

namespace Benchmarks.Survive;

/// <summary>Watches the memory of the processes, and asks each of them for /readyz once per second.</summary>
internal sealed class Probes
{
    private readonly IReadOnlyList<ServingProcess> processes;
    private volatile bool isStopping;
    private readonly Task[] watching;
    private readonly Lock gate = new();

    public Probes(IReadOnlyList<ServingProcess> processes)
    {
        this.processes = processes;
        MegabytesBefore = processes.Max(process => process.Megabytes);
        watching = [WatchMemoryAsync(), .. processes.Select(AskAsync)];
    }

    /// <summary>Memory of the larger process when the disturbance began.</summary>
    public long MegabytesBefore { get; }

    /// <summary>Largest memory of one process since then.</summary>
    public long MostMegabytes { get; private set; }

    public TimeSpan SlowestReady { get; private set; }

    public async Task StopAsync()
    {
        isStopping = true;
        await Task.WhenAll(watching);
    }

    private async Task WatchMemoryAsync()
    {
        while (!isStopping)
        {
            MostMegabytes = Math.Max(MostMegabytes, processes.Max(process => process.Megabytes));
            await Task.Delay(250);
        }
    }

    private async Task AskAsync(ServingProcess process)
    {
        while (!isStopping)
        {
            var asked = Stopwatch.GetTimestamp();
            try
            {
                using var response = await process.Client.GetAsync(new Uri("/readyz", UriKind.Relative));
            }
            catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
            {
                // The time says it.
            }

            lock (gate)
            {
                var took = Stopwatch.GetElapsedTime(asked);
                SlowestReady = took > SlowestReady ? took : SlowestReady;
            }

            await Task.Delay(1_000);
        }
    }
}
