using System.Security.Cryptography;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class WebhookCommandsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly string Keys = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.NewDatabaseAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Endpoint_IsAddedRotatedDisabledReplayedAndRemoved()
    {
        var by = Guid.NewGuid();
        Assert.Equal((0, "No webhook endpoints.\n"), await ToolAsync("list"));

        var (added, output) = await ToolAsync(
            "add", "https://hooks.example.com/a", "--types", "device.added, device.removed", "--by", by.ToString());
        Assert.True(added == 0, output);
        Assert.Matches("^[0-9a-f-]{36}  active  after 0, 0 waiting  device.added,device.removed  https://hooks.example.com/a\n", output);
        Assert.Matches("\nSecret, shown only now: whsec_[A-Za-z0-9+/]{43}=\n$", output);
        var id = output[..36];
        var (_, rotated) = await ToolAsync("rotate", id, "--overlap-seconds", "0");
        var (_, disabled) = await ToolAsync("disable", id);
        var (_, enabled) = await ToolAsync("enable", id);
        var (_, replayed) = await ToolAsync("replay", id, "--since", "2026-01-01T00:00:00");
        var (_, listed) = await ToolAsync("list");
        var (removed, _) = await ToolAsync("remove", id, "--by", by.ToString(), "--yes");

        Assert.NotEqual(output.Split("whsec_")[1], rotated.Split("whsec_")[1]);
        Assert.Contains("disabled by operator", disabled, StringComparison.Ordinal);
        Assert.Contains("  active  ", enabled, StringComparison.Ordinal);
        Assert.Contains("  active  after 0", replayed, StringComparison.Ordinal);
        Assert.DoesNotContain("whsec_", listed, StringComparison.Ordinal);
        Assert.Equal(0, removed);
        Assert.Equal((0, "No webhook endpoints.\n"), await ToolAsync("list"));
        Assert.Equal(by, await database.QueryAsync<Guid>("select actor_id from audit_log where action = 'webhook.added'"));
    }

    [Fact]
    public async Task Change_OfUrlOrTypes_KeepsTheOther_AndIsAudited()
    {
        var by = Guid.NewGuid();
        var (_, added) = await ToolAsync("add", "https://hooks.example.com/a", "--types", "device.added");
        var id = added[..36];

        var (moved, url) = await ToolAsync("change", id, "--url", "https://hooks.example.com/b", "--by", by.ToString());
        var (typed, types) = await ToolAsync("change", id, "--types", "device.removed, license.renewed");
        var (opened, all) = await ToolAsync("change", id, "--types", "*");

        Assert.Equal((0, 0, 0), (moved, typed, opened));
        Assert.EndsWith("  device.added  https://hooks.example.com/b\n", url, StringComparison.Ordinal);
        Assert.EndsWith("  device.removed,license.renewed  https://hooks.example.com/b\n", types, StringComparison.Ordinal);
        Assert.EndsWith("  *  https://hooks.example.com/b\n", all, StringComparison.Ordinal);
        Assert.Equal(
            by, await database.QueryAsync<Guid>(
                "select actor_id from audit_log where action = 'webhook.changed' order by occurred_at limit 1"));
    }

    [Theory]
    [InlineData("must begin with https", "add", "http://hooks.example.com/")]
    [InlineData("types must be", "add", "https://hooks.example.com/", "--types", "x")]
    [InlineData("There is no such webhook endpoint", "enable", "00000000-0000-4000-8000-00000000ffff")]
    [InlineData("is not an endpoint_id", "remove", "x", "--by", "00000000-0000-4000-8000-000000000001")]
    [InlineData("There is no such webhook endpoint", "remove", "00000000-0000-4000-8000-00000000ffff",
        "--by", "00000000-0000-4000-8000-000000000001")]
    [InlineData("--url or --types is required", "change", "00000000-0000-4000-8000-00000000ffff")]
    [InlineData("There is no such webhook endpoint", "change", "00000000-0000-4000-8000-00000000ffff", "--types", "*")]
    [InlineData("--since is not a time", "replay", "00000000-0000-4000-8000-00000000ffff", "--since", "x")]
    public async Task Command_WithABadArgument_FailsAndNamesIt(string message, params string[] arguments)
    {
        var (code, output) = await ToolAsync(arguments);

        Assert.Equal(1, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--by 00000000-0000-4000-8000-000000000001", "This removes: ")]
    [InlineData("--by 00000000-0000-4000-8000-000000000001 --yes false", "https://hooks.example.com/a")]
    [InlineData("--yes", "--by")]
    public async Task Remove_WithoutConfirmationOrOperator_IsRefused(string options, string message)
    {
        var (_, added) = await ToolAsync("add", "https://hooks.example.com/a");

        var (code, output) = await ToolAsync(["remove", added[..36], .. options.Split(' ')]);

        Assert.Equal(1, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.Contains("https://hooks.example.com/a", (await ToolAsync("list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_WithoutKeys_NamesTheSetting()
    {
        var (code, output) = await Licensectl.RunAsync(
            [("DATABASE_URL", database.ConnectionString), ("WEBHOOK_SECRET_KEYS", "")], "webhooks", "add", "https://hooks.example.com/");

        Assert.Equal(1, code);
        Assert.Contains("WEBHOOK_SECRET_KEYS", output, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output)> ToolAsync(params string[] arguments) => Licensectl.RunAsync(
        [("DATABASE_URL", database.ConnectionString), ("WEBHOOK_SECRET_KEYS", Keys)], ["webhooks", .. arguments]);
}
