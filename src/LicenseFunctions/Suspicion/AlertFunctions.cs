using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>Alerts, for operators.</summary>
public sealed class AlertFunctions(ListAlerts list, ReviewAlert review, ReviewAlerts several, ListShadowAlerts shadow)
{
    [Function("ListAlerts")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists alerts, by sort: queue (appeals, denied uses, those that suspended the license, then by severity), newest or severity. "
            + "Without status: OPEN; NOT_CLOSED for those under investigation, too; ALL for all. Also as CSV.",
        Reply = typeof(AlertPage), Media = "text/csv",
        Query =
        [
            "status", "severity", "measure", "customer_answer", "subscription_id", "user_id", "from", "to", "sort", "cursor", "limit",
        ])]
    public Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.AnswerAsync(request, cancellationToken);

    [Function("ListShadowAlerts")]
    [Access(CallerRole.Operator)]
    [Operation("Compares alerts with those of the policy in shadow. Without difference: DIFFERENT; ALL for every license. Also as CSV.",
        Reply = typeof(ShadowPage), Media = "text/csv", Query = ["difference", "cursor", "limit"])]
    public async Task<IResult> ListShadow(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts/shadow")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await shadow.RunAsync(
            request.Query, request.PrefersCsv() ? ListQuery.MostCsvRows : ListShadowAlerts.MaxPage, cancellationToken))
            .Match(page => request.Answer(page, reply => reply.Comparisons), Problems.ToResult);

    [Function("GetAlert")]
    [Access(CallerRole.Operator)]
    [Operation("Returns one alert with its evidence, and the license's other alerts.", Reply = typeof(AlertDetail))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken) =>
        (await list.FindAsync(alertId, cancellationToken)).ToResult();

    [Function("JudgeAlert")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Reviews an alert: INVESTIGATING, RESOLVED, or FALSE_POSITIVE, which may reinstate the license. OPEN takes a review back "
            + "and suspends nothing.",
        Body = typeof(AlertReview), Reply = typeof(AlertRow))]
    public async Task<IResult> Review(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "api/v1/licenses/alerts/{alertId:guid}")] HttpRequest request,
        Guid alertId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AlertReview>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await review.RunAsync(alertId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken))
                .Match<IResult>(reviewed => Results.Json(reviewed.Alert, Json.Options), Problems.ToResult);
    }

    [Function("ReviewAlerts")]
    [Access(CallerRole.Operator)]
    [Operation("Reviews up to 100 alerts with one decision, each in its own transaction. The answer has a result for each, with the other "
        + "alerts that a reinstatement closed.",
        Body = typeof(AlertReviews), Reply = typeof(AlertReviewResults))]
    public async Task<IResult> ReviewSeveral(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/alerts/review")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AlertReviews>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await several.RunAsync(body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
