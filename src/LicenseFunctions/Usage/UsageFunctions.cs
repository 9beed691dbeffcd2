using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>The ways in for usage records.</summary>
public sealed class UsageFunctions(IngestQueuedUsage queued, PostUsage post)
{
    [Function("IngestUsage")]
    public Task IngestUsage(
        [ServiceBusTrigger("%USAGE_QUEUE%", Connection = "ServiceBus", IsBatched = true)] string[] messages,
        CancellationToken cancellationToken) =>
        queued.RunAsync(messages, cancellationToken);

    // One message per run: a Functions host can't bind a body that is neither data nor text, so it would fail its whole batch every time.
    // There is no second dead-letter queue behind this one.
    [Function("DrainDeadLetters")]
    public Task DrainDeadLetters(
        [ServiceBusTrigger("%USAGE_QUEUE%/$deadletterqueue", Connection = "ServiceBus", IsBatched = false)] string message,
        CancellationToken cancellationToken) =>
        queued.DrainDeadLetterAsync(message, cancellationToken);

    [Function("PostUsage")]
    [Access(CallerRole.Service), BodyLimit(Usage.PostUsage.BodyLimit), Unlimited]
    [Operation("Takes up to 1,000 usage records; each once, however often it comes; bad ones are quarantined and named.",
        Body = typeof(Licensing.Usage.UsageRecord[]), Reply = typeof(IngestedUsage))]
    public async Task<IResult> PostUsage(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/usage")] HttpRequest request, CancellationToken cancellationToken) =>
        (await post.RunAsync(request, cancellationToken)).ToResult();
}
