using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>Lists and reports of the renewals of all licenses, for operators, who can make failed ones due again.</summary>
public sealed class RenewalReportFunctions(
    PreviewRenewals preview, CountRenewalFailures failures, ListAllRenewals list, RetryRenewals retry, ShowReports reports)
{
    [Function("PreviewRenewals")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the renewals of the next days: amount, means of payment, and why a renewal will likely fail. Also as CSV.",
        Reply = typeof(RenewalPreview), Media = "text/csv", Query = ["days"])]
    public async Task<IResult> Preview(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals/preview")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await preview.RunAsync(request.Query["days"], cancellationToken))
            .Match(shown => request.Answer(shown, reply => reply.Renewals), Problems.ToResult);

    [Function("CountRenewalFailures")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Counts failed renewals of the last days by reason, the most frequent first. Also as CSV.", Reply = typeof(FailureCounts),
        Media = "text/csv", Query = ["days"])]
    public async Task<IResult> Failures(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals/failures")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await failures.RunAsync(request.Query["days"], cancellationToken))
            .Match(counted => request.Answer(counted, reply => reply.Failures), Problems.ToResult);

    [Function("ShowReports")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Shows revenue, recurring revenue, churn, renewals by status, recovery after declines, and price consents that are awaited, of the "
        + "last 90 days or from one time to another. Also as CSV (Accept: text/csv).",
        Reply = typeof(Reports), Media = "text/csv", Query = ["from", "to"])]
    public async Task<IResult> Reports(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/reports")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await reports.RunAsync(request.Query, cancellationToken)).Match(
            shown => request.PrefersCsv() ? new CsvResult<ReportRow>(shown.Rows) : Results.Json(shown, Json.Options), Problems.ToResult);

    [Function("ListAllRenewals")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists renewals by status, the latest change first. Without status: stuck, which are those that failed or wait. Also as CSV.",
        Reply = typeof(RenewalPage), Media = "text/csv", Query = ["status", "user_id", "after", "limit"])]
    public Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.RunAsync(request, cancellationToken);

    [Function("ListAllPayments")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the payments of all licenses, the latest first, with what was refunded or lost. Also as CSV (Accept: text/csv).",
        Reply = typeof(PaidPage), Media = "text/csv", Query = ["user_id", "from", "to", "after", "limit"])]
    public Task<IResult> Payments(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.PaidAsync(request, cancellationToken);

    [Function("RetryRenewals")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Makes up to 100 failed renewals due now, if the rules allow it; a charge with an unknown outcome is never sent again.",
        Body = typeof(RetryOrder), Reply = typeof(RetryResults))]
    public async Task<IResult> Retry(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/renewals/retry")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<RetryOrder>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await retry.RunAsync(body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
