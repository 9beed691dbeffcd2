using Microsoft.Extensions.Configuration;

namespace FunctionsHost;

/// <summary>The settings that this host reads from the application's host.json. The defaults are those of the real host.</summary>
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
