using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.PaymentMethods;

public static class PaymentMethodsRegistration
{
    public static IServiceCollection AddPaymentMethods(this IServiceCollection services) => services
        .AddSingleton<PaymentMethodStore>()
        .AddSingleton<StartCardSetup>()
        .AddSingleton<RemovePaymentMethod>()
        .AddSingleton<SavePayPal>()
        .AddSingleton<ApplyEvent>()
        .AddSingleton<ReceiveStripeEvent>()
        .AddSingleton<ReceivePayPalEvent>()
        .AddSingleton<PaymentEventReads>()
        .AddSingleton<FetchPaymentEvents>()
        .AddSingleton<WalletStore>()
        .AddSingleton<ShowWallet>();
}
