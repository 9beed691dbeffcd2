using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Refuses a query parameter that a list doesn't have. Otherwise a misspelled filter would be ignored, and the caller would take the whole
/// list for the filtered one.
/// </summary>
internal static class UnknownParameter
{
    // Keys that clients add for the Functions host and for API Management.
    private static readonly string[] OfGateways = ["code", "clientId", "subscription-key"];

    /// <returns>Null if the function is no list, or has all the parameters.</returns>
    public static Refusal? Find(FunctionRule rule, IQueryCollection query)
    {
        if (rule.ListQuery is not { } known
            || query.Keys.FirstOrDefault(name => !Contains(known, name) && !Contains(OfGateways, name)) is not { } unknown)
            return null;
        return new Refusal(
            RefusalKind.Invalid, "UNKNOWN_PARAMETER", $"{unknown} is not a parameter of this list.", unknown,
            $"Its parameters are {string.Join(", ", known)}.");
    }

    private static bool Contains(IEnumerable<string> names, string name) => names.Contains(name, StringComparer.OrdinalIgnoreCase);
}
