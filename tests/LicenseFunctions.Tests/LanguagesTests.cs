using System.Text.Json;
using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>A language is complete if it has all that English has, for the pages, the backend and the persons of the demo.</summary>
public sealed partial class LanguagesTests : IDisposable
{
    private const string Pages = "src/dashboard/src/texts";
    private const string Backend = "src/LicenseFunctions/Infrastructure/Mail/Templates";
    private const string Persons = "src/DevServices/DemoSignIn/stories.json";

    // Operators get mails in English only.
    private static readonly string[] OfOperators = ["mail operator_", "phrase trouble", "phrase alert_type"];

    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("languages-");

    public void Dispose() => root.Delete(recursive: true);

    [Fact]
    public void Languages_OfTheProject_AreComplete() => Assert.Empty(Missing(Repository.Root));

    [Fact]
    public void Languages_AnIncompleteOne_IsNamedWithWhatItLacks()
    {
        WriteEnglish();
        Write(Pages + "/fr.json", """{ "title": "Titre" }""");
        Write(Backend + "/fr.liquid", "=== formats\n{}\n=== phrase greeting\nBonjour,\n");
        Write(Persons, """{ "nora": { "en": "Everything works", "fr": "Tout va bien" }, "sara": { "en": "Suspended" } }""");

        Assert.Equal(
            [
                $"fr: {Pages}/fr.json lacks text",
                $"fr: {Backend}/fr.liquid lacks mail renewed",
                $"fr: {Persons} lacks sara",
            ],
            Missing(root.FullName));
    }

    [Theory]
    [InlineData(Pages + "/fr.json", "{}")]
    [InlineData(Backend + "/fr.liquid", "=== mail renewed\nProlongée")]
    [InlineData(Persons, """{ "nora": { "en": "Everything works", "fr": "Tout va bien" } }""")]
    public void Languages_OneThatIsInASinglePlace_IsNamed(string file, string content)
    {
        WriteEnglish();
        Assert.Empty(Missing(root.FullName));
        Write(file, content);

        var missing = Missing(root.FullName);

        Assert.NotEmpty(missing);
        Assert.All(missing, one => Assert.StartsWith("fr: ", one, StringComparison.Ordinal));
    }

    private void WriteEnglish()
    {
        Write(Pages + "/en.json", """{ "title": "Title", "text": "Text" }""");
        Write(
            Backend + "/en.liquid",
            "=== formats\n{}\n=== phrase greeting\nHello,\n=== mail renewed\nRenewed\n=== mail operator_alerts\nAlerts\n");
        Write(Backend + "/blocks/p.txt", "");
        Write(Persons, """{ "nora": { "en": "Everything works" }, "sara": { "en": "Suspended" } }""");
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    /// <returns>What each language lacks, as sentences that begin with its name.</returns>
    private static List<string> Missing(string root)
    {
        var pages = Directory.GetFiles(Path.Combine(root, Pages), "*.json").ToDictionary(
            file => Path.GetFileNameWithoutExtension(file), file => Read<Dictionary<string, string>>(file).Keys.ToHashSet());
        var backend = Directory.GetFiles(Path.Combine(root, Backend), "*.liquid")
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file), Sections);
        var persons = Read<Dictionary<string, Dictionary<string, string>>>(Path.Combine(root, Persons));

        return
        [
            .. pages.Keys.Concat(backend.Keys).Concat(persons.Values.SelectMany(person => person.Keys)).Distinct().Order()
                .SelectMany(language => Lacks(language).Select(one => $"{language}: {one}")),
        ];

        IEnumerable<string> Lacks(string language) =>
        [
            .. pages.TryGetValue(language, out var texts)
                ? pages["en"].Except(texts).Order().Select(key => $"{Pages}/{language}.json lacks {key}")
                : [$"{Pages}/{language}.json is missing"],
            .. backend.TryGetValue(language, out var sections)
                ? backend["en"].Except(sections).Order().Select(section => $"{Backend}/{language}.liquid lacks {section}")
                : [$"{Backend}/{language}.liquid is missing"],
            .. persons.Where(person => !person.Value.ContainsKey(language)).Select(person => $"{Persons} lacks {person.Key}"),
        ];
    }

    private static HashSet<string> Sections(string file) =>
    [
        .. Section().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)
            .Where(section => !OfOperators.Any(start => section.StartsWith(start, StringComparison.Ordinal))),
    ];

    private static T Read<T>(string file) => JsonSerializer.Deserialize<T>(File.ReadAllText(file))!;

    [GeneratedRegex("^=== (.+)$", RegexOptions.Multiline)]
    private static partial Regex Section();
}
