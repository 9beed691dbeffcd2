using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Licensing;

/// <summary>The content encoding of a request or a queue message. Only gzip is supported.</summary>
/// <param name="IsGzip">Whether the content is compressed with gzip.</param>
/// <param name="Unsupported">Name of an encoding that is not supported; null if the content can be read.</param>
public readonly record struct ContentEncoding(bool IsGzip, string? Unsupported)
{
    private const int MaxName = 40;

    /// <param name="value">A value of Content-Encoding (RFC 9110, 8.4): names in the order of their application; null for none.</param>
    public static ContentEncoding Parse(string? value)
    {
        var names = (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(name => !name.Equals("identity", StringComparison.OrdinalIgnoreCase))
            .ToArray();
        return names switch
        {
            [] => default,
            [var one] when one.ToUpperInvariant() is "GZIP" or "X-GZIP" => new(true, null),
            _ => new(false, Printable(string.Join(", ", names))),
        };
    }

    /// <summary>Whether the bytes begin as gzip does. JSON never does.</summary>
    public static bool LooksLikeGzip(ReadOnlySpan<byte> bytes) => bytes is [0x1F, 0x8B, ..];

    /// <summary>Decodes gzip, and stops as soon as the result is longer than the limit.</summary>
    /// <returns>Null if the result is longer than <paramref name="limit"/>.</returns>
    /// <exception cref="InvalidDataException">The bytes are not gzip, or are damaged. A missing end is not noticed.</exception>
    public static ReadOnlyMemory<byte>? Gunzip(ReadOnlyMemory<byte> bytes, int limit)
    {
        if (TryGunzip(bytes, limit, out var decoded) is { } damage)
            throw damage;
        // Not with ?: because there null would be converted to empty memory.
        if (decoded.Length > limit)
            return null;
        return decoded;
    }

    /// <param name="decoded">What could be decoded: at most one byte more than the limit.</param>
    /// <returns>The damage; null if there is none.</returns>
    public static InvalidDataException? TryGunzip(ReadOnlyMemory<byte> bytes, int limit, out ReadOnlyMemory<byte> decoded)
    {
        var array = MemoryMarshal.TryGetArray(bytes, out var segment) ? segment : new ArraySegment<byte>(bytes.ToArray());
        using var gzip = new GZipStream(new MemoryStream(array.Array!, array.Offset, array.Count), CompressionMode.Decompress);
        var buffer = new byte[Math.Min(limit + 1L, Math.Max(256, 4L * bytes.Length))];
        var length = 0;
        try
        {
            if (!LooksLikeGzip(bytes.Span))
                throw new InvalidDataException("The bytes do not begin as gzip does.");
            while (gzip.Read(buffer, length, buffer.Length - length) is var read and > 0)
            {
                length += read;
                if (length == buffer.Length && length <= limit)
                    Array.Resize(ref buffer, (int)Math.Min(limit + 1L, 2L * length));
            }

            return null;
        }
        catch (InvalidDataException damage)
        {
            return damage;
        }
        finally
        {
            decoded = buffer.AsMemory(0, length);
        }
    }

    // The name comes from the sender, and is shown in messages.
    private static string Printable(string name) =>
        string.Concat((name.Length <= MaxName ? name : name[..MaxName] + "…").Select(c => c is (>= ' ' and <= '~') or '…' ? c : '?'));
}
