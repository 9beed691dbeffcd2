using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Usage;

public static class UsageRegistration
{
    public static IServiceCollection AddUsage(this IServiceCollection services) => services
        .AddSingleton<UsageStore>()
        .AddSingleton<QuarantineStore>()
        .AddSingleton<UsageRollupStore>()
        .AddSingleton<SumUsage>()
        .AddSingleton<IngestUsage>()
        .AddSingleton<IngestQueuedUsage>()
        .AddSingleton<PostUsage>()
        .AddSingleton<LicenseUsage>()
        .AddSingleton<SummarizeUsage>()
        .AddSingleton<ListQuarantined>()
        .AddSingleton<ReadQuarantined>()
        .AddSingleton<ReplayQuarantined>()
        .AddSingleton<SettleQuarantined>();
}
