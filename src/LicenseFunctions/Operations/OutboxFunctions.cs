using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>
/// The timer that sends the mails of the outbox. It looks for troubles first, so that a mail about them is in this run. For operators, the
/// mails and webhooks that were given up.
/// </summary>
public sealed class OutboxFunctions(NoticeTroubles notice, DrainOutbox drain, ReviveOutbox revive)
{
    [Function("DrainOutbox")]
    public async Task<OutboxCounts> Drain([TimerTrigger("%OUTBOX_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        await notice.TryRunAsync(cancellationToken);
        return await drain.RunAsync(cancellationToken);
    }

    [Function("ListDeadMessages")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists mails and alert webhooks that were given up, the latest first. Also as CSV.", Reply = typeof(DeadMessages),
        Media = "text/csv")]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/outbox/dead")] HttpRequest request,
        CancellationToken cancellationToken) =>
        request.Answer(await revive.ListAsync(cancellationToken), reply => reply.Messages);

    [Function("ReviveMessages")]
    [Access(CallerRole.Operator)]
    [Operation("Makes mails and webhooks that were given up due again: those of outbox_ids, or all. Each is audited.",
        Body = typeof(RevivalOrder), Reply = typeof(Revival))]
    public async Task<IResult> Revive(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/outbox/revive")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<RevivalOrder>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await revive.RunAsync(body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
