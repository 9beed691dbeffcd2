using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>
/// Builds a standalone function application: HTTP on Kestrel, timers, queues, and one middleware pipeline for all of them. It implements
/// the two public interfaces of the official builder, so that the same composition code works for both.
/// </summary>
public sealed class StandaloneApplicationBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
{
    private readonly WebApplicationBuilder web;
    private readonly List<Func<FunctionExecutionDelegate, FunctionExecutionDelegate>> middleware = [];

    internal StandaloneApplicationBuilder(string[] args, Assembly[] functions)
    {
        var folder = Path.GetDirectoryName(functions[0].Location)!;
        HostJsonFile = HostJson.Load(folder);
        Types = functions.SelectMany(FunctionTypes.Of);
        web = WebApplication.CreateEmptyBuilder(new()
        {
            ApplicationName = functions[0].GetName().Name,
            ContentRootPath = folder,
            EnvironmentName = System.Environment.GetEnvironmentVariable("AZURE_FUNCTIONS_ENVIRONMENT") ?? Environments.Production,
        });
        web.Configuration.AddEnvironmentVariables().AddCommandLine(args);
        web.Configuration.AddHostJsonLogLevels(folder);
        ((IConfigurationBuilder)web.Configuration).Sources.Insert(0, new MemoryConfigurationSource { InitialData = Settings.Defaults });
        web.Logging.AddConfiguration(web.Configuration.GetSection("Logging"));
        web.Logging.AddSimpleConsole(console => console.SingleLine = true);
        // If this logger is enabled, ASP.NET Core creates an Activity for every request, which only the log scope uses.
        web.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Kestrel's default of 30 s lets a slow client keep a connection open too long.
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        web.Services.AddRouting();
        // On Azure the platform answers CORS preflights before the host sees them.
        web.Services.AddCors();
        web.Services.Configure<HostOptions>(options => options.ServicesStopConcurrently = true);
    }

    /// <inheritdoc/>
    public IDictionary<object, object> Properties => ((IHostApplicationBuilder)web).Properties;

    /// <summary>The settings. The environment and the command line override host.json's log levels and the standalone defaults.</summary>
    public ConfigurationManager Configuration => web.Configuration;

    IConfigurationManager IHostApplicationBuilder.Configuration => Configuration;

    /// <inheritdoc/>
    public IHostEnvironment Environment => web.Environment;

    /// <inheritdoc/>
    public ILoggingBuilder Logging => web.Logging;

    /// <inheritdoc/>
    public IMetricsBuilder Metrics => web.Metrics;

    /// <inheritdoc cref="IHostApplicationBuilder.Services"/>
    public IServiceCollection Services => web.Services;

    /// <summary>host.json; a test may change it before <see cref="Build"/>.</summary>
    internal IConfiguration HostJsonFile { get; }

    /// <summary>The types that declare the functions to run; a test may replace them before <see cref="Build"/>.</summary>
    internal IEnumerable<Type> Types { get; set; }

    /// <inheritdoc/>
    public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware)
    {
        this.middleware.Add(middleware);
        return this;
    }

    /// <inheritdoc/>
    public void ConfigureContainer<TContainerBuilder>(
        IServiceProviderFactory<TContainerBuilder> factory, Action<TContainerBuilder>? configure = null)
        where TContainerBuilder : notnull =>
        ((IHostApplicationBuilder)web).ConfigureContainer(factory, configure);

    /// <summary>Builds the application.</summary>
    /// <exception cref="StartRefusedException">
    /// A function can't run here, or the Functions host would run it differently: a parameter of an unknown type, a missing setting, an
    /// invalid schedule, a route that can never be reached. The message names the function or the setting.
    /// </exception>
    public WebApplication Build()
    {
        var hostJson = HostJson.Read(HostJsonFile);
        var functions = FunctionTable.Read(Types);
        foreach (var type in functions.Select(function => function.Type).Where(FunctionCall.NeedsServices).Distinct())
            web.Services.AddTransient(type);
        var pipeline = AddMiddleware(CallAsync);
        TimerTriggers? timers = null;
        QueueTriggers? queues = null;
        web.Services.AddHostedService(_ => timers!);
        web.Services.AddHostedService(_ => queues!);
        var app = web.Build();
        var urls = app.Configuration["ASPNETCORE_URLS"] is { Length: > 0 } set ? set : "http://127.0.0.1:7071";
        foreach (var url in urls.Split(';'))
            app.Urls.Add(Url(url));
        var origins = (app.Configuration["CORS_ALLOWED_ORIGINS"] ?? "")
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (origins.Length > 0)
            app.UseCors(policy => policy.WithOrigins(origins).AllowAnyHeader().AllowAnyMethod());
        app.Use(HttpFunctions.HideWrongMethod);
        timers = TimerTriggers.Create(functions, pipeline, app.Services);
        queues = new QueueTriggers(functions, hostJson, pipeline, app.Services);
        timers.Map(app, AddMiddleware, app.Logger);
        HttpFunctions.Map(app, functions, hostJson.RoutePrefix, pipeline, app.Logger);
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            foreach (var url in app.Urls)
                Console.WriteLine($"listening on {url}");
        });
        return app;
    }

    private static Task CallAsync(FunctionContext context)
    {
        var run = (Invocation)context;
        var call = run.Function.Call(run);
        return run.Http is null ? KeepResultAsync(run, call) : call;
    }

    private static async Task KeepResultAsync(Invocation run, Task call)
    {
        await call;
        run.Items[StandaloneApplication.ResultKey] = run.Result!;
    }

    /// <summary>
    /// Refuses a port that isn't a number: Kestrel reads it as part of the host name and listens on all addresses. TLS and paths are the
    /// task of a proxy.
    /// </summary>
    private static string Url(string text)
    {
        try
        {
            var address = BindingAddress.Parse(text);
            if (address.IsUnixPipe
                || (address is { Scheme: "http", PathBase: "", Port: >= 0 and <= 65_535, Host.Length: > 0 }
                    && (address.Host.StartsWith('[') || !address.Host.Contains(':'))))
                return text;
        }
        catch (FormatException)
        {
            // Refused below.
        }

        throw new StartRefusedException($"ASPNETCORE_URLS: {text} is not a valid address. Example: ASPNETCORE_URLS=http://127.0.0.1:7071");
    }

    private FunctionExecutionDelegate AddMiddleware(FunctionExecutionDelegate inner)
    {
        foreach (var around in Enumerable.Reverse(middleware))
            inner = around(inner);
        return inner;
    }
}
