using LicenseFunctions.Renewals;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.PaymentMethods;

public static class SavedCardsRegistration
{
    public static IServiceCollection AddSavedCards(this IServiceCollection services) => services
        .AddSingleton<PaymentMethodStore>()
        .AddSingleton<StartCardSetup>()
        .AddSingleton<RemovePaymentMethod>()
        .AddSingleton<ConfirmPayment>()
        .AddSingleton<ReceiveStripeEvent>();
}
