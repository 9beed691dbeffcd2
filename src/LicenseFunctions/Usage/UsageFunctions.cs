using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>Receives usage records from the queue, its dead letters, and HTTP, and sums them.</summary>
public sealed class UsageFunctions(IngestQueuedUsage queued, PostUsage post, SumUsage sum)
{
    // Not text, which loses bytes that are not UTF-8. The official generator declares only byte[] as binary, not ReadOnlyMemory<byte>.
    [Function("IngestUsage")]
    public Task IngestUsage(
        [ServiceBusTrigger("%USAGE_QUEUE%", Connection = "ServiceBus", IsBatched = true)] byte[][] messages,
        FunctionContext context, CancellationToken cancellationToken) =>
        queued.RunAsync(QueueMessages.Of(messages, context), cancellationToken);

    // One message per run: the Functions host can't bind a body that is neither data nor text, and such a message would fail its whole
    // batch at each delivery. A dead-letter queue has no further dead-letter queue.
    [Function("DrainDeadLetters")]
    public Task DrainDeadLetters(
        [ServiceBusTrigger("%USAGE_QUEUE%/$deadletterqueue", Connection = "ServiceBus", IsBatched = false)]
        byte[] message,
        CancellationToken cancellationToken) =>
        queued.DrainDeadLetterAsync(message, cancellationToken);

    [Function("PostUsage")]
    [Access(CallerRole.Service), BodyLimit(Usage.PostUsage.BodyLimit), Unlimited]
    [Operation("Ingests up to 1,000 usage records. Duplicates are ignored. Invalid records are quarantined and listed in the answer.",
        Body = typeof(Licensing.Usage.UsageRecord[]), Reply = typeof(IngestedUsage))]
    public async Task<IResult> PostUsage(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/usage")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await post.RunAsync(request, cancellationToken)).ToResult();

    [Function("SumUsage")]
    public Task<SumCounts> SumUsage([TimerTrigger("%SUM_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        sum.RunAsync(cancellationToken);
}
