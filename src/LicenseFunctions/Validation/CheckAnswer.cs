using LicenseFunctions.Licenses;

namespace LicenseFunctions.Validation;

/// <summary>The JSON that <see cref="CheckReply.Write"/> writes by hand, as a type: for /openapi.json, and for the test that compares them.</summary>
/// <param name="SubscriptionId">Null for an unknown token.</param>
/// <param name="ExpiresAt">Null for a license that never expires.</param>
/// <param name="Device">Null if the device has no slot.</param>
/// <param name="Nonce">The nonce of the request.</param>
public sealed record CheckAnswer(
    bool Valid, string Code, string Detail, IReadOnlyList<string> Reasons, Guid? SubscriptionId, string? Status, DateTimeOffset? ExpiresAt,
    CheckAnswer.CheckedDevice? Device, CheckAnswer.DeviceCount? Devices, string? Nonce, DateTimeOffset CheckedAt)
{
    public sealed record CheckedDevice(Guid DeviceId, DateTimeOffset FirstSeen, DateTimeOffset LastSeen, bool IsNew);

    /// <param name="Used">Slots in use.</param>
    /// <param name="Max">Slots of the license, those beyond the limit included.</param>
    public sealed record DeviceCount(int Used, int Max);
}
