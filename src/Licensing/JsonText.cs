namespace Licensing;

/// <summary>What some senders put around JSON.</summary>
public static class JsonText
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// Without a leading byte order mark, and without trailing NULs and white space. MQL5's <c>StringToCharArray</c> ends its array with a
    /// NUL.
    /// </summary>
    /// <param name="start">Start of the result in <paramref name="text"/>.</param>
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text, out int start)
    {
        start = text.StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
        return text[start..].TrimEnd("\0 \t\r\n"u8);
    }
}
