using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <param name="Days">Days that were compared.</param>
/// <param name="Differences">Their differences.</param>
/// <param name="Cases">Payment cases that were opened.</param>
public sealed record ComparisonCounts(int Days, int Differences, int Cases);

/// <summary>
/// Compares each day once it is over, and a day with differences each hour until they are resolved. A charge whose renewal is not known
/// becomes a payment case.
/// </summary>
public sealed class CompareDays(ReconcilePayments reconcile, PaymentBooksStore books, TimeProvider clock, ILogger<CompareDays> log)
{
    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    /// <exception cref="InvalidOperationException">The provider doesn't answer.</exception>
    public async Task<ComparisonCounts> RunAsync(CancellationToken cancellationToken)
    {
        var counts = new ComparisonCounts(0, 0, 0);
        if (reconcile.Provider is not { } provider) return counts;
        var until = clock.GetUtcNow() + Tick;
        foreach (var day in await books.DueAsync(provider, cancellationToken))
        {
            if (TimeSlice.IsOver || clock.GetUtcNow() >= until) break;
            var from = new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero);
            var compared = await reconcile.RunAsync(from, from.AddDays(1), opensCases: true, cancellationToken);
            if (compared.Refusal is { } refusal)
                throw new InvalidOperationException($"The payments of {day:O} can't be compared: {refusal.Code}. {refusal.Detail}");
            var differences = compared.Value.Comparison.Differences.Count;
            await books.SaveAsync(provider, day, differences, cancellationToken);
            counts = new ComparisonCounts(counts.Days + 1, counts.Differences + differences, counts.Cases + compared.Value.CasesOpened);
            if (differences > 0)
                log.LogWarning("{Count} payments of {Day} differ between the provider and the books", differences, day);
        }

        return counts;
    }
}
