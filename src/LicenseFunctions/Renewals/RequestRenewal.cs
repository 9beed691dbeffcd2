using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;

namespace LicenseFunctions.Renewals;

/// <param name="AcceptAmountUsd">
/// The increased price that the customer agrees to, as the list of renewals shows it; null for none. Another price is not accepted.
/// </param>
public sealed record ManualRenewal(decimal? AcceptAmountUsd = null);

/// <summary>A customer's or an operator's request to renew a license now.</summary>
public sealed class RequestRenewal(RenewalReads reads, RenewManually renew)
{
    private const int LongestKey = 255;

    private static readonly Refusal KeyInvalid = new(
        RefusalKind.Invalid, "IDEMPOTENCY_KEY_INVALID", "The Idempotency-Key must have at most 255 characters.", "Idempotency-Key");

    private static readonly Refusal NotTheCustomer = new(
        RefusalKind.Forbidden, "CONSENT_NOT_ALLOWED", "Only the customer can agree to an increased price.", "accept_amount_usd",
        "Renew without accept_amount_usd: the customer is asked to agree.");

    /// <param name="subscriptionId">The license.</param>
    /// <param name="subscriberId">The license must belong to this subscriber; null for an operator.</param>
    /// <param name="callerId">The user who sent the Idempotency-Key.</param>
    /// <param name="by">The actor in the audit log.</param>
    /// <param name="key">The header Idempotency-Key; null or empty for none.</param>
    /// <param name="renewal">What the customer agrees to.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The renewal's state afterwards.</returns>
    public async Task<Outcome<RenewalReply>> RunAsync(
        Guid subscriptionId, Guid? subscriberId, Guid callerId, Actor by, string? key, ManualRenewal renewal,
        CancellationToken cancellationToken)
    {
        if (key is { Length: > LongestKey }) return KeyInvalid;
        if (!await reads.IsVisibleAsync(subscriptionId, subscriberId, cancellationToken)) return LicenseNotFound.Refusal;

        if (renewal.AcceptAmountUsd is not null && subscriberId is null) return NotTheCustomer;

        var request = string.IsNullOrEmpty(key) ? null : new RenewalRequestKey(callerId, key);
        var renewed = await renew.RunAsync(subscriptionId, by, request, renewal.AcceptAmountUsd, cancellationToken);
        return renewed.Refusal is { } refusal ? refusal : RenewalReply.Of(renewed.Value, isOperator: subscriberId is null);
    }
}
