using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace Licensing.Usage;

/// <summary>A payload for the quarantine.</summary>
/// <param name="Fault">Why the payload is rejected.</param>
/// <param name="Payload">
/// The text for people and searches: decompressed if possible, with U+FFFD for U+0000 and for bytes that are not UTF-8, because a text
/// column can't contain them.
/// </param>
/// <param name="Bytes">The exact bytes; null if they are the UTF-8 of <paramref name="Payload"/>.</param>
/// <param name="Digest">SHA-256 of the exact bytes. The same payload is quarantined once.</param>
public sealed record RejectedUsage(UsageFault Fault, string Payload, byte[]? Bytes, byte[] Digest)
{
    public static RejectedUsage Of(ReadOnlyMemory<byte> payload, UsageFault fault)
    {
        var digest = SHA256.HashData(payload.Span);
        if (Utf8.IsValid(payload.Span) && !payload.Span.Contains((byte)0))
            return new RejectedUsage(fault, Encoding.UTF8.GetString(payload.Span), null, digest);

        var text = payload;
        if (ContentEncoding.LooksLikeGzip(payload.Span)
            && (ContentEncoding.TryGunzip(payload, UsageMessage.MaxDecodedBytes, out var decoded) is null || decoded.Length > 0))
            text = decoded;
        return new RejectedUsage(fault, Encoding.UTF8.GetString(text.Span).Replace('\0', '\uFFFD'), payload.ToArray(), digest);
    }
}
