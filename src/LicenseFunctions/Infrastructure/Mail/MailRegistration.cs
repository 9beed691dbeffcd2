using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Infrastructure.Mail;

public static class MailRegistration
{
    public static IServiceCollection AddMail(this IServiceCollection services, SettingReader reader)
    {
        var settings = MailSettings.Read(reader);
        services.AddSingleton(settings);
        var linksToInvoices = reader.HasInvoices() && !reader.AreInvoicesMailed();
        services.AddSingleton(new MailTemplates(settings.CloseOnly, settings.Brand, settings.Language, linksToInvoices));
        services.AddSingleton<Func<Mailer>>(provider => () => new Mailer(
            settings, provider.GetRequiredService<MailTemplates>(), provider.GetRequiredService<FindAttachments>()));
        services.AddSingleton<CustomerLanguages>();
        return services;
    }
}
