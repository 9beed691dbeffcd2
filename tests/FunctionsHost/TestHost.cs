using System.Net;
using FunctionsHost.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;

namespace FunctionsHost;

/// <summary>
/// A Functions host for tests: it starts a built worker as a process, uses the host's protocol, and behaves like the real host where an
/// application can see a difference. It is not the real host: it has one key, no schedules, no broker, one worker, and no restarts.
/// </summary>
public sealed class TestHost : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    /// <summary>WorkerConstants.WorkerTerminateGracePeriodInSeconds.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly HostOptions options;
    private readonly WorkerChannel channel;
    private readonly WebApplication rpc;
    private readonly WebApplication web;
    private readonly Invoker invoker;
    private readonly TimerTrigger timers;
    private readonly HostJson hostJson;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Task> listeners = [];
    private WorkerProcess worker = null!;
    private HttpTrigger http = null!;
    private Task<WorkerExit>? stopped;

    private TestHost(HostOptions options)
    {
        this.options = options;
        hostJson = HostJson.Read(options.AppFolder);
        channel = new WorkerChannel(options.OnLog);
        invoker = new Invoker(channel, hostJson, options);
        timers = new TimerTrigger(invoker, TimeProvider.System);
        QueueTrigger = new QueueTrigger(invoker, hostJson);
        rpc = BuildRpc(channel);
        web = BuildWeb(options.Port);
        web.Run(ServeAsync);
    }

    /// <summary>The address that it listens on.</summary>
    public Uri Address { get; private set; } = null!;

    public int WorkerProcessId => worker.Id;

    /// <summary>All functions, in the order in which their routes are tried.</summary>
    public IReadOnlyList<HostFunction> Functions { get; private set; } = [];

    /// <summary>The capabilities that the worker sent at the start.</summary>
    public IReadOnlyDictionary<string, string> Capabilities { get; private set; } = new Dictionary<string, string>();

    public string MasterKey => options.MasterKey;

    /// <summary>The worker's console output.</summary>
    public string WorkerOutput => worker.Output;

    private QueueTrigger QueueTrigger { get; }

    /// <exception cref="WorkerStartException">The worker ended, or didn't answer within a minute.</exception>
    public static async Task<TestHost> StartAsync(HostOptions options, CancellationToken cancellationToken = default)
    {
        var host = new TestHost(options with { AppFolder = Path.GetFullPath(options.AppFolder) });
        try
        {
            await host.StartAsync(cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>A queue by its name, or the dead letters of one by <c>name/$deadletterqueue</c>.</summary>
    public QueuedMessages Queue(string name) => QueueTrigger[name];

    /// <summary>Ends when no function is running. An HTTP client may get its answer a moment earlier.</summary>
    public Task IdleAsync(CancellationToken cancellationToken) => invoker.IdleAsync(cancellationToken);

    /// <summary>
    /// Accepts no more work, cancels the batches and stops the worker: it sends WorkerTerminate, waits 5 s, then kills the process. Running
    /// requests continue during that time. The real host first waits up to 10 s for them; this host doesn't, to test the worse case.
    /// </summary>
    public Task<WorkerExit> StopAsync()
    {
        lock (stopping)
            return stopped ??= StopOnceAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (worker is not null)
        {
            await StopAsync();
            await worker.DisposeAsync();
        }

        http?.Dispose();
        await web.DisposeAsync();
        await rpc.DisposeAsync();
        stopping.Dispose();
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        await rpc.StartAsync(cancellationToken);
        worker = WorkerProcess.Start(options, AddressOf(rpc), Guid.NewGuid().ToString());
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(StartTimeout);
        var ended = worker.WaitForExitAsync(patience.Token);
        var ready = InitializeAsync();
        if (await Task.WhenAny(ready, ended) == ended)
        {
            throw new WorkerStartException(ended.IsCompletedSuccessfully
                ? $"The worker ended with code {await ended}:\n{worker.Output}"
                : $"The worker isn't ready after {StartTimeout.TotalSeconds} s:\n{worker.Output}");
        }

        await ready;
        http = new HttpTrigger(
            invoker, web.Services.GetRequiredService<IHttpForwarder>(),
            new HttpRoutes(Functions.Where(function => function.Error is null), hostJson.RoutePrefix, web.Services),
            new Uri(Capabilities["HttpUri"]));
        await web.StartAsync(cancellationToken);
        Address = AddressOf(web);
    }

    /// <summary>The requests that the host sends to a worker before any work, in the host's order.</summary>
    private async Task InitializeAsync()
    {
        await channel.Started;
        var initialized = (await channel.AskAsync(new StreamingMessage
        {
            WorkerInitRequest = new WorkerInitRequest
            {
                HostVersion = "4.0.0",
                WorkerDirectory = options.AppFolder,
                FunctionAppDirectory = options.AppFolder,
            },
        })).WorkerInitResponse;
        ThrowIfFailed(initialized.Result);
        Capabilities = initialized.Capabilities;

        var indexed = (await channel.AskAsync(new StreamingMessage
        {
            FunctionsMetadataRequest = new FunctionsMetadataRequest { FunctionAppDirectory = options.AppFolder },
        })).FunctionMetadataResponse;
        ThrowIfFailed(indexed.Result);
        // FunctionMetadataManager sorts the functions like this; it is also the order of the routes.
        Functions = [.. indexed.FunctionMetadataResults.Select(metadata => new HostFunction(metadata))
            .OrderBy(function => function.Name, StringComparer.OrdinalIgnoreCase)];

        await Task.WhenAll(Functions.Select(LoadAsync));
        foreach (var function in Functions.Where(function => function.Error is null))
        {
            if (function.IsTimer)
                function.Resolve("schedule", options);
            else if (function.IsQueue && function.Resolve("queueName", options) is { } queue)
                listeners.Add(QueueTrigger.RunAsync(function, queue, stopping.Token));
        }
    }

    private async Task LoadAsync(HostFunction function)
    {
        var loaded = (await channel.AskAsync(new StreamingMessage { FunctionLoadRequest = function.LoadRequest() })).FunctionLoadResponse;
        function.Error = Invoker.Failure(loaded.Result);
    }

    private async Task ServeAsync(HttpContext context)
    {
        if (stopping.IsCancellationRequested)
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (context.Request.Path.StartsWithSegments("/admin", out var rest))
            context.Response.StatusCode = Administer(context.Request, rest.Value ?? "");
        else
            await http.ServeAsync(context);
    }

    /// <summary><c>POST /admin/functions/NAME</c> of the host's FunctionsController: starts a run and answers before it ends.</summary>
    private int Administer(HttpRequest request, string path)
    {
        const string functions = "/functions/";
        if (request.Headers["x-functions-key"] != MasterKey)
            return StatusCodes.Status401Unauthorized;
        if (!HttpMethods.IsPost(request.Method) || !path.StartsWith(functions, StringComparison.OrdinalIgnoreCase))
            return StatusCodes.Status404NotFound;
        var name = path[functions.Length..];
        var named = Functions.FirstOrDefault(function => function.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (named is not { IsTimer: true, Error: null })
            return StatusCodes.Status404NotFound;
        _ = timers.RunAsync(named);
        return StatusCodes.Status202Accepted;
    }

    private async Task<WorkerExit> StopOnceAsync()
    {
        await stopping.CancelAsync();
        var listened = Task.WhenAll(listeners);
        await Task.WhenAny(listened, Task.Delay(Grace));
        channel.Terminate(Grace);
        var exit = await worker.EndAsync(Grace);
        await listened;
        await web.StopAsync();
        await rpc.StopAsync();
        return exit;
    }

    private static void ThrowIfFailed(StatusResult result)
    {
        if (Invoker.Failure(result) is { } failure)
            throw new WorkerStartException(failure);
    }

    private static Uri AddressOf(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    private static WebApplication BuildRpc(WorkerChannel channel)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton(channel);
        builder.Services.AddGrpc(grpc => (grpc.MaxReceiveMessageSize, grpc.MaxSendMessageSize) = (int.MaxValue, int.MaxValue));
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<WorkerChannel>();
        return app;
    }

    private static WebApplication BuildWeb(int port)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            // Otherwise a Server header of the worker could not be distinguished from this one.
            kestrel.AddServerHeader = false;
            // ScriptConstants.DefaultMaxRequestBodySize
            kestrel.Limits.MaxRequestBodySize = 104_857_600;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddRouting();
        builder.Services.AddHttpForwarder();
        return builder.Build();
    }
}
