using LicenseFunctions.Infrastructure.Http;
using Licensing.Renewals;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Renewals;

/// <summary>The comparison of the books with the provider's statement, for operators and on a timer.</summary>
public sealed class ReconciliationFunctions(ReconcilePayments reconcile, CompareDays days, ReportStore reports)
{
    [Function("ReconcilePayments")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Compares the payment provider's statement of some days (UTC) with the books, and names each difference. Also as CSV (Accept: "
        + "text/csv). Renewals that the wallet paid are not part of it.",
        Reply = typeof(ReconciliationReport), Media = "text/csv", Query = ["from", "to", "provider"])]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payments/reconciliation")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var shown = await reconcile.ShowAsync(
            request.Query["from"], request.Query["to"], request.Query["provider"].FirstOrDefault(), cancellationToken);
        return shown.Match(
            reconciled => request.PrefersCsv()
                ? new CsvResult<PaymentDifference>(reconciled.Comparison.Differences.OrderBy(one => one.At))
                : Results.Json(ReconciliationReport.Of(reconciled), Json.Options),
            Problems.ToResult);
    }

    [Function("ComparePayments")]
    public async Task<ComparisonCounts> Compare(
        [TimerTrigger("%RECONCILE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var compared = days.RunAsync(cancellationToken);
        await Task.WhenAll(compared, reports.CountRecurringAsync(cancellationToken));
        return await compared;
    }
}
