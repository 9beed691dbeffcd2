using Microsoft.Extensions.Configuration;

namespace FunctionsHost;

/// <summary>What this host reads of the application's host.json. The defaults are the host's.</summary>
internal sealed record HostJson(string RoutePrefix, int MaxMessageBatchSize, bool SendCanceledInvocationsToWorker)
{
    public static HostJson Read(string appFolder)
    {
        var file = new ConfigurationBuilder().SetBasePath(appFolder).AddJsonFile("host.json").Build();
        return new(
            file["extensions:http:routePrefix"] ?? "api",
            file.GetValue("extensions:serviceBus:maxMessageBatchSize", 1000),
            file.GetValue("sendCanceledInvocationsToWorker", true));
    }
}
