using Licensing;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Texts that operators send. A blank text is refused, because it explains nothing. Spaces around another text are not stored.
/// </summary>
internal static class OperatorText
{
    /// <summary>The reason for a change, for the audit log.</summary>
    public static Outcome<string> Reason(string? text) => Read(
        text, 500, new Refusal(RefusalKind.Invalid, "REASON_MISSING", "reason must have 1 to 500 characters and not be blank.", "reason"));

    /// <param name="text">As sent; null if it is missing.</param>
    /// <param name="longest">The most characters.</param>
    /// <param name="wrong">The refusal of another text.</param>
    public static Outcome<string> Read(string? text, int longest, Refusal wrong) =>
        text?.Trim() is { Length: > 0 } trimmed && trimmed.Length <= longest ? trimmed : wrong;
}
