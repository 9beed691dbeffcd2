using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <param name="Days">Days that were compared.</param>
/// <param name="Differences">Their differences.</param>
/// <param name="Cases">Payment cases that were opened.</param>
public sealed record ComparisonCounts(int Days, int Differences, int Cases)
{
    internal ComparisonCounts Add(ComparisonCounts more) => new(Days + more.Days, Differences + more.Differences, Cases + more.Cases);
}

/// <summary>
/// Compares each day once it is over, and a day with differences every hour until they are resolved. A charge whose renewal is not known
/// becomes a payment case.
/// </summary>
public sealed class CompareDays(ReconcilePayments reconcile, PaymentBooksStore books, TimeProvider clock, ILogger<CompareDays> log)
{
    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan LongestDay = TimeSpan.FromMinutes(1);

    /// <exception cref="InvalidOperationException">A day can't be compared. The other days were compared.</exception>
    public async Task<ComparisonCounts> RunAsync(CancellationToken cancellationToken)
    {
        var counts = new ComparisonCounts(0, 0, 0);
        var failures = new List<string>();
        var providers = reconcile.Providers;
        foreach (var provider in providers)
        {
            var until = clock.GetUtcNow() + (Tick / providers.Count);
            foreach (var day in await books.DueAsync(provider, reconcile.DelayOf(provider), cancellationToken))
            {
                if (TimeSlice.IsOver || clock.GetUtcNow() >= until) break;
                try
                {
                    using var limit = new CancellationTokenSource(LongestDay, clock);
                    using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
                    counts = counts.Add(await CompareAsync(provider, day, either.Token));
                }
                catch (Exception broken) when (!cancellationToken.IsCancellationRequested && !ConnectionLoss.IsReportedBy(broken))
                {
                    log.LogError(broken, "The payments of {Day} at {Provider} can't be compared", day, provider);
                    failures.Add($"{day:O} ({provider}): {broken.Message}");
                }
            }
        }

        return failures.Count == 0
            ? counts
            : throw new InvalidOperationException($"Days that can't be compared: {failures.Count}. The first is {failures[0]}");
    }

    private async Task<ComparisonCounts> CompareAsync(string provider, DateOnly day, CancellationToken cancellationToken)
    {
        var from = new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero);
        var compared = await reconcile.RunAsync(provider, from, from.AddDays(1), opensCases: true, cancellationToken);
        if (compared.Refusal is { } refusal) throw new InvalidOperationException($"{refusal.Code}. {refusal.Detail}");
        var differences = compared.Value.Comparison.Differences.Count;
        await books.SaveAsync(provider, day, differences, cancellationToken);
        if (differences > 0)
            log.LogWarning("{Count} payments of {Day} differ between {Provider} and the books", differences, day, provider);
        return new ComparisonCounts(1, differences, compared.Value.CasesOpened);
    }
}
