using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Settings;
using Licensing.Renewals;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Renewals;

public static class RenewalsRegistration
{
    // Well below functionTimeout in host.json.
    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    public static IServiceCollection AddRenewals(this IServiceCollection services, SettingReader reader)
    {
        var settings = RenewalSettings.Read(reader);
        services.AddSingleton(settings);
        services.AddSingleton(new RenewalPace(settings.Lanes, Claim: 2, Tick));
        services.AddSingleton(provider => new RenewalGateways(provider.GetServices<IPaymentGateway>()));
        services.AddSingleton(provider => Policy(settings, provider.GetRequiredService<RenewalGateways>()));
        services.AddSingleton<IRenewalStore, RenewalStore>();
        services.AddSingleton<RenewalReads>();
        services.AddSingleton<ProcessRenewal>();
        services.AddSingleton<RunDueRenewals>();
        services.AddSingleton<WarnExpiring>();
        services.AddSingleton<ApplyPaymentEvent>();
        services.AddSingleton<RenewManually>();
        services.AddSingleton<ConfirmPayment>();
        services.AddSingleton<RequestRenewal>();
        services.AddSingleton<ConsentToPrice>();
        services.AddSingleton<ListUnknownCharges>();
        services.AddSingleton<ResolveUnknownCharge>();
        services.AddSingleton<PaymentReads>();
        services.AddSingleton<DecidePaymentCase>();
        services.AddSingleton<RefundStore>();
        services.AddSingleton<SendRefunds>();
        services.AddSingleton<RefundPayment>();
        services.AddSingleton<EvidenceStore>();
        services.AddSingleton<SendEvidence>();
        services.AddSingleton<SubmitEvidence>();
        services.AddSingleton<NotifyOfPayments>();
        services.AddSingleton<PaymentBooksStore>();
        services.AddSingleton<ReconcilePayments>();
        services.AddSingleton<CompareDays>();
        services.AddSingleton<ListRenewals>();
        services.AddSingleton<PreviewRenewals>();
        services.AddSingleton<RenewalListStore>();
        services.AddSingleton<ListAllRenewals>();
        services.AddSingleton<RetryRenewals>();
        services.AddSingleton<CountRenewalFailures>();
        services.AddSingleton<ReportStore>();
        services.AddSingleton<ShowReports>();
        services.AddSingleton<SetAutoRenewal>();
        return services;
    }

    private static RenewalPolicy Policy(RenewalSettings settings, RenewalGateways gateways) =>
        settings.Policy(gateways.IdempotencyKeyLifetimes) with
        {
            MinimumChargesUsd = gateways.MinimumChargesUsd,
            OneAttemptProviders = gateways.OneAttemptProviders,
        };
}
