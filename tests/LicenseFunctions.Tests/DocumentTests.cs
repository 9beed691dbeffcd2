using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing.Suspicion;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>README.md, docs/ and local.settings.sample.json agree with the code; their words and links are checked, too.</summary>
public sealed partial class DocumentTests
{
    private static readonly MethodInfo[] Functions = [.. typeof(SettingReader).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods())
        .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)];

    private const int MostReadmeLines = 150;
    private const int MostColumns = 160;

    // Words that the glossary of docs/architecture.md replaces. Names in backticks may contain them.
    private static readonly Regex Banned = new(@"\b(licen[c]e|mend|judg|newcomer)\w*", RegexOptions.IgnoreCase);

    private static readonly string[] IgnoredFolders = ["node_modules", "bin", "obj", ".local", ".git"];

    // Settings of the Functions host, which this code does not read.
    private static readonly string[] HostSettings = ["FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"];

    [Fact]
    public void SampleSettings_HaveEverySettingThatATriggerNames()
    {
        var named = Functions
            .SelectMany(method => method.GetParameters())
            .SelectMany(parameter => parameter.CustomAttributes)
            .SelectMany(attribute => attribute.ConstructorArguments.Select(argument => argument.Value as string))
            .SelectMany(text => InPercentSigns().Matches(text ?? "").Select(match => match.Groups[1].Value))
            .Concat(Functions.SelectMany(method => method.GetParameters())
                .Select(parameter => parameter.GetCustomAttribute<ServiceBusTriggerAttribute>()?.Connection).OfType<string>())
            .ToHashSet();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(SampleSettings()));
    }

    [Fact]
    public void SampleSettings_HaveEverySettingThatTheCodeReads()
    {
        var read = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src/LicenseFunctions"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => ReadSetting().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)
            .ToHashSet();

        Assert.Contains("DATABASE_URL", read);
        Assert.Empty(read.Except(SampleSettings()));
    }

    [Fact]
    public void Schedules_AreTheSameInTheWorkerTheSampleAndTheDocument()
    {
        var worker = Schedules(DefaultSchedule(), "src/StandaloneHost/Settings.cs");
        var sample = Schedules(SampleSchedule(), "local.settings.sample.json");
        var document = Schedules(DocumentedSchedule(), "docs/configuration.md");

        Assert.NotEmpty(worker);
        Assert.Equal(worker.Order(), sample.Order());
        Assert.Equal(worker.Order(), document.Order());
    }

    [Fact]
    public void Configuration_ListsTheSampleSettings() =>
        Assert.Equal(SampleSettings().Except(HostSettings).Order(), Listed("docs/configuration.md", "## Settings").Order());

    [Fact]
    public void Api_ListsEveryFunctionOnce() =>
        Assert.Equal(
            Functions.Select(method => method.GetCustomAttribute<FunctionAttribute>()!.Name).Order(),
            Listed("docs/api.md", "## Functions").Order());

    [Fact]
    public void Detection_ListsThePolicyWithDefaultsAndRanges()
    {
        var defaults = JsonSerializer.SerializeToNode(new DetectionPolicy(), SuspicionStore.Json)!.AsObject();
        var fields = typeof(DetectionPolicy).GetProperties().Select(field =>
        {
            var name = field.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name
                ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name);
            return $"{name}: {defaults[name]}, {RangeOf(field)}";
        });
        var listed = Rows("docs/detection.md", "## The policy")
            .Select(cells => $"{cells[0]}: {cells[1]}, {(cells[2].StartsWith("ALERT", StringComparison.Ordinal) ? "words" : cells[2])}");

        Assert.Equal(fields.Order(), listed.Order());
    }

    private static string RangeOf(PropertyInfo field) =>
        field.CustomAttributes.SingleOrDefault(attribute => attribute.ConstructorArguments.Count == 2) is { } range
            ? string.Join('–', range.ConstructorArguments.Select(end =>
                ((double)end.Value!).ToString("#,0.###", System.Globalization.CultureInfo.InvariantCulture)))
            : "words";

    [Fact]
    public void Benchmarks_HaveASectionForEachBench()
    {
        var benches = Bench().Matches(Repository.Read("tests/Benchmarks/Program.cs")).Select(match => match.Groups[1].Value).ToList();
        var document = Repository.Read("docs/benchmarks.md");

        Assert.NotEmpty(benches);
        Assert.Equal(benches.Order(), BenchSection().Matches(document).Select(match => match.Groups[1].Value).Order());
    }

    [Fact]
    public void Readme_IsShort() =>
        Assert.InRange(Repository.Read("README.md").TrimEnd().Split('\n').Length, 1, MostReadmeLines);

    [Fact]
    public void Documents_HaveNoLongLine() =>
        Assert.Empty(Lines().Where(line => line.Text.Length > MostColumns).Select(line => line.At));

    [Fact]
    public void Documents_UseNoWordThatTheGlossaryReplaces() =>
        Assert.Empty(Lines()
            .Where(line => line.File != "CHANGELOG.md" && !line.Section.Equals("Glossary", StringComparison.Ordinal))
            .Where(line => Banned.IsMatch(Code().Replace(line.Text, "")))
            .Select(line => $"{line.At}: {line.Text}"));

    [Fact]
    public void Documents_LinkToWhatExists()
    {
        var links = Lines().Where(line => !line.IsCode)
            .SelectMany(line => Link().Matches(line.Text).Select(match => (line.At, line.File, Target: match.Groups[1].Value)))
            .Where(link => !link.Target.Contains(':', StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(links);
        Assert.Empty(links.Where(link => !Exists(link.File, link.Target)).Select(link => $"{link.At}: {link.Target}"));
    }

    private static bool Exists(string from, string target)
    {
        var parts = target.Split('#', 2);
        var file = parts[0].Length == 0 ? from : Path.GetRelativePath(
            Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, Path.GetDirectoryName(from)!, parts[0])));
        if (parts.Length == 1)
            return Path.Exists(Path.Combine(Repository.Root, file));
        return File.Exists(Path.Combine(Repository.Root, file)) && Lines(file)
            .Where(line => line.IsHeading)
            .Any(line => Anchor(line.Section) == parts[1]);
    }

    // As GitHub generates anchors: lower case, no punctuation, dashes instead of spaces.
    private static string Anchor(string heading) => NotInAnchor().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-');

    private sealed record Line(string File, int Number, string Section, bool IsHeading, bool IsCode, string Text)
    {
        public string At => $"{File}:{Number}";
    }

    private static IEnumerable<Line> Lines() => Directory
        .EnumerateFiles(Repository.Root, "*.md", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Repository.Root, file))
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Intersect(IgnoredFolders).Any())
        .SelectMany(Lines);

    private static IEnumerable<Line> Lines(string file)
    {
        var (number, section, isCode) = (0, "", false);
        foreach (var text in Repository.Read(file).Split('\n'))
        {
            number++;
            var isFence = text.TrimStart().StartsWith("```", StringComparison.Ordinal);
            var isHeading = !isCode && Heading().IsMatch(text);
            if (isHeading)
                section = Heading().Match(text).Groups[1].Value;
            yield return new Line(file, number, section, isHeading, isCode || isFence, text);
            if (isFence)
                isCode = !isCode;
        }
    }

    private static List<string> Schedules(Regex pattern, string file) =>
        [.. pattern.Matches(Repository.Read(file)).Select(match => match.Groups[1].Value + " " + match.Groups[2].Value)];

    private static IEnumerable<string> SampleSettings() =>
        JsonDocument.Parse(Repository.Read("local.settings.sample.json")).RootElement.GetProperty("Values")
            .EnumerateObject().Select(setting => setting.Name);

    /// <summary>The names in the first column of a section's table.</summary>
    /// <summary>The cells of a section's table, without backticks.</summary>
    private static IEnumerable<string[]> Rows(string file, string section) => Lines(file, section)
        .Select(line => line.Replace("`", "", StringComparison.Ordinal).Split('|', StringSplitOptions.TrimEntries)[1..]);

    private static IEnumerable<string> Listed(string file, string section) => Lines(file, section)
        .SelectMany(line => Name().Matches(line.Split('|')[1]))
        .Select(match => match.Groups[1].Value);

    private static IEnumerable<string> Lines(string file, string section) =>
        Repository.Read(file).Split('\n')
            .SkipWhile(line => line != section).Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal));

    [GeneratedRegex(@"\[""([A-Z_]+_SCHEDULE)""\] = ""([^""]+)""")]
    private static partial Regex DefaultSchedule();

    [GeneratedRegex(@"""([A-Z_]+_SCHEDULE)"": ""([^""]+)""")]
    private static partial Regex SampleSchedule();

    [GeneratedRegex(@"\| `([A-Z_]+_SCHEDULE)` \| `([^`]+)` \|")]
    private static partial Regex DocumentedSchedule();

    [GeneratedRegex("%([A-Z_]+)%")]
    private static partial Regex InPercentSigns();

    [GeneratedRegex("(?:\\.(?:Optional|Text|Whole|Seconds|Days|Number|Flag|Choice|Address|Schedule|Words)|WholeSetting \\w+ = new)"
        + "\\(\\s*\"([A-Z_]+)\"")]
    private static partial Regex ReadSetting();

    [GeneratedRegex("`([A-Za-z_]+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"\[""([a-z-]+)""\] = \w+\.RunAsync")]
    private static partial Regex Bench();

    [GeneratedRegex("<!-- bench:([a-z-]+) -->\n.*?<!-- /bench:\\1 -->", RegexOptions.Singleline)]
    private static partial Regex BenchSection();

    [GeneratedRegex(@"^#{1,6} (.+?)\s*$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchor();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex Code();
}
