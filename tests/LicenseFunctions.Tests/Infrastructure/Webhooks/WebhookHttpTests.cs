using LicenseFunctions.Infrastructure.Webhooks;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Webhooks;

public sealed class WebhookHttpTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("[::ffff:127.0.0.1]")]
    public async Task Post_ToAPrivateAddress_IsNotConnected(string host)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        using var http = WebhookHttp.ForEndpoints(allowPrivate: false);

        var answer = await http.PostWebhookAsync(new UriBuilder(listener.Address) { Host = host }.Uri, "{}", [], Stop);

        Assert.Equal((null, "the host has no public address"), (answer.Status, answer.Error));
        Assert.Empty(listener.Requests);
    }

    [Fact]
    public async Task Post_ToAPrivateAddress_IsAllowedByTheSetting()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.NoContent(), Stop);
        using var http = WebhookHttp.ForEndpoints(allowPrivate: true);

        var answer = await http.PostWebhookAsync(listener.Address, """{"a":1}""", [("webhook-id", "evt_1")], Stop);

        Assert.Equal((204, true, null), (answer.Status, answer.IsAccepted, answer.Error));
        var call = Assert.Single(listener.Requests);
        Assert.Equal(("""{"a":1}""", "evt_1", "application/json; charset=utf-8"),
            (call.Body, call.Headers["webhook-id"], call.Headers["Content-Type"]));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(307)]
    public async Task Post_Redirected_IsNotFollowed(int status)
    {
        await using var other = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await using var listener = await LocalListener.StartAsync(
            _ => Results.Redirect(other.Address.ToString(), permanent: status == 301, preserveMethod: status == 307), Stop);
        using var http = WebhookHttp.ForEndpoints(allowPrivate: true);

        var answer = await http.PostWebhookAsync(listener.Address, "{}", [], Stop);

        Assert.False(answer.IsAccepted);
        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Post_WithAnEndlessAnswer_ReadsTheStatusOnly()
    {
        using var ended = new CancellationTokenSource();
        await using var listener = await LocalListener.StartAsync(
            _ => Results.Stream(async stream =>
            {
                while (!ended.IsCancellationRequested)
                    await stream.WriteAsync(new byte[4096], ended.Token);
            }), Stop);
        using var http = WebhookHttp.ForEndpoints(allowPrivate: true);

        var answer = await http.PostWebhookAsync(listener.Address, "{}", [], Stop);
        await ended.CancelAsync();

        Assert.True(answer.IsAccepted);
    }

    [Fact]
    public async Task Post_ReceiverIsDown_SaysSo()
    {
        var gone = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await gone.DisposeAsync();
        using var http = WebhookHttp.ForEndpoints(allowPrivate: true);

        Assert.Equal("the connection failed", (await http.PostWebhookAsync(gone.Address, "{}", [], Stop)).Error);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
