using System.Text;

namespace Licensing.Devices;

/// <summary>
/// The rule for <c>ea_instance_id</c>. Checks and usage records share it: a device that passes one must be known to the other. Names are
/// compared exactly and never trimmed.
/// </summary>
public static class EaName
{
    /// <summary>In Unicode characters (code points), as the database's columns count.</summary>
    public const int MaxLength = 100;

    public const string Rule =
        "must have 1 to 100 Unicode characters, not only white space, without control characters and without U+FFFD";

    // U+FFFD is what an earlier decoder writes for damaged text: two different damaged names would be equal. It is also what the
    // enumeration returns for half of a surrogate pair.
    public static bool IsValid(string text)
    {
        var (length, isVisible) = (0, false);
        foreach (var character in text.EnumerateRunes())
        {
            if (++length > MaxLength || Rune.IsControl(character) || character == Rune.ReplacementChar)
                return false;
            isVisible |= !Rune.IsWhiteSpace(character);
        }

        return isVisible;
    }
}
