using System.Reflection;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Tests.Support;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

/// <summary>docs/operations.md: its SQL runs, and the routes that it calls exist.</summary>
public sealed partial class RunbookTests(PostgresFixture postgres)
{
    private static readonly string Runbook = Repository.Read("docs/operations.md");

    [Fact]
    public async Task Statements_Run()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var statements = string.Join('\n', SqlBlock().Matches(Runbook).Select(match => match.Groups[1].Value));
        var id = Guid.NewGuid();

        Assert.Contains("from renewal_attempts", statements);
        await Psql.RunAsync("psql", database, Repository.Root, "-X", "-v", "ON_ERROR_STOP=1",
            "-c", Variable().Replace(statements, $"'{id}'"));
    }

    [Fact]
    public void Calls_AreOfRoutesThatExist()
    {
        var routes = typeof(SettingReader).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetParameters())
            .Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).OfType<HttpTriggerAttribute>()
            .SelectMany(trigger => trigger.Methods!.Select(method =>
                $"{method.ToUpperInvariant()} {Placeholder().Replace(trigger.Route!, "*")}"))
            .ToHashSet();
        var calls = Call().Matches(Runbook)
            .Select(match => (Method: match.Groups[1].Success ? match.Groups[1].Value : "GET", Path: match.Groups[2].Value))
            .Select(call => $"{call.Method} {ShellVariable().Replace(call.Path, "*")}")
            .Concat(Named().Matches(Runbook).Select(match =>
                $"{match.Groups[1].Value} {Placeholder().Replace(match.Groups[2].Value, "*")}"))
            .ToList();

        Assert.True(calls.Count >= 14, "too few calls were found");
        Assert.All(calls, call => Assert.Contains(call, routes));
    }

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SqlBlock();

    [GeneratedRegex(":'[a-z]+'")]
    private static partial Regex Variable();

    [GeneratedRegex(@"curl (?:-X (\w+) )?.*?""\$API/([^""?]+)")]
    private static partial Regex Call();

    [GeneratedRegex(@"`(GET|POST|PATCH|PUT|DELETE) /([^`]+)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"\$[A-Z]\b")]
    private static partial Regex ShellVariable();
}
