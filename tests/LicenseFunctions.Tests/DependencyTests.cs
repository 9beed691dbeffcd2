using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>
/// docs/dependencies.md lists all published dependencies, direct and transitive, with their licenses, and every license is allowed.
/// <c>REWRITE_DEPENDENCIES=1 ./dev test Dependencies</c> regenerates it.
/// </summary>
public sealed partial class DependencyTests
{
    private static readonly HashSet<string> Allowed =
        ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MS-PL OR Apache-2.0", "PostgreSQL",
        "Unlicense"];

    // Packages with a license text instead of an SPDX expression. A person has read these texts. Other such packages are not allowed.
    private static readonly Dictionary<string, string> Texts = new()
    {
        ["NCrontab"] = "Apache-2.0",
        ["StandardWebhooks"] = "MIT",
        ["Stripe.net"] = "Apache-2.0",
        ["System.Security.Cryptography.ProtectedData"] = "MIT",
    };

    private static string File => Path.Combine(Repository.Root, "docs/dependencies.md");

    [Fact]
    public void Dependencies_AreListedAndTheirLicensesAllowed()
    {
        var packages = NuGetPackages().ToList();
        var modules = NpmModules().ToList();
        Assert.True(packages.Count > 30 && modules.Count > 5,
            $"{packages.Count} NuGet packages, {modules.Count} npm packages: the lists can't be complete.");

        Assert.All(packages.Concat(modules), one => Assert.Contains(one.License, Allowed));
        var document = Document(packages, modules);
        if (Environment.GetEnvironmentVariable("REWRITE_DEPENDENCIES") == "1")
            System.IO.File.WriteAllText(File, document);
        Assert.True(document == System.IO.File.ReadAllText(File),
            "docs/dependencies.md differs from the restored packages. REWRITE_DEPENDENCIES=1 ./dev test Dependencies regenerates it; " +
            "review the difference.");
    }

    /// <summary>The restored packages of the projects in src/, with the licenses of their manifests.</summary>
    private static IEnumerable<Dependency> NuGetPackages() =>
        from project in Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"))
        let assets = Path.Combine(project, "obj/project.assets.json")
        where System.IO.File.Exists(assets)
        let restored = JsonDocument.Parse(System.IO.File.ReadAllText(assets)).RootElement
        let folder = restored.GetProperty("packageFolders").EnumerateObject().First().Name
        let needed = Needed(restored)
        from library in restored.GetProperty("libraries").EnumerateObject()
        where library.Value.GetProperty("type").GetString() == "package" && needed.Contains(library.Name)
        group (folder, library) by library.Name.Split('/')[0] into same
        orderby same.Key
        select new Dependency(same.Key, License(
            same.Key, Path.Combine(same.First().folder, same.First().library.Value.GetProperty("path").GetString()!)));

    /// <summary>Packages with assemblies that run: analyzers, for example, are not published.</summary>
    private static HashSet<string> Needed(JsonElement restored) => [.. restored.GetProperty("targets").EnumerateObject()
        .SelectMany(target => target.Value.EnumerateObject())
        .Where(library => library.Value.TryGetProperty("runtime", out _) || library.Value.TryGetProperty("dependencies", out _))
        .Select(library => library.Name)];

    private static string License(string name, string folder)
    {
        var manifest = System.IO.File.ReadAllText(Directory.EnumerateFiles(folder, "*.nuspec").Single());
        return LicenseExpression().Match(manifest) is { Success: true } expression ? expression.Groups[1].Value
            : Texts.GetValueOrDefault(name, "?");
    }

    /// <summary>The packages that the pages contain, without those that only build or test them.</summary>
    private static IEnumerable<Dependency> NpmModules() =>
        from module in JsonDocument.Parse(Repository.Read("src/dashboard/package-lock.json")).RootElement.GetProperty("packages")
            .EnumerateObject()
        where module.Name.Length > 0 && !(module.Value.TryGetProperty("dev", out var dev) && dev.GetBoolean())
        let license = module.Value.TryGetProperty("license", out var stated) ? stated.GetString()! : "?"
        let name = module.Name[(module.Name.LastIndexOf("node_modules/", StringComparison.Ordinal) + "node_modules/".Length)..]
        orderby name
        select new Dependency(name, license);

    private static string Document(IEnumerable<Dependency> packages, IEnumerable<Dependency> modules)
    {
        var text = new StringBuilder("""
            # Dependencies

            All published dependencies, direct and transitive, with their licenses. DependencyTests compares this list with the
            packages. Versions are pinned in Directory.Packages.props and package-lock.json.

            """);
        foreach (var (title, all) in new[] { ("The function app and licensectl (NuGet)", packages), ("The pages (npm)", modules) })
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| package | license |\n|---|---|\n");
            foreach (var one in all)
                text.Append(CultureInfo.InvariantCulture, $"| {one.Name} | {one.License} |\n");
        }

        return text.ToString();
    }

    [GeneratedRegex("<license type=\"expression\"[^>]*>([^<]+)<")]
    private static partial Regex LicenseExpression();

    private sealed record Dependency(string Name, string License);
}
