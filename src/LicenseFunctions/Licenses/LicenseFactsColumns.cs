using Licensing.Devices;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>The columns from which a verdict's facts are read, in one order wherever they are selected.</summary>
internal static class LicenseFactsColumns
{
    /// <param name="first">
    /// The first of: token active, revoked reason, overlap's end, expiry, grace's end, state, active, paused reason; of the open
    /// suspensions: only for expiry, reason, took the token, stands, led by this device.
    /// </param>
    public static LicenseFacts Read(NpgsqlDataReader row, int first) => new(
        TokenActive: row.GetBoolean(first),
        RevokedReason: row.Text(first + 1),
        OverlapUntil: row.Time(first + 2),
        ExpiresAt: row.Time(first + 3),
        GraceUntil: row.Time(first + 4),
        SubscriptionStates.Parse(row.GetString(first + 5)),
        SubscriptionActive: row.GetBoolean(first + 6),
        PausedReason: row.Text(first + 7),
        row.IsDBNull(first + 8)
            ? null
            : new OpenSuspension(
                row.GetBoolean(first + 8), row.GetString(first + 9), row.GetBoolean(first + 10), row.Flag(first + 11), row.Flag(first + 12)));

    public static string? Text(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static bool Flag(this NpgsqlDataReader row, int column) => !row.IsDBNull(column) && row.GetBoolean(column);

    // license_tokens.expires_at may be 'infinity', which Npgsql reads as the largest DateTime.
    public static DateTimeOffset? Time(this NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : new DateTimeOffset(row.GetDateTime(column), TimeSpan.Zero);
}
