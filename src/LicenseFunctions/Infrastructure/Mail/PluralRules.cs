using System.Globalization;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>
/// Which plural form of a word goes with a whole number, by the rules of its language in CLDR's syntax (UTS #35, "Language Plural Rules"),
/// such as "v = 0 and i % 10 = 2..4 and i % 100 != 12..14". Form 0 is that of the first rule; the last form, which CLDR calls "other", has
/// no rule.
/// </summary>
/// <remarks>No library: those for .NET need ICU, and this process runs without it.</remarks>
internal sealed class PluralRules
{
    private readonly Func<long, bool>[] rules;

    /// <exception cref="FormatException">A rule has another syntax.</exception>
    public PluralRules(IEnumerable<string> rules) => this.rules = [.. rules.Select(Parse)];

    public int Forms => rules.Length + 1;

    public int FormOf(long number)
    {
        var form = Array.FindIndex(rules, rule => rule(Math.Abs(number)));
        return form < 0 ? rules.Length : form;
    }

    private static Func<long, bool> Parse(string rule)
    {
        var alternatives = rule.Split(" or ").Select(all => all.Split(" and ").Select(Relation).ToArray()).ToArray();
        return number => alternatives.Any(all => all.All(relation => relation(number)));
    }

    private static Func<long, bool> Relation(string text)
    {
        if (text.Split('=') is not [var left, var right])
            throw new FormatException($"'{text}' is no relation of a plural rule, such as n % 10 = 2..4.");
        var isNegated = left.EndsWith('!');
        var operand = left.TrimEnd('!').Split('%', StringSplitOptions.TrimEntries);
        var modulus = operand is [_, var by] ? Number(by) : long.MaxValue;
        var ranges = right.Split(',').Select(Range).ToArray();
        return operand[0] switch
        {
            "n" or "i" => number => ranges.Any(range => range.First <= number % modulus && number % modulus <= range.Last) != isNegated,
            // Decimals, and powers of ten: a whole number has none.
            "v" or "w" or "f" or "t" or "c" or "e" => _ => ranges.Any(range => range.First == 0) != isNegated,
            _ => throw new FormatException($"'{operand[0]}' is no operand of a plural rule."),
        };
    }

    private static (long First, long Last) Range(string text) => text.Split("..") switch
    {
        [var one] => (Number(one), Number(one)),
        [var first, var last] => (Number(first), Number(last)),
        _ => throw new FormatException($"'{text}' is no range of a plural rule, such as 2..4."),
    };

    private static long Number(string text) => long.Parse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
}
