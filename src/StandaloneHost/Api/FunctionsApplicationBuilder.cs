using System.Reflection;
using System.Runtime.CompilerServices;
using StandaloneHost;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker.Builder;

/// <summary>Where a function application begins.</summary>
public static class FunctionsApplication
{
    /// <summary>Begins an application. Its functions are those of the assembly that calls this.</summary>
    /// <param name="args">The command line: <c>--NAME=value</c> overrides the setting NAME.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static FunctionsApplicationBuilder CreateBuilder(string[] args) => new(args, Assembly.GetCallingAssembly());
}

/// <summary>Builds a function application that runs in one process, without the Functions host.</summary>
public sealed class FunctionsApplicationBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
{
    private readonly WorkerHost host;

    internal FunctionsApplicationBuilder(string[] args, Assembly functions) => host = new WorkerHost(args, functions);

    internal WorkerHost Host => host;

    /// <inheritdoc/>
    public IDictionary<object, object> Properties => ((IHostApplicationBuilder)host.Web).Properties;

    /// <summary>The settings: environment and command line; below them host.json's log levels and StandaloneHost's own schedules.</summary>
    public ConfigurationManager Configuration => host.Web.Configuration;

    IConfigurationManager IHostApplicationBuilder.Configuration => Configuration;

    /// <inheritdoc/>
    public IHostEnvironment Environment => host.Web.Environment;

    /// <inheritdoc/>
    public ILoggingBuilder Logging => host.Web.Logging;

    /// <inheritdoc/>
    public IMetricsBuilder Metrics => host.Web.Metrics;

    /// <inheritdoc/>
    public IServiceCollection Services => host.Web.Services;

    /// <inheritdoc/>
    public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware)
    {
        host.Middleware.Add(middleware);
        return this;
    }

    /// <summary>
    /// Builds the application. What the worker can't run (an unknown type of a parameter, a missing setting, a schedule that isn't
    /// one) ends the process here with exit code 78 and one line on standard error that names the function and the mend.
    /// </summary>
    public IHost Build()
    {
        try
        {
            return host.Build();
        }
        catch (StartRefusedException refused)
        {
            Console.Error.WriteLine(refused.Message);
            System.Environment.Exit(78); // EX_CONFIG of sysexits.h: a supervisor need not try again
            throw;
        }
    }

    /// <inheritdoc/>
    public void ConfigureContainer<TContainerBuilder>(
        IServiceProviderFactory<TContainerBuilder> factory, Action<TContainerBuilder>? configure = null)
        where TContainerBuilder : notnull =>
        ((IHostApplicationBuilder)host.Web).ConfigureContainer(factory, configure);
}

/// <summary>ASP.NET Core's part of an application.</summary>
public static class FunctionsApplicationBuilderAspNetCoreExtensions
{
    /// <summary>Serves the HTTP functions. As officially, without it an application with HTTP functions doesn't start.</summary>
    /// <param name="builder">The application.</param>
    public static FunctionsApplicationBuilder ConfigureFunctionsWebApplication(this FunctionsApplicationBuilder builder)
    {
        builder.Host.ServesHttp = true;
        return builder;
    }
}
