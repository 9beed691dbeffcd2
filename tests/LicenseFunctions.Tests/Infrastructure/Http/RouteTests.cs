using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

/// <summary>Every route, as every kind of caller, against the running backend.</summary>
public sealed partial class RouteTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private RunningApp app = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        app = await RunningApp.StartHereAsync(database, ("RATE_LIMIT_PER_MINUTE", "100000"));
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task EveryRoute_AsEveryCaller_AllowsOnlyItsRoles()
    {
        var credentials = new Dictionary<CallerRole, string?>
        {
            [CallerRole.Anonymous] = null,
            [CallerRole.Subscriber] = "Bearer " + RunningApp.Token("subscriber"),
            [CallerRole.Operator] = "Bearer " + RunningApp.Token("operator"),
            [CallerRole.Service] = "Bearer " + RunningApp.Token("service"),
            [CallerRole.License] = "License unknown",
        };

        foreach (var (rule, verb, path) in Routes())
        {
            foreach (var (role, credential) in credentials)
            {
                var (status, body, _) = await app.SendAsync(verb, path, credential, verb == HttpMethod.Get ? null : new { });

                var code = body is JsonObject problem ? (string?)problem["code"] : null;
                var what = $"{verb} {path} as {role}: {status} {code}";
                Assert.True(status < 500 || code == "NOT_READY", what);
                if (rule.Allows(CallerRole.Anonymous) || rule.Allows(role))
                    Assert.False(code is "UNAUTHORIZED" or "FORBIDDEN", what);
                else
                    Assert.True((status, code) == (role == CallerRole.Anonymous ? (401, "UNAUTHORIZED") : (403, "FORBIDDEN")), what);
            }
        }
    }

    [Theory]
    [InlineData("Bearer nonsense")]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("License ")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoib3BlcmF0b3IifQ.")]
    public async Task EveryProtectedRoute_WithABadCredential_Answers401(string credential)
    {
        foreach (var (rule, verb, path) in Routes().Where(route => !route.Rule.Allows(CallerRole.Anonymous)))
        {
            var (status, body, response) = await app.SendAsync(verb, path, credential);

            Assert.True(status == 401, $"{verb} {path} with {credential}: {status} ({rule.Name})");
            Assert.Equal("UNAUTHORIZED", (string?)body!["code"]);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        }
    }

    [Fact]
    public async Task AnExpiredToken_Answers401()
    {
        var expired = RunningApp.Token("operator", expires: TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-2));
        var (_, verb, path) = Routes().First(route => route.Rule.Allows(CallerRole.Operator));

        Assert.Equal(401, (await app.SendAsync(verb, path, "Bearer " + expired)).Status);
    }

    [Fact]
    public async Task ABodyAboveTheLimit_Answers413OnEveryRouteThatReadsOne()
    {
        foreach (var (rule, verb, path) in Routes().Where(route => route.Verb == HttpMethod.Post))
        {
            var role = Enum.GetValues<CallerRole>().First(rule.Allows);
            var credential = role switch
            {
                CallerRole.Anonymous => null,
                CallerRole.License => "License unknown",
                _ => "Bearer " + RunningApp.Token(role.ToString().ToLowerInvariant()),
            };
            var (status, body, _) = await app.SendAsync(verb, path, credential, "\"" + new string('x', rule.BodyLimit) + "\"");

            Assert.True((status, (string?)body!["code"]) == (413, "BODY_TOO_LARGE"), $"{verb} {path}: {status}");
        }
    }

    [Theory]
    [InlineData(0, 200)]
    [InlineData(1, 413)]
    public async Task AChunkedBody_AtTheLimit_IsCountedWithoutItsFraming(int beyond, int status)
    {
        var body = "[" + new string(' ', LicenseFunctions.Usage.PostUsage.BodyLimit - 2 + beyond) + "]";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/usage")
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = true;
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + RunningApp.Token("service"));

        using var answer = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task OpenApi_DescribesExactlyTheRoutes()
    {
        var (_, document, _) = await app.GetAsync("/openapi.json");

        var described = document!["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(verb => $"{verb.Key} {path.Key}")).Order();
        var real = HttpFunctions().SelectMany(function => function.Trigger.Methods!
            .Select(verb => $"{verb} /{Constraint().Replace(Root().Replace(function.Trigger.Route!, "app"), "{$1}")}")).Order();
        Assert.Equal(real, described);
        var ids = document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(verb => (string)verb.Value!["operationId"]!)).ToList();
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(HttpFunctions(), function => Assert.NotNull(function.Method.GetCustomAttribute<OperationAttribute>()));
    }

    [Fact]
    public async Task OpenApi_EveryAnswerWithABody_HasASchema()
    {
        var (_, document, _) = await app.GetAsync("/openapi.json");

        var answers = document!["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(verb =>
                (Name: $"{verb.Key} {path.Key}", Replies: verb.Value!["responses"]!.AsObject())))
            .SelectMany(operation => operation.Replies.Select(reply =>
                (operation.Name, Status: reply.Key, Content: reply.Value!["content"])));

        Assert.Empty(answers
            .Where(answer => answer.Status != "204"
                && (answer.Content is not JsonObject content || content.Any(media => media.Value!["schema"] is null)))
            .Select(answer => $"{answer.Name} {answer.Status}"));
    }

    [Fact]
    public async Task Docs_ShowEveryOperation_WithoutAScript()
    {
        var (_, document, _) = await app.GetAsync("/openapi.json");
        using var answer = await app.Client.GetAsync(new Uri("/docs", UriKind.Relative), TestContext.Current.CancellationToken);
        var page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith("default-src 'none'; style-src 'sha256-",
            answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.All(document!["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()), verb =>
            Assert.Contains($"id=\"{verb.Value!["operationId"]}\"", page, StringComparison.Ordinal));
        Assert.Contains("<code>devices.used</code></td><td>integer</td>", page, StringComparison.Ordinal);
    }

    private static IEnumerable<(FunctionRule Rule, HttpMethod Verb, string Path)> Routes() =>
        from function in HttpFunctions()
        from verb in function.Trigger.Methods!
        let path = Guids().Replace(Root().Replace(function.Trigger.Route!, "app"), Guid.NewGuid().ToString())
        select (FunctionRule.Of(function.Name, function.Method), new HttpMethod(verb.ToUpperInvariant()),
            "/" + Constraint().Replace(path, "x"));

    private static IEnumerable<(string Name, MethodInfo Method, HttpTriggerAttribute Trigger)> HttpFunctions() =>
        from function in FunctionRule.Functions()
        let trigger = function.Method.GetParameters()
            .Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).FirstOrDefault(t => t is not null)
        where trigger is not null
        select (function.Name, function.Method, trigger);

    [GeneratedRegex(@"\{\*?([A-Za-z_]+)(?::[a-z]+)?\??\}")]
    private static partial Regex Constraint();

    // The first segment of the pages' route; its default value makes the route match /.
    [GeneratedRegex(@"\{root:regex\(\^app\$\)=app\}")]
    private static partial Regex Root();

    [GeneratedRegex(@"\{[A-Za-z_]+:guid\}")]
    private static partial Regex Guids();
}
