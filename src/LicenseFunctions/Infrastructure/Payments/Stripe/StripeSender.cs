namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>
/// Sends one request to Stripe, which may be a retry of Stripe.net: waits for a free connection and for the write rate, then starts the
/// timeout. HttpClient's own timeout would include the waiting.
/// </summary>
internal sealed class StripeSender(StripeSettings settings, WritePace pace) : DelegatingHandler(new SocketsHttpHandler
{
    MaxConnectionsPerServer = settings.Concurrency,
    PooledConnectionLifetime = TimeSpan.FromMinutes(5),
})
{
    private readonly SemaphoreSlim connections = new(settings.Concurrency);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await connections.WaitAsync(cancellationToken);
        try
        {
            if (request.Method != HttpMethod.Get)
                await pace.WaitAsync(cancellationToken);
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(settings.SendTimeout);
            var response = await base.SendAsync(request, timeout.Token);
            await response.Content.LoadIntoBufferAsync(timeout.Token);
            return response;
        }
        finally
        {
            connections.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        connections.Dispose();
        base.Dispose(disposing);
    }
}
