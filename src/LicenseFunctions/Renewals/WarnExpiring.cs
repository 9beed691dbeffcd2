using LicenseFunctions.Infrastructure.Timers;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Warns customers 7, 3 and 1 days before the expiry if the license won't be renewed automatically. During grace, the mail states the end
/// of grace. One mail is sent for each expiry and day, even if the timer runs several times.
/// </summary>
public sealed class WarnExpiring(RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

    // Where the last slice ended before its work did. The next slice continues there; a timer's own run begins at the first license.
    private (NextRenewal License, DateTimeOffset At)? cut;

    /// <returns>How many mails are due, including those that earlier runs have already added.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var written = 0;
        var after = TimeSlice.IsActive && cut is { } left && now - left.At < LongestPause ? left.License : null;
        cut = null;
        await foreach (var page in reads.UpcomingAsync(now - policy.Grace, now + policy.Warning, after, cancellationToken))
        {
            var mails = page.Select(license => Mail(license, now)).OfType<(string, string, Guid, object)>().ToList();
            if (mails.Count > 0) await reads.MailAsync(mails, cancellationToken);
            written += mails.Count;
            if (page is not [.., var last] || !TimeSlice.IsOver) continue;
            cut = (last, now);
            break;
        }

        return written;
    }

    private (string, string, Guid, object)? Mail(NextRenewal next, DateTimeOffset now)
    {
        // Nobody reads the mails of a closed account.
        if (next.License.Block is RenewalBlock.AccountClosed) return null;

        var obstacle = next.Forecast(policy).Obstacle;
        if (RenewalForecast.WarningDays(next.ExpiresAt, now, policy) is not { } days || (days > 0 && obstacle is null)) return null;
        // An open charge keeps the license valid, so the end of grace is unknown.
        if (days == 0 && next.Status?.IsChargeOpen() is true) return null;

        return ($"expiring:{next.SubscriptionId}:{next.ExpiresAt.ToUnixTimeSeconds()}:{days}",
            days == 0 ? "in_grace" : "expiring",
            next.UserId,
            new
            {
                next.SubscriptionId,
                next.ExpiresAt,
                GraceUntil = next.ExpiresAt + policy.Grace,
                Days = days,
                Reason = obstacle,
                next.Price(policy).AmountUsd,
            });
    }
}
