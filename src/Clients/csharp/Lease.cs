using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NSec.Cryptography;

namespace LicenseClients;

/// <summary>What a lease must be for.</summary>
/// <param name="Keys">The text of /.well-known/jwks.json.</param>
/// <param name="RefusedAt">Leases of this time and before it count as revoked.</param>
/// <param name="Revoked">The jti of /api/v1/revocations, if the caller may read them.</param>
public sealed record LeaseUse(
    string Keys, string Device, string Subscription = "", long NewestIat = 0, long RefusedAt = 0, IReadOnlySet<string>? Revoked = null);

/// <summary>A signed permission to trade without an answer of the server: a JWS with EdDSA (RFC 8037). Times are Unix seconds.</summary>
public sealed record Lease(string Subscription, string Device, string Entitlement, long IssuedAt, long ExpiresAt, string? Id)
{
    private const long EndOfTime = 32_503_680_000; // the year 3000

    public static string DeviceHash(string eaInstanceId, long account) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{eaInstanceId}\n{account}")));

    /// <returns>The lease, or why it is not good at this time.</returns>
    public static (Lease? Lease, string Fault) Verify(string compact, LeaseUse use, long now)
    {
        var (lease, fault) = Read(compact, use.Keys);
        fault = lease is null ? fault
            : lease.Entitlement != "FULL" ? "NOT_FULL"
            : lease.Device != use.Device ? "OTHER_DEVICE"
            : use.Subscription.Length > 0 && lease.Subscription != use.Subscription ? "OTHER_LICENSE"
            : lease.IssuedAt < use.NewestIat ? "ROLLED_BACK"
            : lease.IssuedAt <= use.RefusedAt || (lease.Id is { } id && use.Revoked?.Contains(id) is true) ? "REVOKED"
            : now < lease.ExpiresAt ? "" : "EXPIRED";
        return (fault.Length == 0 ? lease : null, fault);
    }

    private static (Lease? Lease, string Fault) Read(string compact, string keys)
    {
        var parts = compact.Split('.');
        if (compact.Length > 4096 || parts.Length != 3 || Decode(parts[2]) is not { } signature
            || Parse(Decode(parts[0])) is not { } header || Parse(Decode(parts[1])) is not { } claims)
            return (null, "MALFORMED");
        // The header decides nothing: only this algorithm and this type are accepted, and no extension.
        if (TextOf(header, "alg") != "EdDSA" || TextOf(header, "typ") != "license-lease+jwt" || header.TryGetProperty("crit", out _))
            return (null, "WRONG_TYPE");
        if (TextOf(header, "kid") is not { } kid || FindKey(keys, kid) is not { } key)
            return (null, "UNKNOWN_KEY");
        if (!SignatureAlgorithm.Ed25519.Verify(key, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature))
            return (null, "BAD_SIGNATURE");
        return TextOf(claims, "sub") is { } subscription && TextOf(claims, "dev") is { } device && TextOf(claims, "ent") is { } entitlement
            && Time(claims, "iat") is { } issuedAt && Time(claims, "exp") is { } expiresAt
            ? (new Lease(subscription, device, entitlement, issuedAt, expiresAt, TextOf(claims, "jti")), "")
            : (null, "MALFORMED");
    }

    private static PublicKey? FindKey(string keys, string kid)
    {
        if (Parse(Encoding.UTF8.GetBytes(keys)) is not { } set || !set.TryGetProperty("keys", out var list)
            || list.ValueKind != JsonValueKind.Array)
            return null;
        var x = list.EnumerateArray()
            .Where(item => TextOf(item, "kid") == kid && TextOf(item, "kty") == "OKP" && TextOf(item, "crv") == "Ed25519")
            .Select(item => TextOf(item, "x")).FirstOrDefault();
        return Decode(x ?? "") is { } raw
            && PublicKey.TryImport(SignatureAlgorithm.Ed25519, raw, KeyBlobFormat.RawPublicKey, out var key) ? key : null;
    }

    // Null unless it is a JSON object.
    internal static JsonElement? Parse(byte[]? utf8)
    {
        try
        {
            var json = JsonElement.Parse(utf8);
            return json.ValueKind == JsonValueKind.Object && json.EnumerateObject().All(member => member.Name is not null) ? json : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException) // half of a surrogate pair
        {
            return null;
        }
    }

    internal static string? TextOf(JsonElement json, string name)
    {
        try
        {
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value.GetString() : null;
        }
        catch (InvalidOperationException) // not a string, or half of a surrogate pair
        {
            return null;
        }
    }

    private static long? Time(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var time)
            && time is >= 0 and < EndOfTime ? time : null;

    // Null unless it is the only base64url form of some bytes.
    private static byte[]? Decode(string part)
    {
        var bytes = new byte[part.Length];
        return Base64Url.DecodeFromChars(part, bytes, out _, out var size) == OperationStatus.Done && Base64Url.EncodeToString(bytes.AsSpan(0, size)) == part
            ? bytes[..size] : null;
    }
}
