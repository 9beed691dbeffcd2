using System.Security.Cryptography;
using System.Text;

namespace Licensing.Usage;

/// <summary>A payload on its way to quarantine.</summary>
/// <param name="Fault">Why.</param>
/// <param name="Payload">As text that a database can hold: U+FFFD stands for U+0000 and for bytes that are not UTF-8.</param>
/// <param name="Digest">SHA-256 of the payload as it came, white space around it aside: the same payload again is the same row.</param>
public sealed record RejectedUsage(UsageFault Fault, string Payload, byte[] Digest)
{
    public static RejectedUsage Of(ReadOnlySpan<byte> payload, UsageFault fault)
    {
        var trimmed = payload.Trim(" \t\r\n"u8);
        return new RejectedUsage(fault, Encoding.UTF8.GetString(trimmed).Replace('\0', '\uFFFD'), SHA256.HashData(trimmed));
    }
}
