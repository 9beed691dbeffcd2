using System.Text.Json;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>Reads single fields of a provider's objects. A field that is missing or of another type is null.</summary>
internal static class ProviderFields
{
    // The inbox' key is an index, whose entries have a limited size.
    private const int LongestText = 255;

    public static JsonElement Part(this JsonElement subject, string name) =>
        subject.ValueKind is JsonValueKind.Object && subject.TryGetProperty(name, out var part) ? part : default;

    /// <summary>1 to 255 characters that PostgreSQL can store.</summary>
    public static string? Text(this JsonElement subject, string name)
    {
        var part = subject.Part(name);
        if (part.ValueKind is not JsonValueKind.String) return null;
        try
        {
            return part.GetString() is { Length: > 0 and <= LongestText } text && !text.Contains('\0', StringComparison.Ordinal)
                ? text
                : null;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            return null;
        }
    }

    /// <summary>The ID of another object, which may be expanded.</summary>
    public static string? Reference(this JsonElement subject, string name) => subject.Text(name) ?? subject.Part(name).Text("id");

    /// <summary>A whole number, even if it is written with decimals, such as 4999.0.</summary>
    public static long? Whole(this JsonElement subject, string name)
    {
        var part = subject.Part(name);
        return part.ValueKind is JsonValueKind.Number && part.TryGetDecimal(out var value) && value == decimal.Truncate(value)
            && value is >= long.MinValue and <= long.MaxValue
            ? decimal.ToInt64(value)
            : null;
    }

    /// <summary>Seconds since 1970, or an ISO time as thin events have it; null if it is out of the range of plausible times.</summary>
    public static DateTimeOffset? Time(this JsonElement subject, string name)
    {
        if (subject.Whole(name) is { } seconds)
            return seconds is > 0 and < 253_402_300_800 ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
        return subject.Text(name) is not null && subject.Part(name).TryGetDateTimeOffset(out var time) && time > DateTimeOffset.UnixEpoch
            ? time.ToUniversalTime()
            : null;
    }

    public static Guid? Id(this JsonElement metadata, string name) => Guid.TryParse(metadata.Text(name), out var id) ? id : null;
}
