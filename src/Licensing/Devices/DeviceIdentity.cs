using System.Globalization;
using System.Net;

namespace Licensing.Devices;

/// <summary>What makes two checks come from the same device.</summary>
public enum DeviceIdentity
{
    /// <summary>EA instance and MT5 account; the address is evidence, since home lines and phones change it daily.</summary>
    EaAccount,

    /// <summary>The guide's literal fingerprint: address, EA instance and MT5 account.</summary>
    IpEaAccount,
}

/// <summary>What a check says of the device that it comes from.</summary>
/// <param name="EaInstanceId">1 to 100 characters, compared letter for letter.</param>
/// <param name="Mt5AccountNumber">Above 0.</param>
/// <param name="Address">IPv4, or IPv6 that isn't a mapped IPv4 one.</param>
public sealed record DeviceClaim(string EaInstanceId, long Mt5AccountNumber, IPAddress Address)
{
    /// <summary>The text that identifies the device within its license. The free text stands last, so keys can't collide.</summary>
    public string Key(DeviceIdentity identity) => identity == DeviceIdentity.EaAccount
        ? string.Create(CultureInfo.InvariantCulture, $"{Mt5AccountNumber}|{EaInstanceId}")
        : string.Create(CultureInfo.InvariantCulture, $"{Address}|{Mt5AccountNumber}|{EaInstanceId}");
}
