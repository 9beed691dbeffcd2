using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>What was used, as JSON, or as CSV where Accept asks for it.</summary>
public sealed class UsageReportFunctions(LicenseUsage license, SummarizeUsage summary)
{
    [Function("LicenseUsage")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("How a license was used, by hour or day (UTC); gaps are zeros. CSV where Accept asks for it.",
        Reply = typeof(LicenseUsageReply), Media = "text/csv", Query = ["from", "to", "bucket"])]
    public Task<IResult> License(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/usage")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        license.RunAsync(subscriptionId, request.HttpContext.Caller().OwnerScope, request, cancellationToken);

    [Function("UsageSummary")]
    [Access(CallerRole.Operator)]
    [Operation("How all licenses were used: totals, top licenses, countries, masters. CSV of one of them (by) where Accept asks for it.",
        Reply = typeof(UsageSummary), Media = "text/csv", Query = ["from", "to", "bucket", "by"])]
    public Task<IResult> Summary(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/usage/summary")] HttpRequest request, CancellationToken cancellationToken) =>
        summary.RunAsync(request, cancellationToken);
}
