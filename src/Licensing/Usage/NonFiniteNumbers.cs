using System.Buffers;
using System.Text;

namespace Licensing.Usage;

/// <summary>
/// Finds NaN and infinities, which some programs write although JSON does not allow them. One of them must not make the other records of a
/// message unreadable.
/// </summary>
internal static class NonFiniteNumbers
{
    private static readonly SearchValues<byte> Ends = SearchValues.Create("\"{}[]:, \t\r\n"u8);

    /// <summary>A copy in which these words are JSON strings of the same length, so that positions stay the same.</summary>
    /// <param name="positions">Where the words are, ascending.</param>
    /// <returns>Null if there is none.</returns>
    public static byte[]? Quote(ReadOnlySpan<byte> json, List<int> positions)
    {
        byte[]? quoted = null;
        for (var at = 0; at < json.Length;)
        {
            if (json[at] == '"')
            {
                at = EndOfString(json, at);
            }
            else if (Ends.Contains(json[at]))
            {
                at++;
            }
            else
            {
                var length = json[at..].IndexOfAny(Ends) is >= 0 and var found ? found : json.Length - at;
                if (IsNonFinite(json.Slice(at, length)))
                {
                    positions.Add(at);
                    quoted ??= json.ToArray();
                    quoted.AsSpan(at, length).Fill((byte)'x');
                    quoted[at] = quoted[at + length - 1] = (byte)'"';
                }

                at += length;
            }
        }

        return quoted;
    }

    private static int EndOfString(ReadOnlySpan<byte> json, int start)
    {
        for (var at = start + 1; at < json.Length; at++)
        {
            if (json[at] == '\\')
                at++;
            else if (json[at] == '"')
                return at + 1;
        }

        return json.Length;
    }

    // NaN and Infinity of JavaScript, Python and .NET; nan, inf and -nan(ind) of C and MQL5; 1.#INF and 1.#QNAN of older C.
    private static bool IsNonFinite(ReadOnlySpan<byte> word)
    {
        const int Longest = 20;
        if (word.Length is < 3 or > Longest)
            return false;
        Span<char> text = stackalloc char[Longest];
        text = text[..Encoding.Latin1.GetChars(word, text)].TrimStart("+-");
        return text.StartsWith("1.#")
            || Ascii.EqualsIgnoreCase(text, "nan") || Ascii.EqualsIgnoreCase(text, "inf") || Ascii.EqualsIgnoreCase(text, "infinity")
            || (text.Length > 4 && Ascii.EqualsIgnoreCase(text[..4], "nan(") && text[^1] == ')');
    }
}
