using LicenseFunctions.Database;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Operations;

public static class OperationsRegistration
{
    public static IServiceCollection AddOperations(this IServiceCollection services) => services
        .AddSingleton<ReadinessStore>()
        .AddSingleton<OutboxStore>()
        .AddSingleton<RetentionStore>()
        .AddSingleton<RetainData>()
        .AddSingleton<DrainOutbox>();
}
