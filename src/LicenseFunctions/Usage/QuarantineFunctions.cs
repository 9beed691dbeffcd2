using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>Lists, shows, replays and discards quarantined usage.</summary>
public sealed class QuarantineFunctions(
    ListQuarantined list, ReadQuarantined read, ReplayQuarantined replay, SettleQuarantined settle)
{
    [Function("ListQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists excerpts of quarantined usage, newest first. state is OPEN by default; after is the last id of the previous page. "
        + "Also as CSV.",
        Reply = typeof(QuarantinedPage), Media = "text/csv", Query = ["state", "code", "after", "limit"])]
    public Task<IResult> ListQuarantined(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/quarantine")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.RunAsync(request, cancellationToken);

    [Function("GetQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation("Shows a quarantined message: its text, and its exact bytes in base64.", Reply = typeof(QuarantinedMessage))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/quarantine/{quarantineId:guid}")] HttpRequest request,
        Guid quarantineId, CancellationToken cancellationToken) =>
        (await read.RunAsync(quarantineId, cancellationToken)).ToResult();

    [Function("ReplayQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation("Ingests a quarantined message again.", Reply = typeof(IngestedUsage))]
    public async Task<IResult> Replay(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/quarantine/{quarantineId:guid}/replay")] HttpRequest request,
        Guid quarantineId, CancellationToken cancellationToken) =>
        (await replay.RunAsync(quarantineId, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();

    [Function("DiscardQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation("Closes a quarantined message without ingesting it.", Reply = typeof(QuarantinedUsage))]
    public async Task<IResult> Discard(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/quarantine/{quarantineId:guid}/discard")] HttpRequest request,
        Guid quarantineId, CancellationToken cancellationToken) =>
        (await replay.DiscardAsync(quarantineId, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();

    [Function("SettleQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation("Replays or discards up to 100 quarantined messages, each on its own. The answer has a result for each.",
        Body = typeof(QuarantineOrder), Reply = typeof(QuarantineResults))]
    public async Task<IResult> Settle(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/quarantine/settle")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<QuarantineOrder>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await settle.RunAsync(body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
