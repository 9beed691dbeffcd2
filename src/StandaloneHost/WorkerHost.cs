using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Puts the parts together: settings, functions, one middleware pipeline for all triggers, Kestrel.</summary>
internal sealed class WorkerHost
{
    public WorkerHost(string[] args, Assembly application)
    {
        var folder = Path.GetDirectoryName(application.Location)!;
        HostJson = StandaloneHost.HostJson.Load(folder);
        FunctionTypes = application.GetTypes();
        Web = WebApplication.CreateEmptyBuilder(new()
        {
            ApplicationName = application.GetName().Name,
            ContentRootPath = folder,
            EnvironmentName = Environment.GetEnvironmentVariable("AZURE_FUNCTIONS_ENVIRONMENT") ?? Environments.Production,
        });
        Web.Configuration
            .AddInMemoryCollection(Settings.Defaults)
            .AddInMemoryCollection(HostJson.GetSection("logging").AsEnumerable(makePathsRelative: true)
                .Select(level => KeyValuePair.Create($"Logging:{level.Key}", level.Value)))
            .AddEnvironmentVariables()
            .AddCommandLine(args);
        Web.Logging.AddConfiguration(Web.Configuration.GetSection("Logging"));
        Web.Logging.AddSimpleConsole(console => console.SingleLine = true);
        // Enabled, it makes an Activity for every request only to name it in a log line that nobody asked for.
        Web.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        Web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Of Kestrel's 30 s nobody honest needs more; what is slower holds a connection for nothing.
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        Web.Services.AddRouting();
        // On Azure the platform answers CORS preflights before the host sees them.
        Web.Services.AddCors();
        Web.Services.Configure<HostOptions>(options => options.ServicesStopConcurrently = true);
    }

    public WebApplicationBuilder Web { get; }

    public IConfiguration HostJson { get; }

    public List<Func<FunctionExecutionDelegate, FunctionExecutionDelegate>> Middleware { get; } = [];

    public IEnumerable<Type> FunctionTypes { get; set; }

    public bool ServesHttp { get; set; }

    public WebApplication Build()
    {
        var settings = StandaloneHost.HostJson.Read(HostJson);
        var functions = FunctionTable.Read(FunctionTypes);
        if (!ServesHttp && functions.FirstOrDefault(function => function.Trigger is HttpTriggerAttribute) is { } http)
            throw new StartRefusedException(
                $"Function {http.Name}: HTTP functions need builder.ConfigureFunctionsWebApplication() in Program.cs.");

        FunctionExecutionDelegate pipeline = AddMiddleware(run => ((Invocation)run).Function.Call((Invocation)run));
        TimerService? timers = null;
        QueueService? queues = null;
        Web.Services.AddHostedService(_ => timers!);
        Web.Services.AddHostedService(_ => queues!);
        var app = Web.Build();
        foreach (var url in (app.Configuration["ASPNETCORE_URLS"] ?? "http://127.0.0.1:7071").Split(';'))
            app.Urls.Add(Url(url));
        if (app.Configuration["CORS_ALLOWED_ORIGINS"] is { Length: > 0 } origins)
            app.UseCors(policy => policy.WithOrigins(origins.Split(',', StringSplitOptions.TrimEntries)).AllowAnyHeader().AllowAnyMethod());
        app.Use(HttpFunctions.HideWrongMethod);
        timers = TimerService.Create(functions, pipeline, app.Services);
        queues = new QueueService(functions, settings, pipeline, app.Services);
        timers.Map(app, AddMiddleware, app.Logger);
        HttpFunctions.Map(app, functions, settings.RoutePrefix, pipeline, app.Logger);
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            foreach (var url in app.Urls)
                Console.WriteLine($"listening on {url}");
        });
        return app;
    }

    /// <summary>Kestrel takes a port that is no number for a part of the host's name, and listens on every address of the machine.</summary>
    private static string Url(string text)
    {
        try
        {
            var address = BindingAddress.Parse(text);
            if (address.IsUnixPipe || address.Host.StartsWith('[') || !address.Host.Contains(':'))
                return text;
        }
        catch (FormatException)
        {
            // Said below.
        }

        throw new StartRefusedException($"ASPNETCORE_URLS: {text} can't be listened on. Example: ASPNETCORE_URLS=http://127.0.0.1:7071");
    }

    private FunctionExecutionDelegate AddMiddleware(FunctionExecutionDelegate inner)
    {
        foreach (var middleware in Enumerable.Reverse(Middleware))
            inner = middleware(inner);
        return inner;
    }
}
