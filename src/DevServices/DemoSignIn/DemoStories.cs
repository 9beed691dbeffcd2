using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace DevServices;

/// <summary>What is special about each person of sql/demo after the first start, in the languages of the pages.</summary>
public static class DemoStories
{
    private const string Default = "en";

    private static readonly Dictionary<string, Dictionary<string, string>> ByName = Read();

    /// <summary>The languages that every person has a story in.</summary>
    public static IReadOnlyList<string> Languages { get; } =
        [.. ByName.Values.Select(stories => stories.Keys.AsEnumerable()).Aggregate((all, own) => all.Intersect(own))];

    public static string? Of(string email, string language) => ByName.GetValueOrDefault(email.Split('@')[0])?.GetValueOrDefault(language);

    /// <param name="chosen">The language in which the page is shown; empty if it isn't said.</param>
    /// <param name="accepted">The header Accept-Language.</param>
    public static string LanguageOf(string? chosen, StringValues accepted) =>
        Known(chosen)
        ?? (StringWithQualityHeaderValue.TryParseList([.. accepted.OfType<string>()], out var ranges) ? ranges : [])
            .OrderByDescending(range => range.Quality ?? 1)
            .Select(range => Known(range.Value.Value))
            .FirstOrDefault(known => known is not null)
        ?? Default;

    private static string? Known(string? tag) => Languages.FirstOrDefault(one => one == tag?.Split('-')[0].ToLowerInvariant());

    private static Dictionary<string, Dictionary<string, string>> Read()
    {
        using var file = typeof(DemoStories).Assembly.GetManifestResourceStream("stories.json")!;
        return JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string>>>(file)!;
    }
}
