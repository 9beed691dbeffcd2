using System.CommandLine;
using LicenseFunctions.Tests.Support;
using LicenseTool;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

/// <summary>What each command of licensectl may do without an operator's name and without a question.</summary>
public sealed class CommandTests(PostgresFixture postgres)
{
    /// <summary>Deletes something, replaces a secret, or prints a person's data: requires --by, and --yes or a typed word.</summary>
    private static readonly string[] Confirmed =
        ["erase", "export", "queue discard", "webhooks remove", "webhooks replay", "webhooks rotate"];

    /// <summary>Can be undone, and is audited: requires --by.</summary>
    private static readonly string[] Audited = ["webhooks add", "webhooks change", "webhooks disable", "webhooks enable"];

    /// <summary>Without --yes, refused in a database that has users of its own.</summary>
    private static readonly string[] ForDemos = ["demo-data"];

    /// <summary>Reads, or loses nothing. No command moves money.</summary>
    private static readonly string[] Harmless =
    [
        "backtest", "convert-usage-log", "keys new", "migrate", "queue peek", "queue resubmit", "reconcile", "report", "token",
        "webhooks list",
    ];

    public static TheoryData<string> OfOperators => [.. Confirmed, .. Audited];

    [Fact]
    public void EveryCommand_IsClassified() => Assert.Equal(
        ((string[])[.. Confirmed, .. Audited, .. ForDemos, .. Harmless]).Order(StringComparer.Ordinal),
        All.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(OfOperators))]
    public void Command_OfAnOperator_RequiresByAndMayRequireYes(string name)
    {
        var options = All[name].Options.ToDictionary(option => option.Name);

        Assert.True(options["--by"].Required);
        Assert.Equal(Confirmed.Contains(name), options.ContainsKey("--yes"));
        Assert.Contains("--by", string.Join(' ', Commands.Create().Parse(name).Errors.Select(error => error.Message)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void OtherCommands_AskForNothing() => Assert.All(Harmless, name => Assert.Empty(
        All[name].Options.Select(option => option.Name).Intersect(["--by", "--yes"])));

    [Theory]
    [InlineData("", false)]
    [InlineData("--yes false", false)]
    [InlineData("--yes", true)]
    public async Task DemoData_BesideOtherUsers_IsAddedOnlyIfConfirmed(string options, bool isAdded)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("insert into users (email, password_hash) values ('jo@example.org', 'x')");

        var (code, output) = await Licensectl.RunAsync(
            database, ["demo-data", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal(isAdded ? 0 : 1, code);
        Assert.Equal(isAdded, !output.Contains("The database has users of its own (1).", StringComparison.Ordinal));
        Assert.Equal(isAdded, await database.QueryAsync<bool>("select exists (select from license_tokens)"));
    }

    public static TheoryData<string, string> Values => [.. All.SelectMany(command => command.Value.Options.Cast<Symbol>()
        .Concat(command.Value.Arguments)
        .Where(symbol => TypeOf(symbol) != typeof(string) && TypeOf(symbol) != typeof(bool))
        .Select(symbol => (command.Key, symbol.Name)))];

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_OfAnotherType_SaysWhatIsExpectedWithAnExample(string name, string symbol)
    {
        string[] given = symbol.StartsWith('-') ? [$"{symbol}=no.such.value"] : ["no.such.value"];
        string[] others = name switch
        {
            "backtest" => ["--usage", "usage.csv"],
            "queue discard" or "queue resubmit" when symbol != "SEQUENCE" => ["4711"],
            "token" => ["operator"],
            _ => [],
        };

        var errors = Commands.Create().Parse([.. name.Split(' '), .. others, .. given]).Errors.Select(error => error.Message).ToList();

        Assert.Contains(errors, error => error.Contains(" is not ", StringComparison.Ordinal)
            && (error.Contains(". Example: ", StringComparison.Ordinal)
                || error.Contains(". licensectl webhooks list shows", StringComparison.Ordinal)));
        Assert.All(errors, error => Assert.DoesNotContain("System.", error, StringComparison.Ordinal));
    }

    private static Type TypeOf(Symbol symbol) => symbol is Option option ? option.ValueType : ((Argument)symbol).ValueType;

    private static Dictionary<string, Command> All => Leaves(Commands.Create(), "").ToDictionary();

    private static IEnumerable<(string Name, Command Command)> Leaves(Command command, string prefix) => command.Subcommands
        .SelectMany(one => one.Subcommands.Count > 0 ? Leaves(one, one.Name + ' ') : [(prefix + one.Name, one)]);
}
