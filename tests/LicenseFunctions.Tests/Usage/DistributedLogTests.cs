using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>
/// Conditions under which license_usage_log can be distributed by subscription_id while all other tables stay on one server
/// (docs/scaling.md): its keys contain that column, statements join it by that column, and none reads it in a subquery.
/// </summary>
public sealed partial class DistributedLogTests(PostgresFixture postgres)
{
    /// <summary>Unique indexes without subscription_id, and the reason.</summary>
    private static readonly Dictionary<string, string> AllowedKeys = new(StringComparer.Ordinal)
    {
        ["license_usage_log_pkey"] = "a record's identity; docs/scaling.md says how the column is added before the table is distributed",
    };

    [Fact]
    public async Task UniqueIndexes_ContainTheLicense_ExceptThoseListed()
    {
        await using var database = await postgres.NewDatabaseAsync();

        var without = await database.QueryAllAsync<string>(
            """
            select i.indexrelid::regclass::text from pg_index i
            where i.indrelid = 'license_usage_log'::regclass and i.indisunique
              and not exists (select from pg_attribute a
                              where a.attrelid = i.indrelid and a.attnum = any (i.indkey::smallint[]) and a.attname = 'subscription_id')
            """);

        Assert.Subset(AllowedKeys.Keys.ToHashSet(), without.ToHashSet());
    }

    [Fact]
    public async Task Statements_JoinTheLogByLicense_AndReadItInNoSubquery()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var views = await database.QueryAllAsync<(string Name, string Text)>(
            "select viewname::text, definition from pg_views where definition ~ 'license_usage_log'");
        var functions = await database.QueryAllAsync<(string Name, string Language, string Text)>(
            """
            select p.proname::text, l.lanname::text, p.prosrc from pg_proc p join pg_language l on l.oid = p.prolang
            where p.prosrc ~ 'license_usage_log' and l.lanname in ('sql', 'plpgsql')
            """);
        List<(string Name, bool IsInlined, string Text)> all =
        [
            .. views.Select(view => (view.Name, true, view.Text)),
            .. functions.Select(function => (function.Name, function.Language == "sql", function.Text)),
            .. Statements().Select(statement => (statement.File, true, statement.Text)),
        ];

        Assert.Superset(
            new HashSet<string> { "v_license_usage_24h", "recent_device_count", "get_device_count", "SuspicionStore.cs", "DeviceStore.cs" },
            all.Select(one => one.Name).ToHashSet());
        Assert.Empty(
            from one in all
            from fault in Faults(one.Text, one.IsInlined)
            select $"{one.Name}: {fault}");
    }

    [Theory]
    [InlineData("select 1 from license_usage_log where logged_at > now()", true, false)]
    [InlineData("select a from unnest(@ids) as x (id) join license_usage_log l on l.subscription_id = x.id", true, false)]
    [InlineData("select a from t union all select a from license_usage_log where subscription_id = @id", true, false)]
    [InlineData("update license_usage_log l set a = p.a from p where l.subscription_id = p.subscription_id", true, false)]
    [InlineData("return exists (select from license_usage_log u where u.subscription_id = license);", false, false)]
    [InlineData("select a from t join license_usage_log l on l.token_hash = t.token_hash", true, true)]
    [InlineData("select a from t, license_usage_log l where l.logged_at > t.at", true, true)]
    [InlineData("update license_usage_log l set a = p.a from p where l.token_hash = p.token_hash", false, true)]
    [InlineData("select a from t where exists (select from license_usage_log l where l.subscription_id = t.id)", true, true)]
    [InlineData("select (select count(*) from license_usage_log l where l.subscription_id = t.id) from t", true, true)]
    [InlineData("select a from t cross join lateral (select from license_usage_log l where l.subscription_id = t.id) u", false, true)]
    public void Faults_OfAStatement_AreFound(string text, bool isInlined, bool isFaulty) =>
        Assert.Equal(isFaulty, Faults(text, isInlined).Any());

    /// <param name="isInlined">
    /// Whether the text is a part of a statement that also reads other tables: not for plpgsql, whose statements run one by one, and whose
    /// parameters are values.
    /// </param>
    private static IEnumerable<string> Faults(string text, bool isInlined)
    {
        foreach (Match use in Use().Matches(text))
        {
            var (before, block) = Block(text, use.Index);
            var isNested = before.Length > 0 && !AfterUnion().IsMatch(before);
            if (Lateral().IsMatch(before))
                yield return "a lateral subquery reads the log: " + use.Value;
            else if (isInlined && isNested)
                yield return "a subquery reads the log: " + use.Value;
            if ((Sources().Count(block) > 1 || Comma().IsMatch(block)) && !ByLicense().IsMatch(block))
                yield return "the log is joined without subscription_id: " + use.Value;
        }
    }

    /// <summary>The innermost select around a place, without the content of its parentheses, and the text before its parenthesis.</summary>
    private static (string Before, string Block) Block(string text, int at)
    {
        var (start, end, depth) = (at, at, 0);
        for (; start > 0 && text[start - 1] != ';'; start--)
        {
            if (text[start - 1] == ')')
                depth++;
            else if (text[start - 1] == '(' && --depth < 0)
                break;
        }

        for (depth = 0; end < text.Length && text[end] != ';'; end++)
        {
            if (text[end] == '(')
                depth++;
            else if (text[end] == ')' && --depth < 0)
                break;
        }

        var branches = text[start..end];
        while (Parentheses().IsMatch(branches))
            branches = Parentheses().Replace(branches, match => new string('\u00a4', match.Length));
        var place = at - start;
        var unions = Union().Matches(branches);
        var from = unions.LastOrDefault(union => union.Index < place) is { } previous ? previous.Index + previous.Length : 0;
        var to = unions.FirstOrDefault(union => union.Index > place)?.Index ?? branches.Length;
        return (start > 0 && text[start - 1] == '(' ? text[..(start - 1)] : "", branches[from..to]);
    }

    private static IEnumerable<(string File, string Text)> Statements() =>
        from folder in (string[])["src/LicenseFunctions", "src/LicenseTool"]
        from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
        where !Path.GetRelativePath(Repository.Root, file).Split('/').Any(part => part is "obj" or "bin")
        from Match statement in RawString().Matches(File.ReadAllText(file))
        where Use().IsMatch(statement.Value)
        select (Path.GetFileName(file), statement.Groups[1].Value);

    [GeneratedRegex(@"\b(?:from|join|update|,)\s*(?:public\.)?license_usage_log\b(?!\s*[.(])", RegexOptions.IgnoreCase)]
    private static partial Regex Use();

    [GeneratedRegex("\"\"\"(.*?)\"\"\"", RegexOptions.Singleline)]
    private static partial Regex RawString();

    [GeneratedRegex(@"\blateral\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex Lateral();

    // A branch of a union, or a common table expression.
    [GeneratedRegex(@"(\bunion all|\bunion|\bas|\bmaterialized)\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex AfterUnion();

    [GeneratedRegex(@"\bunion\b", RegexOptions.IgnoreCase)]
    private static partial Regex Union();

    [GeneratedRegex(@"\([^()]*\)")]
    private static partial Regex Parentheses();

    [GeneratedRegex(@"\b(?:from|join|update)\s+[\w.]+", RegexOptions.IgnoreCase)]
    private static partial Regex Sources();

    [GeneratedRegex(@"\bfrom\s+[\w.]+(?:\s+\w+)?\s*,", RegexOptions.IgnoreCase)]
    private static partial Regex Comma();

    [GeneratedRegex(@"\w+\.subscription_id\s*=\s*[\w.]+|\busing\s*\u00a4", RegexOptions.IgnoreCase)]
    private static partial Regex ByLicense();
}
