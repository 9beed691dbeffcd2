using LicenseFunctions.Infrastructure.Settings;
using NetArchTest.Rules;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>The arrows of the architecture: what may use what.</summary>
public sealed class ArrowTests
{
    private static readonly string[] Features = ["Devices", "Suspicion", "Renewals", "Health", "Usage", "Licenses", "Pages", "Operations"];
    private static readonly string[] Edges = ["Database", "Payments", "Notifications", "Geolocation", "Metrics", "Http"];
    private static readonly Types App = Types.InAssembly(typeof(SettingReader).Assembly);

    public static TheoryData<string> FeatureFolders => [.. Features];

    public static TheoryData<string> EdgeFolders => [.. Edges];

    [Theory]
    [MemberData(nameof(FeatureFolders))]
    public void FeatureFolder_UsesNoOtherFeatureFolder(string folder) =>
        Holds(folder, Features.Where(other => other != folder));

    [Theory]
    [MemberData(nameof(EdgeFolders))]
    public void EdgeFolder_UsesNeitherFeaturesNorOtherEdges(string folder) =>
        Holds(folder, Features.Concat(Edges).Where(other => other != folder));

    [Fact]
    public void Licensing_UsesNothingButTheRuntime() =>
        Assert.All(typeof(Licensing.Refusal).Assembly.GetReferencedAssemblies(), reference =>
            Assert.True(reference.Name!.StartsWith("System.", StringComparison.Ordinal), $"Licensing uses {reference.Name}"));

    [Fact]
    public void Stripe_IsNamedInPaymentsOnly()
    {
        var result = App.That().DoNotResideInNamespace("LicenseFunctions.Payments").ShouldNot().HaveDependencyOn("Stripe").GetResult();

        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    [Fact]
    public void LicenseTool_UsesTheDatabaseFolderAndTheRulesOnly()
    {
        var others = Features.Concat(Edges).Where(folder => folder != "Database").Select(folder => $"LicenseFunctions.{folder}").ToArray();
        var result = Types.InAssembly(System.Reflection.Assembly.Load("licensectl")).ShouldNot().HaveDependencyOnAny(others).GetResult();

        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    private static void Holds(string folder, IEnumerable<string> forbidden)
    {
        var result = App.That().ResideInNamespace($"LicenseFunctions.{folder}")
            .ShouldNot().HaveDependencyOnAny([.. forbidden.Select(other => $"LicenseFunctions.{other}")]).GetResult();

        Assert.True(result.IsSuccessful, $"{folder} uses another folder in: {string.Join(", ", result.FailingTypeNames ?? [])}");
    }
}
