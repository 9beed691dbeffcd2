using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>The test host and the standalone app give equal answers, for every HTTP function and caller, with good and bad input.</summary>
public sealed class RouteTests(DemoSite site) : IClassFixture<DemoSite>
{
    private const int Callers = 6;
    private readonly HostAndStandalone both = site.Both;
    private readonly int earlierLogs = site.Both.Logs.Count;
    private readonly int earlierInvocations = site.Both.Invocations.Count;
    private readonly Comparison comparison = new();

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public void Start_BuiltWorker_LoadsEveryFunctionOfTheInventory()
    {
        var inventory = JsonNode.Parse(Repository.Read("src/LicenseFunctions/functions.inventory.json"))!["functions"]!.AsArray();

        Assert.Equal(
            Lines(inventory.SelectMany(function => Describe(function!["name"], function["entryPoint"], function["bindings"]!.AsArray()))),
            Lines(both.Host.Functions.SelectMany(function => Describe(function.Name, function.EntryPoint, function.Bindings))));
        Assert.All(both.Host.Functions, function => Assert.Null(function.Error));
    }

    [Fact]
    public async Task HundredRequests_SendNoLogRecordAndNoAnswerToTheHost()
    {
        await both.AskAsync("GET", new Input("/readyz"), null);
        await both.Host.IdleAsync(Canceled);
        var (logs, invocations) = (both.Logs.Count, both.Invocations.Count);

        for (var i = 0; i < 100; i++)
            await both.AskAsync("GET", new Input("/readyz"), null);
        await both.Host.IdleAsync(Canceled);

        Assert.Equal([], both.Logs.Skip(logs));
        Assert.Equal(Enumerable.Repeat(("Readyz", false), 100),
            both.Invocations.Skip(invocations).Select(invocation => (invocation.Function, invocation.HasReturnedData)));
    }

    [Fact]
    public async Task EveryRoute_AsEveryCallerWithGoodAndBadInput_HasEqualAnswers()
    {
        var inputs = RouteInputs.All(TimeProvider.System.GetUtcNow(), new StripeStandIn.StandInOptions().WebhookSecret);
        Assert.Equal(
            Lines(both.Host.Functions.Where(function => function.IsHttp)
                .SelectMany(function => function.Bindings[0]["methods"]!.AsArray().Select(method => $"{function.Name} {method}"))),
            Lines(inputs.Select(input => $"{input.Function} {input.Method.ToLowerInvariant()}")));

        foreach (var input in inputs)
        {
            foreach (var (role, credential) in CallersOf(input.Person))
            {
                var before = both.Invocations.Count;
                await CompareAsync(role, credential, input.Method, input.Good);
                Assert.Equal([input.Function], both.Invocations.Skip(before).Select(invocation => invocation.Function));
                await CompareAsync(role, credential, input.Method, input.Bad);
            }
        }

        AssertAlike(inputs.Count * Callers * 2);
        Assert.Empty(comparison.Unused);
        Assert.Equal(await both.AloneDatabase.RowsAsync(), await both.HostDatabase.RowsAsync());
    }

    /// <summary>Requests for which the routing or parsing of the two sides could differ.</summary>
    [Theory]
    [InlineData("GET", "/")]
    [InlineData("GET", "/app")]
    [InlineData("GET", "/app/?x=1")]
    [InlineData("GET", "/APP/Config.json")]
    [InlineData("GET", "/app/config.json/")]
    [InlineData("GET", "/app/../healthz")]
    [InlineData("GET", "/app/%2e%2e/healthz")]
    [InlineData("GET", "/app/a%2Fb")]
    [InlineData("GET", "/application")]
    [InlineData("GET", "/HEALTHZ")]
    [InlineData("GET", "/healthz/")]
    [InlineData("GET", "//healthz")]
    [InlineData("HEAD", "/healthz")]
    [InlineData("OPTIONS", "/healthz")]
    [InlineData("PUT", "/healthz")]
    [InlineData("GET", "/nowhere")]
    [InlineData("GET", "/api/v1/licenses/00000000-0000-4000-8000-000000000301/")]
    [InlineData("GET", "/api/v1/licenses/%7B00000000-0000-4000-8000-000000000301%7D")]
    [InlineData("GET", "/api/v1/licenses/00000000000040008000000000000301")]
    [InlineData("GET", "/api/v1/licenses/00000000-0000-4000-8000-000000000301?subscriptionId=00000000-0000-4000-8000-000000000302")]
    [InlineData("GET", "/api/v1/licenses/00000000-0000-4000-8000-000000000301?Headers=x&Query=y&code=z")]
    [InlineData("POST", "/api/v1/licenses/00000000-0000-4000-8000-000000000313/suspend",
        """{"reason":"x","subscriptionId":"00000000-0000-4000-8000-000000000302","request":"y","Headers":{}}""")]
    [InlineData("POST", "/api/v1/licenses/00000000-0000-4000-8000-000000000313/suspend", "\ud800")]
    [InlineData("POST", "/api/v1/licenses/validate", "")]
    public async Task UnusualRequest_HasEqualAnswers(string method, string path, string? body = null)
    {
        await CompareAsync("operator", Operator, method, new Input(path, body));

        AssertAlike(1);
    }

    [Fact]
    public async Task ClientAddress_ByTheTrustedHeader_IsTheSameAndForgedOnesAreIgnored()
    {
        await CompareAsync("license", "License " + Demo.Token(15), "POST", new Input(
            "/api/v1/licenses/validate", new { ea_instance_id = "EA-NEW", mt5_account_number = 7 },
            ("X-Client-Address", "198.51.100.77"), ("X-Forwarded-For", "203.0.113.9"), ("X-Azure-ClientIP", "203.0.113.10")));

        AssertAlike(1);
        foreach (var database in (TestDatabase[])[both.AloneDatabase, both.HostDatabase])
        {
            Assert.Equal("198.51.100.77", await database.QueryAsync<string>(
                "select host(ip_address) from license_devices where ea_instance_id = 'EA-NEW'"));
        }
    }

    private static string Operator => "Bearer " + RunningApp.Token("operator", Guid.Parse("00000000-0000-4000-8000-000000000001"));

    private async Task CompareAsync(string role, string? credential, string method, Input input)
    {
        if (input.Path.StartsWith("/api/v1/trends", StringComparison.Ordinal))
            await both.ChecksCountedAsync();
        var (alone, host) = await both.AskAsync(method, input, credential);
        comparison.Add($"{method} {input.Path} as {role}", alone, host, both.LongestPair);
        await both.Host.IdleAsync(Canceled);
    }

    private void AssertAlike(int compared)
    {
        Assert.True(comparison.Faults.Count == 0,
            $"{comparison.Faults.Count} differences:\n" + string.Join('\n', comparison.Faults.Take(40)));
        Assert.Equal(compared, comparison.Compared);
        Assert.Equal([], both.Logs.Skip(earlierLogs).Where(log => log.IsError));
        Assert.Equal([], both.Invocations.Skip(earlierInvocations)
            .Where(invocation => invocation.Failure is not null || invocation.HasReturnedData));
    }

    /// <summary>One line per binding, its properties sorted.</summary>
    private static IEnumerable<string> Describe(JsonNode? name, JsonNode? entryPoint, IEnumerable<JsonNode?> bindings) =>
        bindings.Select(binding => $"{name} {entryPoint} " + string.Join(' ', Lines(binding!.AsObject()
            .Where(property => property.Key != "properties")
            .Select(property => $"{property.Key}={property.Value?.ToJsonString()}"))));

    private static IEnumerable<string> Lines(IEnumerable<string> lines) => lines.Order(StringComparer.Ordinal);

    private static IEnumerable<(string Role, string? Credential)> CallersOf(int person)
    {
        yield return ("anonymous", null);
        yield return ("license", "License " + Demo.Token(person));
        yield return ("service", "Bearer " + RunningApp.Token("service"));
        yield return ("foreign subscriber", "Bearer " + RunningApp.Token("subscriber", Demo.User(25)));
        yield return ("subscriber", "Bearer " + RunningApp.Token("subscriber", Demo.User(person)));
        yield return ("operator", Operator);
    }
}
