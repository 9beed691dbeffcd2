using LicenseFunctions.Infrastructure.Database;
using Licensing;

namespace LicenseFunctions.Renewals;

/// <param name="Days">Length of the counted period in days, up to now.</param>
public sealed record FailureCounts(int Days, IReadOnlyList<RenewalFailure> Failures);

/// <summary>Counts failed renewals of the last days by reason.</summary>
public sealed class CountRenewalFailures(LicenseDatabase database, RenewalReads reads, TimeProvider clock)
{
    public async Task<Outcome<FailureCounts>> RunAsync(string? days, CancellationToken cancellationToken)
    {
        var back = 30;
        if (days is not null && (!int.TryParse(days, out back) || back is < 1 or > 365))
            return new Refusal(RefusalKind.Invalid, "DAYS_INVALID", "days must be a whole number from 1 to 365.", "days");
        var from = clock.GetUtcNow().AddDays(-back);
        return new FailureCounts(back, await database.ReadRecentAsync(token => reads.FailuresAsync(from, token), cancellationToken));
    }
}
