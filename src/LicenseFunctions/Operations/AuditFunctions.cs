using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The audit log, for operators.</summary>
public sealed class AuditFunctions(ReadAudit read)
{
    [Function("ListAudit")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists changes of the audit log, the latest first. actor is a kind or an id. Also as CSV (Accept: text/csv).",
        Reply = typeof(AuditPage), Media = "text/csv",
        Query = ["actor", "action", "subscription_id", "user_id", "from", "to", "after", "limit"])]
    public Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/audit")] HttpRequest request,
        CancellationToken cancellationToken) =>
        read.RunAsync(request, cancellationToken);

    [Function("FindActor")]
    [Access(CallerRole.Operator)]
    [Operation("Finds the id of a mail address, for the audit log.", Body = typeof(ActorQuery), Reply = typeof(AuditActor))]
    public async Task<IResult> FindActor(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/audit/actors")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<ActorQuery>(cancellationToken);
        return body.Refusal is { } refusal ? refusal.ToResult() : (await read.FindActorAsync(body.Value, cancellationToken)).ToResult();
    }
}
