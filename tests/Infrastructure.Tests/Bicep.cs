using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

[assembly: AssemblyFixture(typeof(Infrastructure.Tests.Bicep))]
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Infrastructure.Tests;

/// <summary>The templates of infra-bicep, compiled, and evaluated for each environment.</summary>
public sealed class Bicep : IAsyncLifetime
{
    private static readonly string Program = typeof(Bicep).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(one => one.Key == "Bicep").Value!;

    private readonly string copy = Directory.CreateTempSubdirectory("bicep").FullName;
    private readonly Dictionary<string, Template> environments = [];

    /// <summary>Production with Front Door, which neither environment uses.</summary>
    public const string BehindFrontDoor = "prod-behind-front-door";

    public static string Folder { get; } = Path.Combine(Repository.Root, "infra-bicep");

    /// <summary>The compiled template with unevaluated functions.</summary>
    public JsonNode Compiled { get; private set; } = null!;

    public Template Environment(string name) => environments[name];

    public static IEnumerable<string> EnvironmentNames =>
        Directory.EnumerateFiles(Folder, "*.bicepparam").Select(file => Path.GetFileNameWithoutExtension(file)).Order();

    public async ValueTask InitializeAsync()
    {
        // Some package feeds remove the executable permission.
        File.SetUnixFileMode(Program, File.GetUnixFileMode(Program) | UnixFileMode.UserExecute);
        var (compiled, complaints) = await RunAsync("build", Path.Combine(Folder, "main.bicep"), "--stdout");
        Assert.True(compiled.Length > 0, complaints);
        Compiled = JsonNode.Parse(compiled)!;

        // Bicep writes the snapshot into the folder of the parameter file.
        foreach (var file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        var production = await File.ReadAllTextAsync(Path.Combine(copy, "prod.bicepparam"));
        Assert.Contains("param frontDoor = false", production);
        await File.WriteAllTextAsync(Path.Combine(copy, $"{BehindFrontDoor}.bicepparam"),
            production.Replace("param frontDoor = false", "param frontDoor = true"));

        foreach (var name in EnvironmentNames.Append(BehindFrontDoor))
        {
            var (_, words) = await RunAsync("snapshot", Path.Combine(copy, $"{name}.bicepparam"), "--mode", "overwrite",
                "--tenant-id", Guid.Empty.ToString(), "--subscription-id", Guid.Empty.ToString(),
                "--resource-group", "licenses", "--location", "westeurope", "--deployment-name", "main");
            var snapshot = Path.Combine(copy, $"{name}.snapshot.json");
            Assert.True(File.Exists(snapshot), $"bicep snapshot of {name}: {words}");
            environments[name] = new Template(JsonNode.Parse(await File.ReadAllTextAsync(snapshot))!);
        }
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(copy, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <returns>The output and the diagnostics: the exit code is 0 even if there are warnings.</returns>
    public static async Task<(string Output, string Complaints)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Variables that the workflow sets.
            Environment =
            {
                ["GITHUB_REPOSITORY"] = "owner/name",
                ["ALERT_EMAIL"] = "operators@example.com",
                ["AUTH_AUTHORITY"] = "https://login.example.com/tenant",
                ["AUTH_AUDIENCE"] = "license-functions",
                ["STRIPE_PUBLISHABLE_KEY"] = "pk_test_1",
                ["MAIL_FROM"] = "licenses@example.com",
                ["PRODUCER_PRINCIPAL_ID"] = "11111111-1111-1111-1111-111111111111",
            },
        };
        using var process = Process.Start(start)!;
        var complaints = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (output, process.ExitCode == 0 ? await complaints : $"exit code {process.ExitCode}: {await complaints}");
    }
}

/// <summary>The resources of one environment's deployment.</summary>
public sealed class Template(JsonNode snapshot)
{
    public IEnumerable<JsonNode> AllResources => snapshot["predictedResources"]!.AsArray().Select(resource => resource!);

    public IEnumerable<JsonNode> Resources(string type) => AllResources.Where(resource => (string?)resource["type"] == type);

    /// <summary>The properties of the only resource of a type, or of the one whose name has the given end.</summary>
    public JsonNode Only(string type, string nameEnd = "") =>
        Resources(type).Single(resource => ((string)resource["name"]!).EndsWith(nameEnd, StringComparison.Ordinal))["properties"]!;

    public IReadOnlyDictionary<string, string> Settings =>
        Only("Microsoft.Web/sites/config", "/appsettings").AsObject()
            .ToDictionary(setting => setting.Key, setting => (string)setting.Value!);

    public string DatabaseParameter(string name) =>
        (string)Only("Microsoft.DBforPostgreSQL/flexibleServers/configurations", "/" + name)["value"]!;
}
