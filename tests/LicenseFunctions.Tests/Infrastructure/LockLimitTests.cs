using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure;

/// <summary>
/// Behind a pooler, only a transaction can have a limit for locks. So a statement that changes rows runs by InStatementAsync or
/// InTransactionAsync, not on a plain session.
/// </summary>
public sealed partial class LockLimitTests
{
    [Fact]
    public void ChangingStatement_NeverRunsOnAPlainSession()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "src/LicenseFunctions"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Select(File.ReadAllText)
            .ToList();

        Assert.Empty(files.SelectMany(PlainChanges));
        Assert.True(files.Sum(text => Changing(text).Count) > 50);
    }

    [Fact]
    public void PlainChanges_OfAStoreWithOne_FindsIt() => Assert.Equal(["Claim in ClaimAsync"], PlainChanges(
        """"
        class Store
        {
            private const string Claim = """
                update outbox o set fence = o.fence + 1
                """;

            public async Task ClaimAsync(int limit)
            {
                await using var session = await database.OpenAsync(cancellationToken);
                await session.Connection.ExecuteAsync(Claim);
            }
        }

        """"));

    private static IEnumerable<string> PlainChanges(string text) =>
        from method in Method().Matches(text)
        where method.Value.Contains("atabase.OpenAsync", StringComparison.Ordinal)
        from name in Changing(text)
        where Regex.IsMatch(method.Value, $@"\b{name}\b")
        select $"{name} in {method.Groups["name"].Value}";

    private static List<string> Changing(string text) =>
    [
        .. from statement in Statement().Matches(text)
           where Change().IsMatch(statement.Groups["sql"].Value)
           select statement.Groups["name"].Value,
    ];

    [GeneratedRegex("""const string (?<name>\w+) =\s*(\$*\"{3}(?<sql>.*?)\"{3}|"(?<sql>[^"\n]+)";)""", RegexOptions.Singleline)]
    private static partial Regex Statement();

    [GeneratedRegex(@"\b(insert into|delete from|for (no key )?update|update \w+ (\w+ )?set)\b")]
    private static partial Regex Change();

    [GeneratedRegex(@"\n    (?:public|private|internal)[^\n;=]* (?<name>\w+)\([^;{]*\n    \{.*?\n    \}\n", RegexOptions.Singleline)]
    private static partial Regex Method();
}
