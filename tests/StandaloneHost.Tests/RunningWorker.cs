using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>Runs an application with some function classes in this process, on a free port.</summary>
internal sealed class RunningWorker : IAsyncDisposable
{
    private readonly WebApplication app;

    private RunningWorker(WebApplication app)
    {
        this.app = app;
        var addresses = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses;
        Client = new HttpClient { BaseAddress = new Uri(addresses.First()) };
    }

    public HttpClient Client { get; }

    public IServiceProvider Services => app.Services;

    /// <summary>A builder with only these classes, without the other functions of this assembly.</summary>
    public static StandaloneApplicationBuilder Builder(params Type[] functions)
    {
        var builder = StandaloneApplication.CreateBuilder(["--ASPNETCORE_URLS=http://127.0.0.1:0"], Assembly.GetExecutingAssembly());
        builder.Types = functions;
        builder.Configuration["Logging:LogLevel:Default"] = "None";
        return builder;
    }

    public static Task<RunningWorker> StartAsync(params Type[] functions) => StartAsync(Builder(functions));

    public static async Task<RunningWorker> StartAsync(StandaloneApplicationBuilder builder)
    {
        var app = builder.Build();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new RunningWorker(app);
    }

    public static string Refusal(StandaloneApplicationBuilder builder) => Assert.Throws<StartRefusedException>(builder.Build).Message;

    public Task StopAsync() => app.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }
}
