using System.Security.Cryptography;
using System.Text;

namespace Licensing.Usage;

/// <summary>A payload for the quarantine.</summary>
/// <param name="Fault">Why the payload is rejected.</param>
/// <param name="Payload">
/// The text, with U+FFFD for U+0000 and for bytes that are not UTF-8, because a text column can't contain them.
/// </param>
/// <param name="Digest">SHA-256 of the payload's bytes without surrounding white space. The same payload is quarantined once.</param>
public sealed record RejectedUsage(UsageFault Fault, string Payload, byte[] Digest)
{
    public static RejectedUsage Of(ReadOnlySpan<byte> payload, UsageFault fault)
    {
        var trimmed = payload.Trim(" \t\r\n"u8);
        return new RejectedUsage(fault, Encoding.UTF8.GetString(trimmed).Replace('\0', '\uFFFD'), SHA256.HashData(trimmed));
    }
}
