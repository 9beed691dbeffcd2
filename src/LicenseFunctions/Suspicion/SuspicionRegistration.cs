using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Webhooks;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Suspicion;

public static class SuspicionRegistration
{
    public static IServiceCollection AddSuspicion(this IServiceCollection services, SettingReader settings)
    {
        services.AddSingleton(SuspicionSettings.Read(settings));
        services.AddSingleton<SuspicionStore>();
        services.AddSingleton<AlertStore>();
        services.AddSingleton<ShadowStore>();
        services.AddSingleton<ListShadowAlerts>();
        services.AddSingleton<ScanUsage>();
        services.AddSingleton(provider => new SendAlertWebhooks(
            provider.GetRequiredService<OutboxStore>(), provider.GetRequiredService<SuspicionSettings>(),
            WebhookHttp.ForSettings(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ListAlerts>();
        services.AddSingleton<ReviewAlert>();
        services.AddSingleton<ReviewAlerts>();
        services.AddSingleton<AnswerSuspicion>();
        services.AddSingleton<NotifyOfAnswers>();
        return services;
    }
}
