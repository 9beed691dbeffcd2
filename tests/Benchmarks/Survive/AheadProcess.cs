using System.Diagnostics;
using LicenseFunctions.Infrastructure.Database;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Benchmarks.Survive;

/// <summary>The backend on a machine whose clock is 20 days ahead.</summary>
internal static class AheadProcess
{
    public const string Argument = "ahead";

    /// <summary>Starts this program as that process.</summary>
    public static Task<Backend> StartAsync(string connectionString, params (string Name, string Value)[] settings) => Backend.StartAsync(
        typeof(AheadProcess).Assembly.Location, connectionString, [("BENCH_DATABASE_URL", BenchChild.DatabaseUrl), .. settings],
        "survive", Argument);

    public static async Task<int> RunAsync()
    {
        using var listening = DiagnosticListener.AllListeners.Subscribe(new HostBuilding());
        return await LicenseFunctions.Program.RunAsync(() => LicenseFunctions.Program.BuildStandalone([]));
    }

    private sealed class AheadClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddDays(20);
    }

    /// <summary>Replaces the machine's clock while the host is built, as tests of ASP.NET Core applications replace services.</summary>
    private sealed class HostBuilding : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "Microsoft.Extensions.Hosting")
                value.Subscribe(this);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value is { Key: "HostBuilding", Value: IHostBuilder builder })
                builder.ConfigureServices(services => services.Replace(ServiceDescriptor.Singleton(new DatabaseClock(new AheadClock()))));
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
