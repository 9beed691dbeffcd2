using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>
/// HTTP functions of the isolated worker with ASP.NET Core integration: azure-functions-dotnet-worker,
/// extensions/Worker.Extensions.Http.AspNetCore/src and src/DotNetWorker.Core; routes: azure-functions-host,
/// src/WebJobs.Script.WebHost/WebScriptHostHttpRoutesManager.cs and src/WebJobs.Script/Host/ScriptHost.cs.
/// </summary>
public sealed class HttpTests
{
    private static readonly Guid Id = new("3f2504e0-4f89-41d3-9a0c-0305e82c3301");

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Theory]
    // Converters/GuidConverter.cs, JsonPocoConverter.cs (numbers), DefaultFunctionInputBindingFeature.cs (defaults, nullable)
    [InlineData("GET", "api/items/3f2504e0-4f89-41d3-9a0c-0305e82c3301/7", 200, "3f2504e0-4f89-41d3-9a0c-0305e82c3301 7")]
    [InlineData("GET", "api/items/3f2504e0-4f89-41d3-9a0c-0305e82c3301", 200, "3f2504e0-4f89-41d3-9a0c-0305e82c3301 5")]
    [InlineData("GET", "api/text/a%20b", 200, "a b")]
    // FunctionsEndpointDataSource.MapHttpFunction: RoutePatternFactory.Parse, so a path that fails a constraint doesn't match
    [InlineData("GET", "api/items/not-a-guid", 404, "")]
    // WebScriptHostHttpRoutesManager: HttpMethodRouteConstraint, so a request with another method doesn't match
    [InlineData("POST", "api/text/x", 404, "")]
    // MapHttpFunction: without a route, the function's name; without methods, every method
    [InlineData("DELETE", "api/Named", 200, "named DELETE")]
    // FunctionsHttpProxyingMiddleware.TryHandleHttpResult: the function may write the response itself
    [InlineData("GET", "api/written", 418, "teapot")]
    [InlineData("GET", "api/quiet", 200, "")]
    // IResult of a concrete type, with and without a Task
    [InlineData("GET", "api/typed", 200, "typed")]
    // azure-functions-host: a function's exception is an empty 500
    [InlineData("GET", "api/broken", 500, "")]
    public async Task Request_ToARoute_IsAnsweredAsByTheFunctionsHost(string method, string path, int status, string body)
    {
        await using var worker = await RunningWorker.StartAsync(typeof(Functions));

        using var answer = await worker.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Canceled);

        Assert.Equal((status, body), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Canceled)));
    }

    [Theory] // FunctionsEndpointDataSource.GetRoutePrefixFromHostJson, DefaultRoutePrefix = "api"
    [InlineData(null, "api/text/x")]
    [InlineData("", "text/x")]
    [InlineData("v2", "v2/text/x")]
    public async Task RoutePrefix_OfHostJson_PrecedesEveryRoute(string? prefix, string path)
    {
        var builder = RunningWorker.Builder(typeof(Functions));
        builder.HostJsonFile["extensions:http:routePrefix"] = prefix;
        await using var worker = await RunningWorker.StartAsync(builder);

        Assert.Equal("x", await worker.Client.GetStringAsync(path, Canceled));
    }

    [Fact] // FunctionContext.cs, DefaultFunctionContext.cs, DefaultMethodInfoLocator.cs (<fulltypename>.<methodname>)
    public async Task FunctionContext_InAFunction_DescribesTheRun()
    {
        await using var worker = await RunningWorker.StartAsync(typeof(Functions));

        var first = (await worker.Client.GetStringAsync("api/context", Canceled)).Split('|');
        var second = (await worker.Client.GetStringAsync("api/context", Canceled)).Split('|');

        Assert.Equal(["Context", "StandaloneHost.Tests.HttpTests+Functions.Context", "True"], first[..3]);
        Assert.True(Guid.TryParse(first[3], out _));
        Assert.NotEqual(first[3], second[3]);
    }

    [Fact] // DefaultFunctionActivator: an instance for each run, from its scope
    public async Task Services_Scoped_LiveAsLongAsTheRun()
    {
        var builder = RunningWorker.Builder(typeof(Scoped));
        builder.Services.AddScoped<Scope>();
        await using var worker = await RunningWorker.StartAsync(builder);

        Assert.Equal("1 1", await worker.Client.GetStringAsync("api/scoped", Canceled));
        Assert.Equal("1 1", await worker.Client.GetStringAsync("api/scoped", Canceled));
    }

    [Fact] // DefaultInvocationPipelineBuilder: order of registration; FunctionsHttpProxyingMiddleware is outermost and writes the result
    public async Task Middleware_AroundAFunction_RunsInOrderAndBeforeTheResultIsWritten()
    {
        var builder = RunningWorker.Builder(typeof(Functions));
        builder.UseMiddleware<Outer>().UseMiddleware<Inner>();
        await using var worker = await RunningWorker.StartAsync(builder);

        using var answer = await worker.Client.GetAsync("api/text/x", Canceled);

        Assert.Equal("outer,inner,back in outer", string.Join(',', answer.Headers.GetValues("trail")));
        Assert.Equal("x", await answer.Content.ReadAsStringAsync(Canceled));
    }

    [Fact] // middleware that answers instead of the function writes to the response, because GetInvocationResult() needs internal features
    public async Task Middleware_WritesTheResponse_FunctionIsNotRun()
    {
        var builder = RunningWorker.Builder(typeof(Functions));
        builder.UseMiddleware<Closed>();
        await using var worker = await RunningWorker.StartAsync(builder);

        Assert.Equal(HttpStatusCode.Forbidden, (await worker.Client.GetAsync("api/broken", Canceled)).StatusCode);
    }

    [Fact] // MethodInvoker interprets the first calls and compiles later ones
    public async Task Middleware_FunctionThrows_ReceivesItsExceptionAtEachCall()
    {
        var builder = RunningWorker.Builder(typeof(Functions));
        builder.UseMiddleware<Caught>();
        await using var worker = await RunningWorker.StartAsync(builder);

        for (var call = 0; call < 4; call++)
            Assert.Equal("no", await worker.Client.GetStringAsync("api/broken", Canceled));
    }

    [Fact] // learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger: a disconnect cancels the token
    public async Task CancellationToken_CallerDisconnects_IsCanceled()
    {
        var builder = RunningWorker.Builder(typeof(Waiting));
        var seen = new Seen();
        builder.Services.AddSingleton(seen);
        await using var worker = await RunningWorker.StartAsync(builder);
        using var leaving = new CancellationTokenSource();

        var request = worker.Client.GetAsync("api/waiting", leaving.Token);
        await seen.Begun.Task.WaitAsync(Canceled);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await seen.Ended.Task.WaitAsync(Canceled);
    }

    [Fact] // the platform gives a stop five seconds, then ends the process
    public async Task Stop_RequestNeverEnds_IsAborted()
    {
        var builder = RunningWorker.Builder(typeof(Waiting));
        var seen = new Seen();
        builder.Services.AddSingleton(seen);
        await using var worker = await RunningWorker.StartAsync(builder);
        var request = worker.Client.GetAsync("api/waiting", Canceled);
        await seen.Begun.Task.WaitAsync(Canceled);

        await worker.StopAsync();

        await Assert.ThrowsAsync<HttpRequestException>(() => request);
        await seen.Ended.Task.WaitAsync(Canceled);
    }

    [Fact] // App Service's CORS answers before the host: only for allowed origins
    public async Task Preflight_OfAnAllowedOrigin_IsAnswered()
    {
        var builder = RunningWorker.Builder(typeof(Functions));
        builder.Configuration["CORS_ALLOWED_ORIGINS"] = "https://a.example, https://b.example";
        await using var worker = await RunningWorker.StartAsync(builder);

        Assert.Equal("https://b.example", await AllowedAsync(worker, "https://b.example"));
        Assert.Null(await AllowedAsync(worker, "https://c.example"));
    }

    [Theory]
    [InlineData(typeof(TwoTriggers), "Function Two: the method has 2 trigger parameters")]
    [InlineData(typeof(NoTrigger), "Function None: the method has 0 trigger parameters")]
    [InlineData(typeof(PlainValue), "Function Plain: can't return Task`1; return IResult")]
    [InlineData(typeof(NeverAwaited), "Function Never: can't return ValueTask")]
    [InlineData(typeof(UnknownParameter), "Function Unknown: parameter missing can't be bound")]
    [InlineData(typeof(UnknownRouteType), "Function Date: route value day must be a string, Guid, int or long, not DateOnly")]
    [InlineData(typeof(WrongTriggerType), "Function Wrong: parameter body of type String can't be bound to its trigger; bind HttpRequest")]
    [InlineData(typeof(WithKey), "Function Key: level Function requires a function key")]
    [InlineData(typeof(Reserved), "Function Reserved: route admin/x begins with admin")]
    [InlineData(typeof(BadRoute), "Function Bad: route {x is not a valid template")]
    [InlineData(typeof(LeadingSlash), "Function Slash: route /x is not a valid template")] // the route is joined to prefix and /
    [InlineData(typeof(Hidden), "Function Hidden: Hidden.Run isn't public")]
    [InlineData(typeof(BadName), "Function 1st: the name must consist of letters")]
    [InlineData(typeof(SameName), "Function Twin: two functions have this name")]
    [InlineData(typeof(SameRoute), "Function Second: function First already answers its route")]
    public void Function_ThatTheHostWouldRunDifferently_RefusesToStart(Type function, string message) =>
        Assert.StartsWith(message, RunningWorker.Refusal(RunningWorker.Builder(function)), StringComparison.Ordinal);

    [Theory] // WebJobsRouter: the first route that matches, in the order of FunctionMetadataManager (by name, without regard to case)
    [InlineData("api/wide/x", "wide x")]
    [InlineData("api/narrow/x", "narrow")]
    [InlineData("api/narrow/y", "wide y")]
    public async Task Request_MatchingSeveralRoutes_IsAnsweredByTheFirstByName(string path, string answer)
    {
        await using var worker = await RunningWorker.StartAsync(typeof(Ordered));

        Assert.Equal(answer, await worker.Client.GetStringAsync(path, Canceled));
    }

    [Theory]
    [InlineData("app/{*path}", "app/config.json", false)]
    [InlineData("app/{*path}", "app", false)]
    [InlineData("{root:regex(^app$)=app}/{*path}", "app/config.json", false)]
    [InlineData("{root:regex(^app$)=app}/{*path}", "other/config.json", true)]
    [InlineData("app/{*path:int}", "app/config.json", true)]
    [InlineData("items/{id}", "items/{name}", false)]
    [InlineData("items/{id}", "items/{name?}", true)]
    [InlineData("items/{id?}", "items/{name?}", false)]
    [InlineData("items/{id:guid}", "items/{id}", true)]
    [InlineData("items/{id:guid}", "items/{name:guid}", false)]
    [InlineData("items/{id:guid}", "items/alerts", true)]
    [InlineData("items/{id:int}", "items/7", false)]
    [InlineData("items/{id}", "items/{id}/more", true)]
    [InlineData("items/{id}/more", "items/{*rest}", true)]
    [InlineData("items/{id}", "ITEMS/alerts", false)]
    [InlineData("items/{id}", "items/{name}.{ext}", false)]
    [InlineData("items/{name}.{ext}", "items/{id}", true)]
    public void Route_CoveredByAnEarlierRoute_RefusesToStart(string earlier, string later, bool isReached)
    {
        var routes = new[] { Route("A", earlier), Route("B", later) };
        void Check() => RouteOrder.RefuseUnreachable(routes, Policies());

        if (isReached)
            Check();
        else
            Assert.StartsWith(
                "Function B: function A already answers its route", Assert.Throws<StartRefusedException>(Check).Message,
                    StringComparison.Ordinal);
    }

    [Fact]
    public void Route_CoveredByOneOfAnotherMethod_IsReached() =>
        RouteOrder.RefuseUnreachable([Route("A", "app/{*path}", "get"), Route("B", "app/sign-in", "post")], Policies());

    [Fact] // an internal constant of Worker.Extensions.Http.AspNetCore
    public void Invocation_OfHttp_IsFoundByTheOfficialGetHttpContext()
    {
        var http = new DefaultHttpContext();

        Assert.Same(http, new Invocation(null!, http, null, null, default).GetHttpContext());
        Assert.Null(new Invocation(null!, null, null, null, default).GetHttpContext());
    }

    private static HttpRoute Route(string name, string template, params string[] methods)
    {
        var method = typeof(Ordered).GetMethod(nameof(Ordered.Narrow))!;
        var function = new WorkerFunction(name, method, new HttpTriggerAttribute(methods), method.GetParameters()[0], _ =>
            Task.CompletedTask);
        return new HttpRoute(function, RoutePatternFactory.Parse(template), methods);
    }

    private static ParameterPolicyFactory Policies() =>
        new ServiceCollection().AddLogging().AddRouting().BuildServiceProvider().GetRequiredService<ParameterPolicyFactory>();

    private static async Task<string?> AllowedAsync(RunningWorker worker, string origin)
    {
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "api/text/x");
        preflight.Headers.Add("Origin", origin);
        preflight.Headers.Add("Access-Control-Request-Method", "GET");
        using var answer = await worker.Client.SendAsync(preflight, Canceled);
        return answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed) ? allowed.Single() : null;
    }

    public sealed class Functions
    {
        [Function("Item")]
        public async Task<IResult> Item(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "items/{id:guid}/{page:int?}")] HttpRequest request,
            Guid id,
            CancellationToken cancellationToken,
            int page = 5)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            return Results.Text($"{id} {page}");
        }

        [Function("Text")]
        public IResult Text([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "text/{words}")] HttpRequest request, string words) =>
            Results.Text(words);

        [Function("Named")]
        public IResult Named([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => Results.Text($"named {request.Method}");

        [Function("Written")]
        public async Task Written([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "written")] HttpRequest request)
        {
            request.HttpContext.Response.StatusCode = 418;
            await request.HttpContext.Response.WriteAsync("teapot");
        }

        [Function("Quiet")]
        public void Quiet([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "quiet")] HttpRequest request) =>
            request.HttpContext.Response.StatusCode = 200;

        [Function("Typed")]
        public static async Task<ContentHttpResult> Typed(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "typed")] HttpRequest request)
        {
            await Task.Yield();
            return TypedResults.Text("typed");
        }

        [Function("Broken")]
        public IResult Broken([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "broken")] HttpRequest request) =>
            throw new InvalidOperationException("no");

        [Function("Context")]
        public IResult Context(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "context")] HttpRequest request, FunctionContext context) =>
            Results.Text(string.Join('|', context.FunctionDefinition.Name, context.FunctionDefinition.EntryPoint,
                context.GetHttpContext() == request.HttpContext, context.InvocationId));
    }

    public sealed class Scope
    {
        public int Uses { get; set; }
    }

    public sealed class Scoped(Scope scope)
    {
        [Function("Scoped")]
        public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "scoped")] HttpRequest request, FunctionContext context) =>
            Results.Text($"{++scope.Uses} {context.InstanceServices.GetRequiredService<Scope>().Uses}");
    }

    public sealed class Seen
    {
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public sealed class Waiting(Seen seen)
    {
        [Function("Waiting")]
        public async Task Run(
            [HttpTrigger(AuthorizationLevel.Anonymous, Route = "waiting")] HttpRequest request, CancellationToken cancellationToken)
        {
            seen.Begun.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
            finally
            {
                seen.Ended.SetResult();
            }
        }
    }

    public sealed class Outer : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            var headers = context.GetHttpContext()!.Response.Headers;
            headers.Append("trail", "outer");
            await next(context);
            headers.Append("trail", "back in outer");
        }
    }

    public sealed class Inner : IFunctionsWorkerMiddleware
    {
        public Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            context.GetHttpContext()!.Response.Headers.Append("trail", "inner");
            return next(context);
        }
    }

    public sealed class Caught : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            try
            {
                await next(context);
            }
            catch (InvalidOperationException failure)
            {
                await Results.Text(failure.Message).ExecuteAsync(context.GetHttpContext()!);
            }
        }
    }

    public sealed class Closed : IFunctionsWorkerMiddleware
    {
        public Task Invoke(FunctionContext context, FunctionExecutionDelegate next) =>
            Results.StatusCode(StatusCodes.Status403Forbidden).ExecuteAsync(context.GetHttpContext()!);
    }

    public sealed class Ordered
    {
        [Function("aNarrow")]
        public IResult Narrow([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "narrow/x")] HttpRequest request) =>
            Results.Text("narrow");

        [Function("Bwide")]
        public IResult Wide([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "{first}/{second:alpha}")] HttpRequest request,
            string second) =>
            Results.Text($"wide {second}");

        [Function("Cspecific")]
        public IResult Specific([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "wide/{second}")] HttpRequest request) =>
            Results.Text("specific");
    }

    public sealed class TwoTriggers
    {
        [Function("Two")]
        public void Run(
            [HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request, [TimerTrigger("* * * * * *")] TimerInfo timer) =>
            GC.KeepAlive((request, timer));
    }

    public sealed class NoTrigger
    {
        [Function("None")]
        public void Run(HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class PlainValue
    {
        [Function("Plain")]
        public Task<string> Run([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => Task.FromResult("lost");
    }

    public sealed class NeverAwaited
    {
        [Function("Never")]
        public ValueTask Run([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => ValueTask.CompletedTask;
    }

    public sealed class UnknownParameter
    {
        [Function("Unknown")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "x/{id}")] HttpRequest request, string missing) =>
            GC.KeepAlive(missing);
    }

    public sealed class UnknownRouteType
    {
        [Function("Date")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "x/{day}")] HttpRequest request, DateOnly day) =>
            GC.KeepAlive(day);
    }

    public sealed class WrongTriggerType
    {
        [Function("Wrong")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous)] string body) => GC.KeepAlive(body);
    }

    public sealed class WithKey
    {
        [Function("Key")]
        public void Run([HttpTrigger] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class Reserved
    {
        [Function("Reserved")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "admin/x")] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class BadRoute
    {
        [Function("Bad")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "{x")] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class LeadingSlash
    {
        [Function("Slash")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "/x")] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class Hidden
    {
        [Function("Hidden")]
        internal void Run([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class BadName
    {
        [Function("1st")]
        public void Run([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class SameName
    {
        [Function("Twin")]
        public void One([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) => GC.KeepAlive(request);

        [Function("twin")]
        public void Other([HttpTrigger(AuthorizationLevel.Anonymous, Route = "other")] HttpRequest request) => GC.KeepAlive(request);
    }

    public sealed class SameRoute
    {
        [Function("First")]
        public void First([HttpTrigger(AuthorizationLevel.Anonymous, "get", "post", Route = "same")] HttpRequest request) =>
            GC.KeepAlive(request);

        [Function("Second")]
        public void Second([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "Same")] HttpRequest request) =>
            GC.KeepAlive(request);
    }
}
