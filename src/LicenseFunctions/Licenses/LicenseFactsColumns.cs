using System.Data.Common;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;

namespace LicenseFunctions.Licenses;

/// <summary>Reads a verdict's facts from a row. The columns are found by name, once per reader.</summary>
internal sealed class LicenseFactsColumns(DbDataReader reader)
{
    private readonly int tokenActive = reader.GetOrdinal("token_active");
    private readonly int revokedReason = reader.GetOrdinal("revoked_reason");
    private readonly int overlapUntil = reader.GetOrdinal("overlap_until");
    private readonly int expiresAt = reader.GetOrdinal("expires_at");
    private readonly int graceUntil = reader.GetOrdinal("grace_until");
    private readonly int state = reader.GetOrdinal("state");
    private readonly int subscriptionActive = reader.GetOrdinal("subscription_active");
    private readonly int pausedReason = reader.GetOrdinal("paused_reason");

    // open_suspension_facts
    private readonly int onlyForExpiry = reader.GetOrdinal("only_for_expiry");
    private readonly int suspensionReason = reader.GetOrdinal("suspension_reason");
    private readonly int deactivatedToken = reader.GetOrdinal("took_token");
    private readonly int stands = reader.GetOrdinal("stands");
    private readonly int causedByDevice = reader.GetOrdinal("caused_by_device");

    /// <summary>The facts in the reader's current row.</summary>
    public LicenseFacts Read() => new(
        reader.GetBoolean(tokenActive),
        reader.Text(revokedReason),
        reader.Time(overlapUntil),
        reader.Time(expiresAt),
        reader.Time(graceUntil),
        SubscriptionStates.Parse(reader.GetString(state)),
        reader.GetBoolean(subscriptionActive),
        reader.Text(pausedReason),
        reader.IsDBNull(onlyForExpiry)
            ? null
            : new OpenSuspension(
                reader.GetBoolean(onlyForExpiry), reader.GetString(suspensionReason), reader.GetBoolean(deactivatedToken),
                reader.Flag(stands), reader.Flag(causedByDevice)));
}
