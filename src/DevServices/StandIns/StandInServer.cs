using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StandIns;

/// <summary>A payment provider over HTTP, in memory, for tests and the demo. It must not be used for real payments.</summary>
public abstract class StandInServer : IAsyncDisposable
{
    private readonly WebhookSender webhooks;

    /// <param name="url">The address to listen on; port 0 for a free one.</param>
    /// <param name="webhooks">Ends with the server.</param>
    protected StandInServer(string url, WebhookSender webhooks)
    {
        this.webhooks = webhooks;
        // Without settings of the environment or of files: the address and the options are all that it has.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().UseUrls(url).UseShutdownTimeout(TimeSpan.FromSeconds(1));
        builder.Services.AddRoutingCore().AddCors();
        App = builder.Build();
    }

    protected WebApplication App { get; }

    /// <summary>Canceled when the server stops. A request that is delayed then ends without an answer.</summary>
    public CancellationToken Stopping => App.Lifetime.ApplicationStopping;

    /// <summary>The address of the provider's API, from the start on. A request that ends after the server still reads it.</summary>
    public Uri BaseAddress { get; private set; } = new("http://127.0.0.1:0");

    protected static async Task<T> StartAsync<T>(T standIn, CancellationToken cancellationToken)
        where T : StandInServer
    {
        await standIn.App.StartAsync(cancellationToken);
        standIn.BaseAddress = new Uri(standIn.App.Urls.First());
        return standIn;
    }

    public Task WaitAsync(CancellationToken cancellationToken) => App.WaitForShutdownAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
        await webhooks.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
