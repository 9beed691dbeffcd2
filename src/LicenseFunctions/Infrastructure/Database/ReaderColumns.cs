using System.Data.Common;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Reads columns that may be null, and times as UTC.</summary>
internal static class ReaderColumns
{
    public static string? Text(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static bool Flag(this DbDataReader row, int column) => !row.IsDBNull(column) && row.GetBoolean(column);

    public static DateTimeOffset? Time(this DbDataReader row, string column) => row.Time(row.GetOrdinal(column));

    // license_tokens.expires_at may be 'infinity', which Npgsql reads as the largest DateTime.
    public static DateTimeOffset? Time(this DbDataReader row, int column) =>
        row.IsDBNull(column) ? null : new DateTimeOffset(row.GetDateTime(column), TimeSpan.Zero);
}
