using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The result of a comparison, as the API and licensectl show it. Amounts are in minor units of their currency.</summary>
/// <param name="Provider">The payment provider that was compared.</param>
/// <param name="Providers">Those that can be compared; the query's provider chooses one.</param>
/// <param name="From">The first day (UTC).</param>
/// <param name="To">The day after the last one (UTC).</param>
/// <param name="DifferencesTotal">0 if the provider's statement and the books agree.</param>
/// <param name="Differences">At most 1,000; licensectl lists all of them.</param>
/// <param name="Totals">By currency of the balance at the provider.</param>
/// <param name="Booked">The charges that renewals booked, as the books have them.</param>
/// <param name="Decided">Charges that paid no renewal, about which an operator decided.</param>
/// <param name="OtherSystems">Charges that no renewal made: another system uses the account.</param>
public sealed record ReconciliationReport(
    string Provider, IReadOnlyList<string> Providers, DateOnly From, DateOnly To, int DifferencesTotal,
    IReadOnlyList<PaymentDifference> Differences, IReadOnlyList<StatementTotals> Totals, ChargeSum Booked, ChargeSum Decided,
    ChargeSum OtherSystems)
{
    public const int Most = 1000;

    public Task WriteJsonAsync(Stream stream, CancellationToken cancellationToken) =>
        JsonSerializer.SerializeAsync(stream, this, Json.Options, cancellationToken);

    public Task WriteCsvAsync(Stream stream, CancellationToken cancellationToken) =>
        CsvRows.WriteAsync(stream, Differences, cancellationToken);

    public static ReconciliationReport Of(Reconciled reconciled, int most = Most)
    {
        var found = reconciled.Comparison;
        return new ReconciliationReport(
            reconciled.Provider, reconciled.Providers, DateOnly.FromDateTime(reconciled.From.UtcDateTime),
            DateOnly.FromDateTime(reconciled.To.UtcDateTime), found.Differences.Count,
            [.. found.Differences.OrderBy(one => one.At).Take(most)], found.Totals, found.Booked, found.Decided, found.OtherSystems);
    }
}
