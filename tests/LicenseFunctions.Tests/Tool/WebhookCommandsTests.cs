using System.Security.Cryptography;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class WebhookCommandsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string By = Licensectl.Operator;
    private static readonly string Keys = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        await Licensectl.AddOperatorAsync(database);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Endpoint_IsAddedRotatedDisabledReplayedAndRemoved()
    {
        Assert.Equal((0, "No webhook endpoints.\n"), await ToolAsync("list"));

        var (added, output) = await ToolAsync(
            "add", "https://hooks.example.com/a", "--types", "device.added, device.removed", "--by", By);
        Assert.True(added == 0, output);
        Assert.Matches("^[0-9a-f-]{36}  active  after 0, 0 waiting  device.added,device.removed  https://hooks.example.com/a\n", output);
        Assert.Matches("\nSecret, shown only now: whsec_[A-Za-z0-9+/]{43}=\n$", output);
        var id = output[..36];
        var (_, rotated) = await ToolAsync("rotate", id, "--overlap-seconds", "0", "--by", By, "--yes");
        var (_, disabled) = await ToolAsync("disable", id, "--by", By);
        var (_, enabled) = await ToolAsync("enable", id, "--by", By);
        var (_, replayed) = await ToolAsync("replay", id, "--since", "2026-01-01T00:00:00", "--by", By, "--yes");
        var (_, listed) = await ToolAsync("list");
        var (removed, _) = await ToolAsync("remove", id, "--by", By, "--yes");

        Assert.NotEqual(output.Split("whsec_")[1], rotated.Split("whsec_")[1]);
        Assert.Contains("disabled by operator", disabled, StringComparison.Ordinal);
        Assert.Contains("  active  ", enabled, StringComparison.Ordinal);
        Assert.Contains("  active  after 0", replayed, StringComparison.Ordinal);
        Assert.DoesNotContain("whsec_", listed, StringComparison.Ordinal);
        Assert.Equal(0, removed);
        Assert.Equal((0, "No webhook endpoints.\n"), await ToolAsync("list"));
        Assert.Equal(
            [
                $"webhook.added {By}", $"webhook.secret_rotated {By}", $"webhook.changed {By}", $"webhook.changed {By}",
                $"webhook.replayed {By}", $"webhook.removed {By}",
            ],
            await database.QueryAllAsync<string>("select action || ' ' || actor_id from audit_log order by occurred_at"));
    }

    [Fact]
    public async Task Change_OfUrlOrTypes_KeepsTheOther_AndIsAudited()
    {
        var (_, added) = await ToolAsync("add", "https://hooks.example.com/a", "--types", "device.added", "--by", By);
        var id = added[..36];

        var (moved, url) = await ToolAsync("change", id, "--url", "https://hooks.example.com/b", "--by", By);
        var (typed, types) = await ToolAsync("change", id, "--types", "device.removed, license.renewed", "--by", By);
        var (opened, all) = await ToolAsync("change", id, "--types", "*", "--by", By);

        Assert.Equal((0, 0, 0), (moved, typed, opened));
        Assert.EndsWith("  device.added  https://hooks.example.com/b\n", url, StringComparison.Ordinal);
        Assert.EndsWith("  device.removed,license.renewed  https://hooks.example.com/b\n", types, StringComparison.Ordinal);
        Assert.EndsWith("  *  https://hooks.example.com/b\n", all, StringComparison.Ordinal);
        Assert.Equal(
            [By, By, By],
            await database.QueryAllAsync<string>("select actor_id::text from audit_log where action = 'webhook.changed'"));
    }

    [Theory]
    [InlineData("must begin with https", "add", "http://hooks.example.com/", "--by", By)]
    [InlineData("types must be", "add", "https://hooks.example.com/", "--types", "x", "--by", By)]
    [InlineData("There is no such webhook endpoint", "enable", "00000000-0000-4000-8000-00000000ffff", "--by", By)]
    [InlineData("'x' is not an endpoint_id. licensectl webhooks list shows them.", "remove", "x", "--by", By)]
    [InlineData("There is no such webhook endpoint", "remove", "00000000-0000-4000-8000-00000000ffff", "--by", By)]
    [InlineData("--url or --types is required", "change", "00000000-0000-4000-8000-00000000ffff", "--by", By)]
    [InlineData("There is no such webhook endpoint", "change", "00000000-0000-4000-8000-00000000ffff", "--types", "*",
        "--by", By)]
    [InlineData("--since is not a time", "replay", "00000000-0000-4000-8000-00000000ffff", "--since", "x", "--by", By)]
    public async Task Command_WithABadArgument_FailsAndNamesIt(string message, params string[] arguments)
    {
        var (code, output) = await ToolAsync(arguments);

        Assert.Equal(1, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("remove", "This removes an endpoint: ")]
    [InlineData("rotate", "This makes a new secret, and ends older ones in 86400 seconds: ")]
    [InlineData("replay --after 0", "This moves the endpoint's position. It gets all events after it, and none before it. The endpoint: ")]
    public async Task Command_WithoutConfirmation_ShowsTheEndpointAndChangesNothing(string command, string message)
    {
        var (_, added) = await ToolAsync("add", "https://hooks.example.com/a", "--by", By);
        var words = command.Split(' ');

        foreach (var yes in (string[][])[[], ["--yes", "false"]])
        {
            var (code, output) = await ToolAsync([words[0], added[..36], .. words[1..], "--by", By, .. yes]);

            Assert.Equal(1, code);
            Assert.Contains($"{message}{added[..36]}  active", output, StringComparison.Ordinal);
            Assert.Contains("Nothing was changed. Use --yes", output, StringComparison.Ordinal);
        }

        Assert.Equal(["webhook.added"], await database.QueryAllAsync<string>("select action from audit_log"));
    }

    [Fact]
    public async Task Add_WithoutKeys_NamesTheSetting()
    {
        var (code, output) = await Licensectl.RunAsync(
            [("DATABASE_URL", database.ConnectionString), ("WEBHOOK_SECRET_KEYS", "")],
            "webhooks", "add", "https://hooks.example.com/", "--by", By);

        Assert.Equal(1, code);
        Assert.Contains("WEBHOOK_SECRET_KEYS", output, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output)> ToolAsync(params string[] arguments) => Licensectl.RunAsync(
        [("DATABASE_URL", database.ConnectionString), ("WEBHOOK_SECRET_KEYS", Keys)], ["webhooks", .. arguments]);
}
