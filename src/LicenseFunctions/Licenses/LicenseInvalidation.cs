namespace LicenseFunctions.Licenses;

/// <summary>Notifies caches of license facts that this process has changed a license.</summary>
public sealed class LicenseInvalidation
{
    /// <summary>Raised on the thread of the change, inside or after its transaction. Handlers must not block or throw.</summary>
    public event Action<Guid>? Changed;

    /// <summary>To be called for every change of a license, its tokens, devices or suspensions.</summary>
    public void Raise(Guid subscriptionId) => Changed?.Invoke(subscriptionId);
}
