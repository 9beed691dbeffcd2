using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Tests.Support;

/// <summary>A received request.</summary>
internal sealed record ReceivedRequest(string Path, string Query, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>An HTTP server on a free local port that records its requests.</summary>
internal sealed class LocalListener : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly List<ReceivedRequest> requests = [];

    private LocalListener(WebApplication app) => this.app = app;

    public IReadOnlyList<ReceivedRequest> Requests => requests;

    public Uri Address { get; private set; } = null!;

    /// <param name="answer">The answer; the argument is the number of earlier requests.</param>
    public static async Task<LocalListener> StartAsync(Func<int, IResult> answer, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var listener = new LocalListener(app);
        app.Map("/{**path}", async (HttpRequest request) =>
        {
            using var body = new StreamReader(request.Body);
            var received = new ReceivedRequest(
                request.Path, request.QueryString.ToString(), request.Headers.ToDictionary(pair => pair.Key, pair => pair.Value.ToString()),
                await body.ReadToEndAsync(request.HttpContext.RequestAborted));
            lock (listener.requests)
            {
                listener.requests.Add(received);
                return answer(listener.requests.Count - 1);
            }
        });
        await app.StartAsync(cancellationToken);
        listener.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()
            + "/");
        return listener;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();
}
