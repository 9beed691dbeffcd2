using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>Reports on the renewals of all licenses, for operators.</summary>
public sealed class RenewalReportFunctions(PreviewRenewals preview, CountRenewalFailures failures)
{
    [Function("PreviewRenewals")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the renewals of the next days: amount, means of payment, and why a renewal will likely fail.",
        Reply = typeof(RenewalPreview), Query = ["days"])]
    public async Task<IResult> Preview(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals/preview")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await preview.RunAsync(request.Query["days"], cancellationToken)).ToResult();

    [Function("CountRenewalFailures")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Counts failed renewals of the last days by reason, the most frequent first.", Reply = typeof(FailureCounts), Query = ["days"])]
    public async Task<IResult> Failures(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/renewals/failures")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await failures.RunAsync(request.Query["days"], cancellationToken)).ToResult();
}
