using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Infrastructure.Webhooks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StandaloneHost;

namespace LicenseFunctions.Operations;

public static class OperationsRegistration
{
    public static IServiceCollection AddOperations(this IServiceCollection services, SettingReader reader)
    {
        var webhooks = WebhookSettings.Read(reader);
        var serviceBus = ServiceBusSettings.Read(reader, reader.Identity());
        return services
            .AddHostedService<ReadClock>()
            .AddHostedService<WatchReplica>()
            .AddSingleton(TimerSchedules.Read(reader, TimeProvider.System))
            .AddSingleton(TimerFallbackSettings.Read(reader))
            .AddSingleton<TimerFallbackStore>()
            .AddSingleton<TimerFallback>()
            .AddHostedService(provider => provider.GetRequiredService<TimerFallback>())
            .AddSingleton(provider => new TimerPause(() => provider.GetRequiredService<DatabaseClock>().Warning))
            .AddSingleton<ReadinessStore>()
            .AddSingleton<SystemStore>()
            .AddSingleton<RetentionStore>()
            .AddSingleton<RetainData>()
            .AddSingleton<DrainOutbox>()
            .AddSingleton(TroubleSettings.Read(reader))
            .AddSingleton<NoticeTroubles>()
            .AddSingleton<EventStore>()
            .AddSingleton<ReadEvents>()
            .AddSingleton(webhooks)
            .AddSingleton<WebhookEndpointStore>()
            .AddSingleton<EditWebhookEndpoints>()
            .AddSingleton(provider => new WebhookSender(
                provider.GetRequiredService<WebhookEndpointStore>(), webhooks, WebhookHttp.ForEndpoints(webhooks.AllowPrivate),
                provider.GetRequiredService<TimeProvider>()))
            .AddSingleton<TestWebhook>()
            .AddSingleton<DeliverEvents>()
            .AddSingleton(MetricsSettings.Read(reader))
            .AddSingleton<ProcessCounts>()
            .AddSingleton<MetricStore>()
            .AddSingleton<ReadMetrics>()
            .AddSingleton<ShowSystem>()
            .AddSingleton<TrendStore>()
            .AddSingleton<ShowTrends>()
            .AddSingleton<SearchStore>()
            .AddSingleton<SearchCustomers>()
            .AddSingleton<PersonStore>()
            .AddSingleton<CustomerStore>()
            .AddSingleton<ShowCustomer>()
            .AddSingleton<ErasePerson>()
            .AddSingleton<AuditReads>()
            .AddSingleton<ReadAudit>()
            .AddSingleton<DeadOutboxStore>()
            .AddSingleton<ReviveOutbox>()
            .AddSingleton(provider => new CountMessages(
                serviceBus, CountMessages.Client(serviceBus),
                provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<CountMessages>>()))
            .AddHostedService<WriteCounts>();
    }
}
