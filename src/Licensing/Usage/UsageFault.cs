namespace Licensing.Usage;

/// <summary>Why a usage record is quarantined. The detail names the rule, never the value: the value may be a person's.</summary>
/// <param name="Code">Stable, upper case; one of the constants here.</param>
/// <param name="Detail">For an operator.</param>
/// <param name="Field">The JSON field at fault; null when it is the whole record.</param>
public sealed record UsageFault(string Code, string Detail, string? Field = null)
{
    /// <summary>The message is not JSON, or is cut short; nothing of it was taken.</summary>
    public const string InvalidJson = "INVALID_JSON";

    /// <summary>JSON, but no object where a record should stand.</summary>
    public const string NotARecord = "NOT_A_RECORD";

    public const string MissingField = "MISSING_FIELD";
    public const string InvalidUuid = "INVALID_UUID";

    /// <summary>Not an ISO 8601 time with its offset.</summary>
    public const string InvalidTime = "INVALID_TIME";

    /// <summary>Before the window: the raw rows of that day may be gone, so a repeat could not be told from a first.</summary>
    public const string TooOld = "TOO_OLD";

    public const string InFuture = "IN_FUTURE";
    public const string InvalidTokenHash = "INVALID_TOKEN_HASH";
    public const string InvalidAddress = "INVALID_ADDRESS";

    /// <summary>Empty, too long, not UTF-8, or holding what a text column can't (U+0000).</summary>
    public const string InvalidText = "INVALID_TEXT";

    public const string InvalidNumber = "INVALID_NUMBER";
    public const string OutOfRange = "OUT_OF_RANGE";
    public const string InvalidCountry = "INVALID_COUNTRY";

    /// <summary>No license has this token.</summary>
    public const string UnknownToken = "UNKNOWN_TOKEN";

    /// <summary>The token is another license's than the record says.</summary>
    public const string SubscriptionMismatch = "SUBSCRIPTION_MISMATCH";

    /// <summary>Every rule here passed and the table refused the row all the same.</summary>
    public const string RefusedByDatabase = "REFUSED_BY_DATABASE";

    /// <summary>The broker gave the message up after its deliveries.</summary>
    public const string DeadLettered = "DEAD_LETTERED";
}
