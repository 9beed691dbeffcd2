using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>An application of some function classes, in this process, on a free port.</summary>
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

    /// <summary>A builder over these classes alone; the rest of this assembly's functions stay out.</summary>
    public static FunctionsApplicationBuilder Builder(params Type[] functions)
    {
        var builder = new FunctionsApplicationBuilder(["--ASPNETCORE_URLS=http://127.0.0.1:0"], Assembly.GetExecutingAssembly());
        builder.Host.FunctionTypes = functions;
        builder.Configuration["Logging:LogLevel:Default"] = "None";
        builder.ConfigureFunctionsWebApplication();
        return builder;
    }

    public static Task<RunningWorker> StartAsync(params Type[] functions) => StartAsync(Builder(functions));

    public static async Task<RunningWorker> StartAsync(FunctionsApplicationBuilder builder)
    {
        var app = builder.Host.Build();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new RunningWorker(app);
    }

    public static string Refusal(FunctionsApplicationBuilder builder) => Assert.Throws<StartRefusedException>(builder.Host.Build).Message;

    public Task StopAsync() => app.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }
}
