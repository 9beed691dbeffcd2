using System.Globalization;
using System.Net;

namespace Licensing.Devices;

/// <summary>The fields that identify a device: checks with the same values come from the same device.</summary>
public enum DeviceIdentity
{
    /// <summary>EA instance and MT5 account. The address is only evidence: addresses of homes and phones change daily.</summary>
    EaAccount,

    /// <summary>The guide's literal fingerprint: address, EA instance and MT5 account.</summary>
    IpEaAccount,
}

/// <summary>What a check reports about the device that sends it.</summary>
/// <param name="EaInstanceId">By the rule of <see cref="EaName"/>, compared case-sensitively.</param>
/// <param name="Mt5AccountNumber">Above 0.</param>
/// <param name="Address">IPv4, or IPv6 that isn't a mapped IPv4 address.</param>
public sealed record DeviceClaim(string EaInstanceId, long Mt5AccountNumber, IPAddress Address)
{
    /// <summary>Identifies the device within its license. The free text comes last, so that two devices never have the same key.</summary>
    public string Key(DeviceIdentity identity) => identity == DeviceIdentity.EaAccount
        ? string.Create(CultureInfo.InvariantCulture, $"{Mt5AccountNumber}|{EaInstanceId}")
        : string.Create(CultureInfo.InvariantCulture, $"{Address}|{Mt5AccountNumber}|{EaInstanceId}");

    /// <summary>The EA instance and the account in a key of <see cref="Key"/>; null if the text is not a key.</summary>
    public static (string EaInstanceId, long Mt5AccountNumber)? OfKey(string key)
    {
        // An address is not a number, so the first part shows which identity the key has.
        var parts = key.Split('|', 2);
        if (parts.Length == 2 && !IsAccount(parts[0], out _))
            parts = parts[1].Split('|', 2);
        return parts.Length == 2 && IsAccount(parts[0], out var account) ? (parts[1], account) : null;
    }

    private static bool IsAccount(string text, out long account) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out account);
}
