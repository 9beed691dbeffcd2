using System.Net;
using System.Text;

namespace StandaloneHost.Tests;

/// <summary>
/// Reports the lengths of a broker's queues, as Service Bus's administration API does: Atom over HTTP
/// (learn.microsoft.com/rest/api/servicebus/get-queue), without TLS, like the emulator.
/// </summary>
public sealed class AdministrationDouble : IDisposable
{
    private readonly BrokerDouble broker;
    private readonly ReservedPort port = new();
    private readonly HttpListener listener = new();
    private readonly TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AdministrationDouble(BrokerDouble broker)
    {
        this.broker = broker;
        listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        listener.Start();
        _ = ServeAsync();
    }

    public int Port => port.Number;

    /// <summary>Status of every answer: 200 or an error.</summary>
    public int Status { get; set; } = 200;

    /// <summary>Whether requests are accepted but not answered.</summary>
    public bool IsSilent { get; set; }

    /// <summary>The query of the last request.</summary>
    public string? LastQuery { get; private set; }

    /// <summary>Ends when the first request has arrived.</summary>
    public Task AskedAsync(CancellationToken cancellationToken) => asked.Task.WaitAsync(cancellationToken);

    public void Dispose()
    {
        ((IDisposable)listener).Dispose();
        port.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await listener.GetContextAsync();
                LastQuery = context.Request.Url!.Query;
                asked.TrySetResult();
                if (!IsSilent)
                    await AnswerAsync(context.Response, context.Request.Url.AbsolutePath.Trim('/'));
            }
        }
        catch (Exception end) when (end is HttpListenerException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task AnswerAsync(HttpListenerResponse response, string queue)
    {
        response.StatusCode = Status;
        response.ContentType = "application/atom+xml";
        await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(Status != 200
            ? $"<Error><Code>{Status}</Code><Detail>refused</Detail></Error>"
            : broker.Has(queue) ? Entry(queue) : """<feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>"""));
        response.Close();
    }

    private string Entry(string queue) => $"""
        <entry xmlns="http://www.w3.org/2005/Atom">
          <title type="text">{queue}</title>
          <content type="application/xml">
            <QueueDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
              <MessageCount>{broker.Count(queue) + broker.Count($"{queue}/$deadletterqueue")}</MessageCount>
              <CountDetails xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus">
                <d2p1:ActiveMessageCount>{broker.Count(queue)}</d2p1:ActiveMessageCount>
                <d2p1:DeadLetterMessageCount>{broker.Count($"{queue}/$deadletterqueue")}</d2p1:DeadLetterMessageCount>
              </CountDetails>
            </QueueDescription>
          </content>
        </entry>
        """;
}
