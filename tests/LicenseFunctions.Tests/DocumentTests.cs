using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Tests.Support;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>README.md and local.settings.sample.json say what the code does.</summary>
public sealed partial class DocumentTests
{
    private static readonly MethodInfo[] Functions = [.. typeof(SettingReader).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods())
        .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)];

    // The Functions host's own, which nothing of ours reads.
    private static readonly string[] OfTheHost = ["FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"];

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
    public void Schedules_AreTheSameInTheWorkerTheSampleAndTheReadme()
    {
        var worker = DefaultSchedule().Matches(Repository.Read("src/StandaloneHost/Settings.cs")).Select(match => match.Groups[1].Value + " " + match.Groups[2].Value);
        var sample = SampleSchedule().Matches(Repository.Read("local.settings.sample.json")).Select(match => match.Groups[1].Value + " " + match.Groups[2].Value);
        var readme = ReadmeSchedule().Matches(Repository.Read("README.md")).Select(match => match.Groups[1].Value + " " + match.Groups[2].Value);

        Assert.NotEmpty(worker);
        Assert.Equal(worker.Order(), sample.Order());
        Assert.Equal(worker.Order(), readme.Order());
    }

    [Fact]
    public void Readme_ListsTheSampleSettings() =>
        Assert.Equal(SampleSettings().Except(OfTheHost).Order(), Listed("## Settings").Order());

    [Fact]
    public void Readme_ListsEveryFunctionOnce() =>
        Assert.Equal(
            Functions.Select(method => method.GetCustomAttribute<FunctionAttribute>()!.Name).Order(),
            Listed("## Functions").Order());

    private static IEnumerable<string> SampleSettings() =>
        JsonDocument.Parse(Repository.Read("local.settings.sample.json")).RootElement.GetProperty("Values")
            .EnumerateObject().Select(setting => setting.Name);

    /// <summary>The names in the first column of a section's table.</summary>
    private static IEnumerable<string> Listed(string section) =>
        Repository.Read("README.md").Split('\n')
            .SkipWhile(line => line != section).Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => Name().Matches(line.Split('|')[1]))
            .Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\[""([A-Z_]+_SCHEDULE)""\] = ""([^""]+)""")]
    private static partial Regex DefaultSchedule();

    [GeneratedRegex(@"""([A-Z_]+_SCHEDULE)"": ""([^""]+)""")]
    private static partial Regex SampleSchedule();

    [GeneratedRegex(@"\| `([A-Z_]+_SCHEDULE)` \| `([^`]+)` \|")]
    private static partial Regex ReadmeSchedule();

    [GeneratedRegex("%([A-Z_]+)%")]
    private static partial Regex InPercentSigns();

    [GeneratedRegex("\\.(?:Optional|Text|Whole|Number|Flag|Choice|Address|Words)\\(\\s*\"([A-Z_]+)\"")]
    private static partial Regex ReadSetting();

    [GeneratedRegex("`([A-Za-z_]+)`")]
    private static partial Regex Name();
}
