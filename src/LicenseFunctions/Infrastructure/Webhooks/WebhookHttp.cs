using System.Net;
using System.Net.Sockets;
using System.Text;
using Licensing.Webhooks;

namespace LicenseFunctions.Infrastructure.Webhooks;

/// <summary>A receiver's answer.</summary>
/// <param name="Status">The HTTP status; null if there was no answer, and then it is unknown whether the request was handled.</param>
/// <param name="Failure">Why there was no answer.</param>
public sealed record WebhookAnswer(int? Status, Exception? Failure)
{
    public bool IsAccepted => Status is >= 200 and < 300;

    /// <summary>In words for operators, without the URL; null if the receiver accepted the request.</summary>
    public string? Error => this switch
    {
        { IsAccepted: true } => null,
        { Status: { } status } => $"HTTP {status}",
        { Failure: HttpRequestException { InnerException: PrivateAddressException } } => "the host has no public address",
        { Failure: HttpRequestException failure } => failure.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => "the host name can't be resolved",
            HttpRequestError.ConnectionError => "the connection failed",
            HttpRequestError.SecureConnectionError => "the TLS connection failed",
            _ => "the connection ended without an answer",
        },
        _ => "no answer in time",
    };
}

/// <summary>The host has no address that webhooks may be sent to.</summary>
public sealed class PrivateAddressException() : IOException("The host has no public address.");

/// <summary>Sends webhooks. The body of the answer is not read.</summary>
public static class WebhookHttp
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>For an address from the settings. It may be in a private network, and redirects are followed.</summary>
    public static HttpClient ForSettings() => new(Handler()) { Timeout = Timeout };

    /// <summary>For URLs of webhook endpoints. Redirects are not followed.</summary>
    /// <param name="allowPrivate">
    /// Whether addresses of private networks are allowed. If not, each connection checks the addresses of the host name.
    /// </param>
    public static HttpClient ForEndpoints(bool allowPrivate)
    {
        var handler = Handler();
        handler.AllowAutoRedirect = false;
        // A proxy would resolve the name itself.
        handler.UseProxy = false;
        if (!allowPrivate)
            handler.ConnectCallback = ConnectAsync;
        return new HttpClient(handler) { Timeout = Timeout };
    }

    private static SocketsHttpHandler Handler() => new()
    {
        UseCookies = false,
        MaxResponseDrainSize = 16 * 1024,
        ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        // Host names are resolved again after this time, because their addresses may change.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    };

    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        var allowed = Array.FindAll(addresses, WebhookAddress.IsPublic);
        if (allowed is [])
            throw new PrivateAddressException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <param name="json">The body.</param>
    /// <exception cref="OperationCanceledException">The token was canceled.</exception>
    public static async Task<WebhookAnswer> PostWebhookAsync(
        this HttpClient http, Uri url, string json, IEnumerable<(string Name, string Value)> headers, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return new WebhookAnswer((int)response.StatusCode, null);
        }
        catch (Exception failure) when (
            failure is HttpRequestException || (failure is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new WebhookAnswer(null, failure);
        }
    }
}
