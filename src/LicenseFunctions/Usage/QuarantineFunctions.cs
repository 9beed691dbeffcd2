using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>Lists, replays and discards quarantined usage.</summary>
public sealed class QuarantineFunctions(ListQuarantined list, ReplayQuarantined replay)
{
    [Function("ListQuarantined")]
    [Access(CallerRole.Operator)]
    [Operation("Lists quarantined usage, the newest first. state is OPEN by default; after is the last id of the previous page.",
        Reply = typeof(QuarantinedPage), Query = ["state", "code", "after", "limit"])]
    public async Task<IResult> ListQuarantined(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/quarantine")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, cancellationToken)).ToResult();

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
}
