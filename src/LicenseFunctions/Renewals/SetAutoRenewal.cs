using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;

namespace LicenseFunctions.Renewals;

public sealed record AutoRenewSwitch(bool? Enabled);

public sealed record AutoRenewState(Guid SubscriptionId, bool AutoRenew, DateTime? ExpiresAt);

/// <summary>Switches a license's auto-renewal on or off. A charge in progress is still completed.</summary>
public sealed class SetAutoRenewal(RenewalReads reads)
{
    public async Task<Outcome<AutoRenewState>> RunAsync(
        Guid subscriptionId, Guid? subscriberId, AutoRenewSwitch body, Actor by, CancellationToken cancellationToken)
    {
        if (body.Enabled is not { } enabled)
        {
            return new Refusal(
                RefusalKind.Invalid, "ENABLED_MISSING", "enabled must be true or false.", "enabled", "Send {\"enabled\": true}.");
        }

        var switched = await reads.SetAutoRenewalAsync(subscriptionId, subscriberId, enabled, by, cancellationToken);
        return switched.Count == 1 ? new AutoRenewState(subscriptionId, enabled, switched[0]) : LicenseNotFound.Refusal;
    }
}
