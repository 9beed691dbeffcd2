using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Refuses a query parameter that a list doesn't have. A filter with a wrong name would be ignored, and the list of everything taken for
/// the filtered one.
/// </summary>
internal static class UnknownParameter
{
    private const int MostMistakes = 2;

    // Keys that clients add for the Functions host and for API Management.
    private static readonly string[] OfGateways = ["code", "clientId", "subscription-key"];

    /// <returns>Null if the function is no list, or has all the parameters.</returns>
    public static Refusal? Find(FunctionRule rule, IQueryCollection query)
    {
        if (rule.ListQuery is not { } known
            || query.Keys.FirstOrDefault(name => !Contains(known, name) && !Contains(OfGateways, name)) is not { } unknown)
            return null;
        var meant = known.FirstOrDefault(name => Mistakes(unknown, name) <= MostMistakes);
        return new Refusal(
            RefusalKind.Invalid, "UNKNOWN_PARAMETER", $"{unknown} is not a parameter of this list.", unknown,
            meant is null ? $"Its parameters are {string.Join(", ", known)}." : $"Did you mean {meant}?");
    }

    private static bool Contains(IEnumerable<string> names, string name) => names.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>How many letters must be changed, added or left out (Levenshtein distance).</summary>
    private static int Mistakes(string typed, string meant)
    {
        if (Math.Abs(typed.Length - meant.Length) > MostMistakes)
            return int.MaxValue;
        var above = Enumerable.Range(0, meant.Length + 1).ToArray();
        for (var i = 1; i <= typed.Length; i++)
        {
            var row = new int[meant.Length + 1];
            row[0] = i;
            for (var j = 1; j <= meant.Length; j++)
            {
                var isSame = char.ToLowerInvariant(typed[i - 1]) == meant[j - 1];
                row[j] = Math.Min(Math.Min(above[j], row[j - 1]) + 1, above[j - 1] + (isSame ? 0 : 1));
            }

            above = row;
        }

        return above[^1];
    }
}
