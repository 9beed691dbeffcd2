using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The configured payment gateways.</summary>
public sealed class RenewalGateways(IEnumerable<IPaymentGateway> gateways, Func<Guid>? newId = null)
{
    private readonly Dictionary<string, IPaymentGateway> byProvider = gateways.ToDictionary(gateway => gateway.Provider);
    private readonly Func<Guid> newId = newId ?? Guid.NewGuid;

    public IReadOnlyDictionary<string, TimeSpan> IdempotencyKeyLifetimes =>
        byProvider.ToDictionary(pair => pair.Key, pair => pair.Value.IdempotencyKeyLifetime);

    public IReadOnlyDictionary<string, decimal> MinimumChargesUsd =>
        byProvider.ToDictionary(pair => pair.Key, pair => pair.Value.MinimumChargeUsd);

    /// <inheritdoc cref="RenewalPolicy.OneAttemptProviders"/>
    public IReadOnlySet<string> OneAttemptProviders =>
        byProvider.Values.Where(gateway => !gateway.ReusesIntents).Select(gateway => gateway.Provider).ToHashSet();

    public Guid NewAttemptId() => newId();

    /// <returns>Null if the provider is not configured.</returns>
    public IPaymentGateway? Find(string provider) => byProvider.GetValueOrDefault(provider);

    /// <exception cref="InvalidOperationException">The attempt's provider is no longer configured.</exception>
    public IPaymentGateway Of(RenewalAttempt attempt) => byProvider.GetValueOrDefault(attempt.Provider)
        ?? throw new InvalidOperationException($"Payment provider {attempt.Provider} has open charges but is not configured.");
}
