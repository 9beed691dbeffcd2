using LicenseFunctions.Database;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Usage;

public static class UsageRegistration
{
    public static IServiceCollection AddUsage(this IServiceCollection services, SettingReader reader)
    {
        // Only the triggers use it. Without it a Functions host fails the queue's functions and nothing else says so.
        reader.Text("USAGE_QUEUE", "usage-records");
        return services
            .AddSingleton<UsageStore>()
            .AddSingleton<QuarantineStore>()
            .AddSingleton<UsageRollupStore>()
            .AddSingleton<IngestUsage>()
            .AddSingleton<IngestQueuedUsage>()
            .AddSingleton<PostUsage>()
            .AddSingleton<LicenseUsage>()
            .AddSingleton<SummarizeUsage>()
            .AddSingleton<ListQuarantined>()
            .AddSingleton<ReplayQuarantined>();
    }
}
