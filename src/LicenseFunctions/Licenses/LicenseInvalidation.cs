namespace LicenseFunctions.Licenses;

/// <summary>Tells whoever keeps copies of a license's facts that this process has changed it.</summary>
public sealed class LicenseInvalidation
{
    /// <summary>Raised on the changing thread, inside or after the transaction of the change. Handlers must not block or throw.</summary>
    public event Action<Guid>? Changed;

    /// <summary>Call it for every change of a license, its tokens, devices or suspensions.</summary>
    public void Raise(Guid subscriptionId) => Changed?.Invoke(subscriptionId);
}
