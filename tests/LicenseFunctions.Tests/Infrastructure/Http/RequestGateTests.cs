using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Npgsql;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

/// <summary>How RequestGate answers when a function throws.</summary>
public sealed class RequestGateTests
{
    private readonly Recorder log = new();

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
        Assert.Equal((LogLevel.Error, failure), log.Last);
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
        var time = new FakeTimeProvider();
        return new RequestGate(new FunctionRules(), new BearerTokens(settings, time), new RateLimits(settings, time), settings, log);
    }

    private static WorkerFunction Function(string name)
    {
        var method = FunctionRule.Functions().Single(function => function.Name == name).Method;
        return new WorkerFunction(name, method, new HttpTriggerAttribute("get"), method.GetParameters()[0], _ => Task.CompletedTask);
    }

    private sealed class Recorder : ILogger<RequestGate>
    {
        public (LogLevel Level, Exception? Failure) Last { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Last = (logLevel, exception);
    }
}
