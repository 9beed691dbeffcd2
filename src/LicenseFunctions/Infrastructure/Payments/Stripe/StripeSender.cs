namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>
/// One send to Stripe, a retry by Stripe.net included: its place among the requests in flight, its slot in the write rate, and a time-out that
/// counts from there. HttpClient's own time-out would count the waiting as well.
/// </summary>
internal sealed class StripeSender(StripeSettings settings, WritePace pace) : DelegatingHandler(new SocketsHttpHandler
{
    MaxConnectionsPerServer = settings.Concurrency,
    PooledConnectionLifetime = TimeSpan.FromMinutes(5),
})
{
    private readonly SemaphoreSlim places = new(settings.Concurrency);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await places.WaitAsync(cancellationToken);
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
            places.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        places.Dispose();
        base.Dispose(disposing);
    }
}
