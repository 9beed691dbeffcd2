namespace Licensing.Devices;

/// <summary>The causes of suspensions: license_suspensions.cause.</summary>
public static class SuspensionCause
{
    public const string DeviceLimit = "DEVICE_LIMIT";
    public const string Detector = "DETECTOR";
    public const string Expiry = "EXPIRY";
    public const string Operator = "OPERATOR";
    public const string Dispute = "DISPUTE";

    /// <summary>By an operator, for fraud. The devices may not close positions.</summary>
    public const string Fraud = "FRAUD";

    public static readonly IReadOnlyList<string> All = [DeviceLimit, Detector, Expiry, Operator, Dispute, Fraud];

    /// <summary>The causes whose suspensions people can lift. Only a renewal ends a suspension for an expiry.</summary>
    public static readonly IReadOnlyList<string> Liftable = [.. All.Where(IsLiftable)];

    /// <summary>Whether people can lift a suspension for this cause. An appeal asks them to. SQL: is_liftable.</summary>
    public static bool IsLiftable(string cause) => cause != Expiry;
}
