using System.Buffers;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Licensing.Devices;
using Licensing.Leases;
using NSec.Cryptography;

namespace LicenseFunctions.Leases;

/// <summary>A key in the set of /.well-known/jwks.json (RFC 8037).</summary>
public sealed record PublicKeyEntry(string Kty, string Crv, string Use, string Alg, string Kid, string X);

/// <summary>Signs leases as compact JWS with Ed25519.</summary>
public sealed class LeaseSigner : IDisposable
{
    // Signed leases, a few hundred bytes each, in two generations. When the newer one is full, it replaces the older one, whose entries are
    // dropped unless they were used meanwhile.
    private readonly int mostOfAGeneration;
    private readonly Lock change = new();
    private volatile ConcurrentDictionary<Guid, byte[]> newer = new();
    private volatile ConcurrentDictionary<Guid, byte[]> older = new();
    private int newerCount;
    private readonly string issuer;
    private readonly Key? key;
    private readonly string header = "";

    public LeaseSigner(LeaseSettings settings, int mostOfAGeneration = 100_000)
    {
        this.mostOfAGeneration = mostOfAGeneration;
        issuer = settings.Issuer;
        PublicKeys = [.. settings.Keys.Select(seed =>
        {
            using var one = Import(seed);
            return Describe(one);
        })];
        if (settings.Keys is not [var first, ..])
            return;
        key = Import(first);
        // Not with the serializer: it escapes the character +, and the small JSON readers of EAs may not support that.
        header = Encode(Encoding.ASCII.GetBytes($$"""{"alg":"EdDSA","kid":"{{PublicKeys[0].Kid}}","typ":"license-lease+jwt"}"""));
    }

    /// <summary>Whether there is a key to sign with.</summary>
    public bool IsOn => key is not null;

    /// <summary>All keys; the first one signs.</summary>
    public IReadOnlyList<PublicKeyEntry> PublicKeys { get; }

    /// <summary>The lease as ASCII text. A lease is signed once in a process; Ed25519 gives the same signature in others.</summary>
    public byte[] Sign(Lease lease, Guid subscriptionId, DeviceClaim device)
    {
        if (newer.TryGetValue(lease.LeaseId, out var signed))
            return signed;
        if (!older.TryGetValue(lease.LeaseId, out signed))
            signed = SignAnew(lease, subscriptionId, device);
        Keep(lease.LeaseId, signed);
        return signed;
    }

    public void Dispose() => key?.Dispose();

    private byte[] SignAnew(Lease lease, Guid subscriptionId, DeviceClaim device)
    {
        var text = Encoding.ASCII.GetBytes(header + "." + Encode(Claims(lease, subscriptionId, device)));
        var signature = SignatureAlgorithm.Ed25519.Sign(key!, text);
        return [.. text, (byte)'.', .. Encoding.ASCII.GetBytes(Encode(signature))];
    }

    private void Keep(Guid leaseId, byte[] signed)
    {
        if (!newer.TryAdd(leaseId, signed) || Interlocked.Increment(ref newerCount) < mostOfAGeneration)
            return;
        lock (change)
        {
            if (Volatile.Read(ref newerCount) < mostOfAGeneration)
                return;
            older = newer;
            newer = new ConcurrentDictionary<Guid, byte[]>();
            Volatile.Write(ref newerCount, 0);
        }
    }

    private byte[] Claims(Lease lease, Guid subscriptionId, DeviceClaim device)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("iss"u8, issuer);
            json.WriteString("sub"u8, subscriptionId);
            json.WriteString("dev"u8, DeviceHash(device));
            json.WriteString("ent"u8, "FULL"u8);
            json.WriteNumber("iat"u8, lease.IssuedAt.ToUnixTimeSeconds());
            json.WriteNumber("exp"u8, lease.ExpiresAt.ToUnixTimeSeconds());
            json.WriteString("jti"u8, lease.LeaseId);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static string DeviceHash(DeviceClaim device) =>
        Encode(SHA256.HashData(Encoding.UTF8.GetBytes($"{device.EaInstanceId}\n{device.Mt5AccountNumber}")));

    private static Key Import(byte[] seed) => Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey);

    private static PublicKeyEntry Describe(Key key)
    {
        var x = Encode(key.PublicKey.Export(KeyBlobFormat.RawPublicKey));
        // The thumbprint of RFC 7638: the hash of the required members in alphabetical order.
        var kid = Encode(SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"Ed25519","kty":"OKP","x":"{{x}}"}""")));
        return new PublicKeyEntry("OKP", "Ed25519", "sig", "EdDSA", kid, x);
    }

    private static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}
