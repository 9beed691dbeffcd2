using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Infrastructure.Webhooks;
using Licensing.Webhooks;
using Microsoft.Extensions.Logging;
using StandardWebhooks;

namespace LicenseFunctions.Operations;

/// <param name="Accepted">Events that a receiver accepted; an event counts once for each endpoint.</param>
/// <param name="Failed">Failures to send to an endpoint. In a long run, an endpoint can fail more than once.</param>
/// <param name="Disabled">Failures after which the endpoint was disabled.</param>
public sealed record DeliveryCounts(int Accepted, int Failed, int Disabled)
{
    internal DeliveryCounts Plus(DeliveryCounts other) =>
        new(Accepted + other.Accepted, Failed + other.Failed, Disabled + other.Disabled);
}

/// <summary>
/// Sends the event feed to the endpoints that are due, at least once and in order per license: events of different licenses are sent
/// concurrently. An endpoint's position moves only over events that were accepted or are of other types. If the process is killed, or if
/// an event is not accepted, later events that were accepted are sent again with the same webhook-id. No database connection is held while
/// a receiver is called.
/// </summary>
public sealed class DeliverEvents(
    WebhookEndpointStore store, EventStore events, WebhookSender sender, WebhookSettings settings, TimeProvider time,
    ILogger<DeliverEvents> log)
{
    private const int BatchSize = 500;
    private const int LicensesAtOnce = 8;

    /// <summary>No call of a round begins after this time, so that the position is stored often.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(2);

    /// <summary>While a run sends, it looks at least this often for other endpoints that are due.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A run claims no endpoint after this time, and a claim is not prolonged after this time; the next run continues. functionTimeout in
    /// host.json is longer than both together.
    /// </summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(4);

    /// <summary>Longer than a round and its last call. If the process is killed, the endpoint waits this long.</summary>
    private static readonly TimeSpan Lease = Round + WebhookHttp.Timeout + TimeSpan.FromSeconds(18);

    public async Task<DeliveryCounts> RunAsync(CancellationToken cancellationToken)
    {
        var sum = new DeliveryCounts(0, 0, 0);
        var sending = new Dictionary<Guid, Task<DeliveryCounts>>();
        var began = time.GetTimestamp();
        try
        {
            // While events are sent to a slow receiver, the others get new events without waiting for it.
            do
            {
                await events.NumberAsync(cancellationToken);
                foreach (var endpoint in await store.DueAsync(cancellationToken))
                    if (!sending.ContainsKey(endpoint)) sending.Add(endpoint, TryDeliverAsync(endpoint, cancellationToken));
                if (sending.Count > 0)
                    await Task.WhenAny([Task.Delay(Look, time, cancellationToken), .. sending.Values]);
                foreach (var (endpoint, sent) in sending.Where(one => one.Value.IsCompleted).ToList())
                {
                    sum = sum.Plus(await sent);
                    sending.Remove(endpoint);
                }
            }
            while (sending.Count > 0 && !TimeSlice.IsOver && time.GetElapsedTime(began) < LongestRun);
        }
        finally
        {
            foreach (var sent in await Task.WhenAll(sending.Values)) sum = sum.Plus(sent);
        }

        return sum;
    }

    private async Task<DeliveryCounts> TryDeliverAsync(Guid endpointId, CancellationToken cancellationToken)
    {
        var run = new Run();
        try
        {
            if (await store.ClaimAsync(endpointId, Lease, cancellationToken) is { } endpoint)
                await DeliverAsync(endpoint, run, cancellationToken);
        }
#pragma warning disable CA1031 // One endpoint must not stop the others. It is tried again when its lease has ended.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "Webhook endpoint {EndpointId}: the run failed", endpointId);
        }

        return run.Counts;
    }

    private async Task DeliverAsync(ClaimedEndpoint endpoint, Run run, CancellationToken cancellationToken)
    {
        run.Begin(endpoint);
        var signers = await sender.SignersAsync(endpoint.EndpointId, cancellationToken);
        if (signers is [])
        {
            await FailAsync(endpoint, run, 0, null, WebhookSender.NoSecret, cancellationToken);
            return;
        }

        var began = time.GetTimestamp();
        while (true)
        {
            // After a failure, the event that failed is tried alone.
            var batch = await ReadAsync(run.Position, run.Attempts > 0 ? 1 : TimeSlice.Batch(BatchSize, 20), cancellationToken);
            if (batch.Count == 0)
                break;
            var (accepted, failure) = await SendAsync(endpoint, signers, batch, run, cancellationToken);
            run.Counts = run.Counts with { Accepted = run.Counts.Accepted + accepted };
            if (failure is not null)
            {
                await FailAsync(endpoint, run, accepted, failure.Status, failure.Error!, cancellationToken);
                return;
            }

            var ends = cancellationToken.IsCancellationRequested || TimeSlice.IsOver || time.GetElapsedTime(began) > LongestRun;
            // Stored even if the process stops: accepted events must not be sent again after each deployment.
            if (batch[0].Id <= run.Position
                && !await store.AdvanceAsync(endpoint, run.Position, accepted, Lease, CancellationToken.None))
                return;
            if (ends)
                break;
        }

        await store.ReleaseAsync(endpoint, CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task<IReadOnlyList<FeedEvent>> ReadAsync(long after, int most, CancellationToken cancellationToken)
    {
        if (await events.ListAsync(after, most, cancellationToken) is { Count: > 0 } found)
            return found;
        await events.NumberAsync(cancellationToken);
        return await events.ListAsync(after, most, cancellationToken);
    }

    /// <summary>Sends the events that were not accepted yet. The position moves up to the first event that is not accepted.</summary>
    /// <returns>The number of accepted events, and the first failure.</returns>
    private async Task<(int Accepted, WebhookAnswer? Failure)> SendAsync(
        ClaimedEndpoint endpoint, IReadOnlyList<StandardWebhook> signers, IReadOnlyList<FeedEvent> batch, Run run,
        CancellationToken cancellationToken)
    {
        bool IsSent(FeedEvent item) => endpoint.Types is null || endpoint.Types.Contains(item.Type);

        var before = run.AcceptedCount;
        WebhookAnswer? failure = null;
        var began = time.GetTimestamp();
        var url = new Uri(endpoint.Url);
        await Parallel.ForEachAsync(
            batch.Where(item => IsSent(item) && !run.IsAccepted(item.Id)).GroupBy(item => item.SubscriptionId),
            new ParallelOptions { MaxDegreeOfParallelism = LicensesAtOnce, CancellationToken = CancellationToken.None },
            async (license, _) =>
            {
                foreach (var item in license)
                {
                    if (failure is not null || cancellationToken.IsCancellationRequested || time.GetElapsedTime(began) > Round)
                        return;
                    if (await SendAsync(url, signers, item, cancellationToken) is not { } answer)
                        return;
                    if (!answer.IsAccepted)
                    {
                        failure ??= answer;
                        return;
                    }

                    run.Accept(item.Id);
                }
            });
        foreach (var item in batch)
        {
            if (IsSent(item) && !run.IsAccepted(item.Id))
                break;
            run.MoveTo(item.Id);
        }

        return (run.AcceptedCount - before, failure);
    }

    /// <returns>Null if the process stops.</returns>
    private async Task<WebhookAnswer?> SendAsync(
        Uri url, IReadOnlyList<StandardWebhook> signers, FeedEvent item, CancellationToken cancellationToken)
    {
        try
        {
            return await sender.SendAsync(url, signers, WebhookMessage.Of(item), cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task FailAsync(
        ClaimedEndpoint endpoint, Run run, int accepted, int? status, string error, CancellationToken cancellationToken)
    {
        var attempts = run.Attempts + 1;
        var retry = WebhookRetries.After(attempts, run.Attempts == 0 ? TimeSpan.Zero : endpoint.Failing, status);
        if (!await store.FailAsync(
            endpoint, run.Position, accepted, attempts, retry, error, settings.AlertEmail, cancellationToken))
            return;
        run.Counts = run.Counts with { Failed = 1, Disabled = retry.DisabledBy is null ? 0 : 1 };
        if (retry.DisabledBy is null)
        {
            log.LogWarning("Webhook endpoint {EndpointId} failed at attempt {Attempts}; next attempt in {Delay}: {Error}",
                endpoint.EndpointId, attempts, retry.Delay, error);
        }
        else
        {
            log.LogError("Webhook endpoint {EndpointId} is disabled by {DisabledBy}: {Error}",
                endpoint.EndpointId, retry.DisabledBy, error);
        }
    }

    /// <summary>The progress of a run with one endpoint.</summary>
    private sealed class Run
    {
        private readonly Lock gate = new();
        private readonly HashSet<long> accepted = [];

        public DeliveryCounts Counts { get; set; } = new(0, 0, 0);

        public long Position { get; private set; }

        /// <summary>Failed attempts to send the event after the position.</summary>
        public int Attempts { get; private set; }

        public int AcceptedCount { get; private set; }

        public void Begin(ClaimedEndpoint endpoint) => (Position, Attempts) = (endpoint.Position, endpoint.Attempts);

        public bool IsAccepted(long id)
        {
            lock (gate)
                return accepted.Contains(id);
        }

        public void Accept(long id)
        {
            lock (gate)
            {
                accepted.Add(id);
                AcceptedCount++;
            }
        }

        public void MoveTo(long id)
        {
            (Position, Attempts) = (id, 0);
            accepted.Remove(id);
        }
    }
}
