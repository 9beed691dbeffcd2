using System.Text.Json.Serialization;

namespace LicenseFunctions.Validation;

/// <summary>
/// The JSON that <see cref="CheckReply.Write"/> writes, as a type for /openapi.json. A test compares both.
/// </summary>
/// <param name="Entitlement">FULL, CLOSE_ONLY or NONE: what the EA may do.</param>
/// <param name="CloseOnlyUntil">With CLOSE_ONLY: the end of it, excluded; otherwise null.</param>
/// <param name="SubscriptionId">Null for an unknown token.</param>
/// <param name="ExpiresAt">Null for a license that never expires.</param>
/// <param name="Device">Null if the device isn't registered.</param>
/// <param name="Lease">A compact JWS; null if the device gets none.</param>
/// <param name="Nonce">The nonce of the request.</param>
/// <param name="Stale">
/// True if the database didn't answer and the license was read at most VALIDATION_STALE_SECONDS ago; otherwise absent.
/// </param>
public sealed record CheckAnswer(
    bool Valid, string Code, string Detail, IReadOnlyList<string> Reasons, string Entitlement, DateTimeOffset? CloseOnlyUntil,
    Guid? SubscriptionId, string? Status, DateTimeOffset? ExpiresAt,
    CheckAnswer.CheckedDevice? Device, CheckAnswer.DeviceCount? Devices, string? Lease, string? Nonce, DateTimeOffset CheckedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Stale = null)
{
    public sealed record CheckedDevice(Guid DeviceId, DateTimeOffset FirstSeen, DateTimeOffset LastSeen, bool IsNew);

    /// <param name="Used">Registered devices.</param>
    /// <param name="Max">Slots, and devices registered beyond the limit.</param>
    public sealed record DeviceCount(int Used, int Max);
}
