using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The customer's or an operator's request to renew, answered from the renewal's state.</summary>
public sealed class RequestRenewal(RenewalReads reads, RenewManually renew)
{
    private const int LongestKey = 255;

    /// <param name="callerId">Whose the Idempotency-Key is.</param>
    /// <param name="key">The header; null or empty for none.</param>
    public async Task<Outcome<RenewalReply>> RunAsync(
        Guid subscriptionId, Guid? ownerId, Guid callerId, Actor by, string? key, CancellationToken cancellationToken)
    {
        if (key is { Length: > LongestKey })
            return new Refusal(RefusalKind.Invalid, "IDEMPOTENCY_KEY_INVALID", "An Idempotency-Key has at most 255 characters.", "Idempotency-Key");
        if (!await reads.IsVisibleAsync(subscriptionId, ownerId, cancellationToken)) return LicenseNotFound.Refusal;

        var request = string.IsNullOrEmpty(key) ? null : new RenewalRequestKey(callerId, key);
        var renewed = await renew.RunAsync(subscriptionId, by, request, cancellationToken);
        return renewed.Refusal is { } refusal ? refusal : RenewalReply.Of(renewed.Value);
    }
}
