using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Invoices;

public static class InvoicesRegistration
{
    public static IServiceCollection AddInvoices(this IServiceCollection services, SettingReader reader) => services
        .AddSingleton(InvoiceSettings.Read(reader))
        .AddSingleton<InvoiceStore>()
        .AddSingleton<IssueInvoices>()
        .AddSingleton<InvoiceMails>()
        .AddSingleton<FindAttachments>(provider => provider.GetRequiredService<InvoiceMails>().FilesOfAsync)
        .AddSingleton<ListInvoices>()
        .AddSingleton<BillingDetailsStore>()
        .AddSingleton<EditBillingDetails>();
}
