using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <param name="OverlapSeconds">How long the old token is still accepted, at most 7 days; 0 ends all older tokens immediately.</param>
public sealed record TokenRotation(int OverlapSeconds = 0);

/// <param name="Token">Shown only here: its hash and its first characters are stored.</param>
/// <param name="PreviousValidUntil">Null if the old token is refused from now on.</param>
public sealed record NewToken(Guid SubscriptionId, string Token, DateTimeOffset? ExpiresAt, DateTimeOffset? PreviousValidUntil);

/// <summary>Replaces the current token of a license by a new one.</summary>
public sealed class RotateToken(LicenseDatabase database, SuspensionStore suspensions, LicenseInvalidation invalidation)
{
    private static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(7);

    private static readonly Refusal BadOverlap = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"overlap_seconds must be from 0 to {(int)LongestOverlap.TotalSeconds}.", "overlap_seconds",
        "Send 3600, or 0 to end the old token immediately.");

    private const int MostPerHour = 5;

    private static readonly Refusal Revoked = new(
        RefusalKind.Conflict, "LICENSE_REVOKED", "This license was revoked, so its token can't be replaced.", Hint: "Contact support.");

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public async Task<Outcome<NewToken>> RunAsync(
        Guid subscriptionId, Guid? subscriberId, TokenRotation rotation, Actor by, CancellationToken cancellationToken)
    {
        var overlap = TimeSpan.FromSeconds(rotation.OverlapSeconds);
        if (overlap < TimeSpan.Zero || overlap > LongestOverlap)
            return BadOverlap;
        // 256 random bits. Scanners for leaked secrets recognize the prefix.
        var token = "lic_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

        var outcome = await database.InTransactionAsync<Outcome<NewToken>>(async (connection, stop) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, stop))
                return LicenseNotFound.Refusal;
            await suspensions.CloseIfReinstatedManuallyAsync(connection, subscriptionId, stop);
            if (await TokenStore.CurrentAsync(connection, subscriptionId, stop) is not { } current)
                return LicenseNotFound.Refusal;
            if (!current.IsActive && !current.HeldBySuspension)
                return Revoked;
            if (subscriberId is not null && await TooManyAsync(connection, subscriptionId, stop) is { } tooMany)
                return tooMany;

            var rotated = await TokenStore.RotateAsync(
                connection, subscriptionId, current.TokenId, hash, token[..TokenStore.BeginningLength], overlap, stop);
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "token.rotated", subscriptionId, rotated.TokenId.ToString(),
                Before: RowJson.Of(new { current.TokenId }),
                After: RowJson.Of(new { rotated.TokenId, rotated.OverlapUntil })), stop);
            return new NewToken(
                subscriptionId, token, rotated.ExpiresAt is { } expiry ? new DateTimeOffset(expiry, TimeSpan.Zero) : null,
                overlap > TimeSpan.Zero && current.IsActive ? new DateTimeOffset(rotated.OverlapUntil, TimeSpan.Zero) : null);
        }, cancellationToken);
        invalidation.Raise(subscriptionId);
        return outcome;
    }

    // Each rotation adds a token that is kept for 90 days.
    private static async Task<Refusal?> TooManyAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken)
    {
        if (await TokenStore.NextRotationAsync(connection, subscriptionId, MostPerHour, TimeSpan.FromHours(1), cancellationToken)
            is not { } wait)
            return null;
        return new Refusal(
            RefusalKind.TooMany, "ROTATION_LIMIT", $"A token can be rotated {MostPerHour} times per hour.",
            Hint: "Wait, or ask support to rotate it.", RetryAfter: wait);
    }
}
