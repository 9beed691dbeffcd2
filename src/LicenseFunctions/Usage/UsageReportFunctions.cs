using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>Usage reports as JSON, or as CSV if Accept prefers it.</summary>
public sealed class UsageReportFunctions(LicenseUsage license, SummarizeUsage summary)
{
    [Function("LicenseUsage")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Reports the usage of a license by hour or day (UTC), with zeros for gaps. Also as CSV (Accept: text/csv).",
        Reply = typeof(LicenseUsageReply), Media = "text/csv", Query = ["from", "to", "bucket"])]
    public Task<IResult> License(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/usage")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        license.RunAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, request, cancellationToken);

    [Function("UsageSummary")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Summarizes the usage of all licenses: totals, top licenses, countries, masters. One of them (by) also as CSV (Accept: text/csv).",
        Reply = typeof(UsageSummary), Media = "text/csv", Query = ["from", "to", "bucket", "by"])]
    public Task<IResult> Summary(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/usage/summary")] HttpRequest request,
        CancellationToken cancellationToken) =>
        summary.RunAsync(request, cancellationToken);
}
