using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>
/// Sends one request to Stripe, which may be a retry of Stripe.net: waits for a free connection and for the write rate, then starts the
/// timeout. HttpClient's own timeout would include the waiting. Charges go first; other requests use at most a quarter of the connections.
/// A read of an intent belongs to a charge, unless a user's request causes it.
/// </summary>
internal sealed class StripeSender(StripeSettings settings, WritePace pace) : DelegatingHandler(new SocketsHttpHandler
{
    MaxConnectionsPerServer = settings.Concurrency,
    PooledConnectionLifetime = TimeSpan.FromMinutes(5),
})
{
    private readonly SemaphoreSlim connections = new(settings.Concurrency);

    // Requests about cards, and reads for users, wait here. They must not occupy the connections of charges while they wait for the write
    // rate.
    private readonly SemaphoreSlim others = new(Math.Max(1, settings.Concurrency / 4));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.AbsolutePath.StartsWith("/v1/payment_intents", StringComparison.Ordinal)
            && (request.Method != HttpMethod.Get || DatabaseScope.CurrentPool != DatabasePool.Requests))
            return await SendAsync(request, WritePriority.Charge, cancellationToken);
        await others.WaitAsync(cancellationToken);
        try
        {
            return await SendAsync(request, WritePriority.Other, cancellationToken);
        }
        finally
        {
            others.Release();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, WritePriority priority, CancellationToken cancellationToken)
    {
        await connections.WaitAsync(cancellationToken);
        try
        {
            if (request.Method != HttpMethod.Get)
                await pace.WaitAsync(priority, cancellationToken);
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
        others.Dispose();
        pace.Dispose();
        base.Dispose(disposing);
    }
}
