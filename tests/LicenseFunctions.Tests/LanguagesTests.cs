using System.Text.Json;
using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>A language is complete if it has all that English has, for the pages, mails, invoices and persons of the demo.</summary>
public sealed partial class LanguagesTests : IDisposable
{
    private const string Pages = "src/dashboard/src/texts";
    private const string Mails = "src/LicenseFunctions/Infrastructure/Mail/Templates";
    private const string Invoices = "src/LicenseFunctions/Invoices/InvoiceTexts.cs";
    private const string Persons = "src/DevServices/DemoSignIn/stories.json";

    // Operators get mails in English only.
    private static readonly string[] OfOperators = ["operator_", "phrases/trouble", "phrases/alert_type"];

    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("languages-");

    public void Dispose() => root.Delete(recursive: true);

    [Fact]
    public void Languages_OfTheProject_AreComplete() => Assert.Empty(Missing(Repository.Root));

    [Fact]
    public void Languages_AnIncompleteOne_IsNamedWithWhatItLacks()
    {
        WriteEnglish();
        Write(Pages + "/fr.json", """{ "title": "Titre" }""");
        Write(Mails + "/fr/language.json", "{}");
        Write(Mails + "/fr/phrases/greeting.liquid", "Bonjour,");
        Write(Persons, """{ "nora": { "en": "Everything works", "fr": "Tout va bien" }, "sara": { "en": "Suspended" } }""");

        Assert.Equal(
            [
                $"fr: {Pages}/fr.json lacks text",
                $"fr: {Mails}/fr/renewed.liquid is missing",
                $"fr: {Invoices} lacks it",
                $"fr: {Persons} lacks sara",
            ],
            Missing(root.FullName));
    }

    [Theory]
    [InlineData(Pages + "/fr.json", "{}")]
    [InlineData(Mails + "/fr/renewed.liquid", "Prolongée")]
    [InlineData(Invoices, """["en"] = new() ["fr"] = new()""")]
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
        Write(Mails + "/en/language.json", "{}");
        Write(Mails + "/en/phrases/greeting.liquid", "Hello,");
        Write(Mails + "/en/renewed.liquid", "Renewed");
        Write(Mails + "/en/operator_alerts.liquid", "Alerts");
        Write(Mails + "/blocks/p.txt", "");
        Write(Invoices, """["en"] = new()""");
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
        var mails = Directory.GetDirectories(Path.Combine(root, Mails)).Where(folder => Path.GetFileName(folder) != "blocks")
            .ToDictionary(folder => Path.GetFileName(folder), Files);
        var invoices = InvoiceLanguage().Matches(File.ReadAllText(Path.Combine(root, Invoices)))
            .Select(match => match.Groups[1].Value).ToHashSet();
        var persons = Read<Dictionary<string, Dictionary<string, string>>>(Path.Combine(root, Persons));

        return
        [
            .. pages.Keys.Concat(mails.Keys).Concat(invoices).Concat(persons.Values.SelectMany(person => person.Keys)).Distinct().Order()
                .SelectMany(language => Lacks(language).Select(one => $"{language}: {one}")),
        ];

        IEnumerable<string> Lacks(string language) =>
        [
            .. pages.TryGetValue(language, out var texts)
                ? pages["en"].Except(texts).Order().Select(key => $"{Pages}/{language}.json lacks {key}")
                : [$"{Pages}/{language}.json is missing"],
            .. mails["en"].Except(mails.GetValueOrDefault(language, [])).Order().Select(file => $"{Mails}/{language}/{file} is missing"),
            .. invoices.Contains(language) ? [] : (string[])[$"{Invoices} lacks it"],
            .. persons.Where(person => !person.Value.ContainsKey(language)).Select(person => $"{Persons} lacks {person.Key}"),
        ];
    }

    private static HashSet<string> Files(string folder) =>
    [
        .. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file))
            .Where(file => !OfOperators.Any(start => file.StartsWith(start, StringComparison.Ordinal))),
    ];

    private static T Read<T>(string file) => JsonSerializer.Deserialize<T>(File.ReadAllText(file))!;

    [GeneratedRegex("""\["([a-z]{2})"\] = new\(\)""")]
    private static partial Regex InvoiceLanguage();
}
