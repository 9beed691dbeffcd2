using LicenseFunctions.Database;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Usage;

public static class UsageRegistration
{
    public static IServiceCollection AddUsage(this IServiceCollection services, SettingReader reader)
    {
        // Only the triggers use the value. It is read here because a Functions host disables the queue functions silently if it is missing.
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
