using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>
/// Everything that the backend writes in one language, in the file Templates/LANGUAGE.liquid. A section begins with a line such as
/// "=== mail renewed" or "=== phrase greeting", or has no name and is JSON: "=== formats".
/// </summary>
public sealed partial class LanguageFile
{
    public const string Extension = ".liquid";
    private const string Prefix = "mail/";

    private static readonly JsonSerializerOptions Snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly List<(string Kind, string Name, string Text)> sections = [];

    public LanguageFile(string text)
    {
        var headers = Header().Matches(text);
        for (var at = 0; at < headers.Count; at++)
        {
            var (header, end) = (headers[at], at + 1 < headers.Count ? headers[at + 1].Index : text.Length);
            var start = header.Index + header.Length;
            sections.Add((header.Groups[1].Value, header.Groups[2].Value, text[start..end].Trim('\n')));
        }
    }

    /// <summary>The languages of this build, for example de.</summary>
    public static IEnumerable<string> Languages => Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Extension, StringComparison.Ordinal))
        .Select(name => name[Prefix.Length..^Extension.Length]);

    public static LanguageFile Of(string language) => new(ReadResource(language + Extension));

    /// <param name="name">The path below Templates.</param>
    internal static string ReadResource(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name)!);
        return reader.ReadToEnd();
    }

    /// <summary>The sections of a kind that have names: mail or phrase.</summary>
    public IReadOnlyDictionary<string, string> All(string kind) =>
        sections.Where(section => section.Kind == kind).ToDictionary(section => section.Name, section => section.Text);

    /// <summary>A section that is JSON: formats, countries or invoice.</summary>
    public T Read<T>(string kind) => JsonSerializer.Deserialize<T>(sections.Single(section => section.Kind == kind).Text, Snake)!;

    [GeneratedRegex(@"^=== (\w+)(?: (\w+))?\n", RegexOptions.Multiline)]
    private static partial Regex Header();
}

/// <summary>How a language writes times and amounts. The process runs without ICU, so .NET has no cultures.</summary>
/// <param name="Months">The names of the months as in a date.</param>
/// <param name="Day">A format of .NET, without the year.</param>
/// <param name="Time">A format of .NET, with the zone.</param>
/// <param name="Usd">A format of .NET, as the pages write amounts.</param>
/// <param name="Plurals">The rules of the plural forms but the last, by CLDR's name of the form.</param>
public sealed record LanguageFormats(
    string[] Months, string Day, string Time, string DecimalSeparator, string GroupSeparator, string Usd,
    OrderedDictionary<string, string> Plurals);
