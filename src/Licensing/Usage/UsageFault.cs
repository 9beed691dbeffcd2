namespace Licensing.Usage;

/// <summary>Why a usage record is quarantined. The detail names the rule and not the value, which may be personal data.</summary>
/// <param name="Code">One of the constants; they are stable.</param>
/// <param name="Detail">Text for an operator.</param>
/// <param name="Field">The invalid JSON field; null if the fault concerns the whole record.</param>
public sealed record UsageFault(string Code, string Detail, string? Field = null)
{
    /// <summary>The message is not valid JSON or is truncated. None of its records was stored.</summary>
    public const string InvalidJson = "INVALID_JSON";

    /// <summary>The element is JSON but not an object.</summary>
    public const string NotARecord = "NOT_A_RECORD";

    public const string MissingField = "MISSING_FIELD";
    public const string InvalidUuid = "INVALID_UUID";

    /// <summary>Not an ISO 8601 time with an offset.</summary>
    public const string InvalidTime = "INVALID_TIME";

    /// <summary>Before <see cref="UsageWindow"/>: the rows of that day may be deleted, so a duplicate could not be recognized.</summary>
    public const string TooOld = "TOO_OLD";

    public const string InFuture = "IN_FUTURE";
    public const string InvalidTokenHash = "INVALID_TOKEN_HASH";
    public const string InvalidAddress = "INVALID_ADDRESS";

    /// <summary>Empty, too long, not Unicode, or with a character that is not allowed.</summary>
    public const string InvalidText = "INVALID_TEXT";

    public const string InvalidNumber = "INVALID_NUMBER";
    public const string OutOfRange = "OUT_OF_RANGE";
    public const string InvalidCountry = "INVALID_COUNTRY";

    /// <summary>The counters of signals can't all be true.</summary>
    public const string ContradictingCounters = "CONTRADICTING_COUNTERS";

    /// <summary>No license has this token.</summary>
    public const string UnknownToken = "UNKNOWN_TOKEN";

    /// <summary>The token belongs to another license than the one in the record.</summary>
    public const string SubscriptionMismatch = "SUBSCRIPTION_MISMATCH";

    /// <summary>The record passed validation, but the database rejected it.</summary>
    public const string RefusedByDatabase = "REFUSED_BY_DATABASE";

    /// <summary>The body of the message is an AMQP sequence, map or other value.</summary>
    public const string UnreadableBody = "UNREADABLE_BODY";

    /// <summary>The content encoding is not gzip.</summary>
    public const string UnsupportedEncoding = "UNSUPPORTED_CONTENT_ENCODING";

    /// <summary>Damaged, or not gzip although the sender says so.</summary>
    public const string InvalidGzip = "INVALID_GZIP";

    /// <summary>Larger than <see cref="UsageMessage.MaxDecodedBytes"/> when decompressed.</summary>
    public const string TooLarge = "MESSAGE_TOO_LARGE";

    /// <summary>The broker dead-lettered the message after the maximum number of deliveries.</summary>
    public const string DeadLettered = "DEAD_LETTERED";
}
