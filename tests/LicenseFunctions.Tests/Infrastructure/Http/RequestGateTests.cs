using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Npgsql;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

/// <summary>How RequestGate answers when a function throws.</summary>
public sealed class RequestGateTests
{
    private readonly RecordedLog<RequestFailures> log = new();
    private readonly ProcessCounts counts = new();
    private readonly FakeTimeProvider time = new();

    public static TheoryData<Exception, int, string> Failures => new()
    {
        { new JsonException("invalid JSON in a column that only our code writes"), 500, "INTERNAL_ERROR" },
        { new InvalidOperationException("a bug"), 500, "INTERNAL_ERROR" },
        { new TimeoutException("a statement"), 503, "DATABASE_UNAVAILABLE" },
        { new PostgresException("cannot execute INSERT in a read-only transaction", "ERROR", "ERROR", "25006"), 503,
            "DATABASE_UNAVAILABLE" },
        { new IssuerUnavailableException(new InvalidOperationException("no keys")), 503, "ISSUER_UNAVAILABLE" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Invoke_AFailureOfTheBackend_AnswersA5xxAndLogs(Exception failure, int status, string code)
    {
        var http = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        var run = new Invocation(Function("Healthz"), http, http.RequestServices, null, default);

        await Gate().Invoke(run, _ => throw failure);

        http.Response.Body.Position = 0;
        Assert.Equal(
            (status, code), (http.Response.StatusCode, JsonDocument.Parse(http.Response.Body).RootElement.GetProperty("code").GetString()));
        Assert.Equal(status == 503, http.Response.Headers.RetryAfter.Count > 0);
        Assert.Equal((LogLevel.Error, failure), (log.Lines[^1].Level, log.Lines[^1].Failure));
    }

    [Fact]
    public async Task Invoke_TheSameFailureManyTimes_LogsOneLineAMinuteAndCountsAll()
    {
        var gate = Gate();
        for (var n = 0; n < 100; n++)
            await InvokeAsync(gate, new InvalidOperationException("a bug"));
        await InvokeAsync(gate, new ArgumentException("another kind"));
        time.Advance(LogPace.Interval);
        await InvokeAsync(gate, new InvalidOperationException("a bug"));

        Assert.Equal(3, log.Lines.Count);
        Assert.EndsWith("; 0 more since the last line of this kind", log.Lines[0].Text, StringComparison.Ordinal);
        Assert.EndsWith("; 99 more since the last line of this kind", log.Lines[2].Text, StringComparison.Ordinal);
        Assert.Equal([new Counted("request_failures_total", "INTERNAL_ERROR", 102)], counts.Take());
    }

    private static Task InvokeAsync(RequestGate gate, Exception failure)
    {
        var http = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        return gate.Invoke(new Invocation(Function("Healthz"), http, http.RequestServices, null, default), _ => throw failure);
    }

    [Fact] // a Functions host cancels a run at its time limit while the client waits
    public async Task Invoke_ARunThatTheHostCancels_Answers503()
    {
        var http = new DefaultHttpContext();
        var run = new Mock<FunctionContext>();
        run.Setup(context => context.Items).Returns(new Dictionary<object, object> { [Invocation.HttpContextKey] = http });
        run.Setup(context => context.FunctionDefinition).Returns(Function("Healthz"));
        run.Setup(context => context.CancellationToken).Returns(new CancellationToken(canceled: true));

        await Gate().Invoke(run.Object, _ => throw new OperationCanceledException());

        Assert.Equal(StatusCodes.Status503ServiceUnavailable, http.Response.StatusCode);
    }

    private RequestGate Gate()
    {
        var settings = new HttpSettings(null, null, new byte[32], new ClientAddressSource(0), 600);
        return new RequestGate(
            new FunctionRules(), new BearerTokens(settings, time, NullLogger<BearerTokens>.Instance), new RateLimits(settings, time),
            settings, new RequestFailures(counts, time, log));
    }

    private static WorkerFunction Function(string name)
    {
        var method = FunctionRule.Functions().Single(function => function.Name == name).Method;
        return new WorkerFunction(name, method, new HttpTriggerAttribute("get"), method.GetParameters()[0], _ => Task.CompletedTask);
    }
}
