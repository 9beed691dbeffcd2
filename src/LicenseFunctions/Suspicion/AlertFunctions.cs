using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>Alerts, for operators.</summary>
public sealed class AlertFunctions(ListAlerts list, JudgeAlert judge)
{
    [Function("ListAlerts")]
    [Access(CallerRole.Operator)]
    [Operation("Lists alerts, appeals first, then the newest; status is OPEN where it isn't given, ALL for every one.",
        Reply = typeof(AlertPage), Query = ["status", "severity", "subscription_id", "from", "to", "cursor", "limit"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts")] HttpRequest request, CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, cancellationToken)).ToResult();

    [Function("GetAlert")]
    [Access(CallerRole.Operator)]
    [Operation("One alert with its evidence, and the license's other alerts.", Reply = typeof(AlertDetail))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken) =>
        (await list.FindAsync(alertId, cancellationToken)).ToResult();

    [Function("JudgeAlert")]
    [Access(CallerRole.Operator)]
    [Operation("Moves an alert on: INVESTIGATING, RESOLVED, or FALSE_POSITIVE, which may reinstate the license.", Body = typeof(AlertJudgement), Reply = typeof(AlertRow))]
    public async Task<IResult> Judge(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AlertJudgement>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await judge.RunAsync(alertId, body.Value, Actor.Operator(request.HttpContext.Caller().UserId), cancellationToken)).ToResult();
    }
}
