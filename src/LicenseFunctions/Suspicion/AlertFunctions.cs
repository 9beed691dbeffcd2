using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>Alerts, for operators.</summary>
public sealed class AlertFunctions(ListAlerts list, ReviewAlert review, ListShadowAlerts shadow)
{
    [Function("ListAlerts")]
    [Access(CallerRole.Operator)]
    [Operation("Lists alerts: those with appeals first, then the newest. Without status: OPEN; ALL for every status.",
        Reply = typeof(AlertPage),
        Query = ["status", "severity", "measure", "customer_answer", "subscription_id", "from", "to", "cursor", "limit"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, cancellationToken)).ToResult();

    [Function("ListShadowAlerts")]
    [Access(CallerRole.Operator)]
    [Operation("Compares alerts with those of the policy in shadow. Without difference: DIFFERENT; ALL for every license.",
        Reply = typeof(ShadowPage), Query = ["difference", "cursor", "limit"])]
    public async Task<IResult> ListShadow(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts/shadow")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await shadow.RunAsync(request.Query, cancellationToken)).ToResult();

    [Function("GetAlert")]
    [Access(CallerRole.Operator)]
    [Operation("Returns one alert with its evidence, and the license's other alerts.", Reply = typeof(AlertDetail))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken) =>
        (await list.FindAsync(alertId, cancellationToken)).ToResult();

    [Function("JudgeAlert")]
    [Access(CallerRole.Operator)]
    [Operation("Reviews an alert: INVESTIGATING, RESOLVED, or FALSE_POSITIVE, which may reinstate the license.",
        Body = typeof(AlertReview), Reply = typeof(AlertRow))]
    public async Task<IResult> Review(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AlertReview>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await review.RunAsync(alertId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
