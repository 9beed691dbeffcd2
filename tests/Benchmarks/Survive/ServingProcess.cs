using System.Diagnostics;

namespace Benchmarks.Survive;

/// <summary>One of the processes that answer the checks.</summary>
internal sealed class ServingProcess : IAsyncDisposable
{
    private readonly IAsyncDisposable owner;

    public ServingProcess(Uri address, Process process, IAsyncDisposable owner)
    {
        (Process, this.owner) = (process, owner);
        Client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public Process Process { get; }

    public HttpClient Client { get; }

    /// <summary>Present memory in MB; 0 if the process has ended.</summary>
    public long Megabytes
    {
        get
        {
            Process.Refresh();
            return Process.HasExited ? 0 : Process.WorkingSet64 >> 20;
        }
    }

    public static async Task<ServingProcess> StartAsync(SurviveSite site, params (string Name, string Value)[] settings) =>
        Of(await Backend.StartAsync(site.ConnectionString, settings));

    public static ServingProcess Of(Backend backend) => new(backend.Address, backend.Process, backend);

    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        return owner.DisposeAsync();
    }
}
