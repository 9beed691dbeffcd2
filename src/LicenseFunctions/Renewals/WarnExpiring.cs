using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Tells customers 7, 3 and 1 days ahead whose license won't renew by itself, and those in grace until when it works. Once for
/// an expiry and a day, however often it runs.
/// </summary>
public sealed class WarnExpiring(RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Page = 500;

    /// <returns>How many mails were written, those written before included.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var (written, after) = (0, default(UpcomingRenewal));
        while (true)
        {
            var page = await reads.UpcomingAsync(now - policy.Grace, now + policy.Warning, after, Page, cancellationToken);
            var mails = page.Select(license => Mail(license, now)).OfType<(string, string, Guid, object)>().ToList();
            if (mails.Count > 0) await reads.MailAsync(mails, cancellationToken);
            written += mails.Count;
            if (page.Count < Page) return written;
            after = page[^1];
        }
    }

    private (string, string, Guid, object)? Mail(UpcomingRenewal license, DateTimeOffset now)
    {
        var forecast = RenewalForecast.Of(
            license.ExpiresAt, license.License, license.PriceUsd, license.LastPaidUsd, license.WalletUsd, license.Card, license.LastDecline, policy);
        if (RenewalForecast.WarningDays(license.ExpiresAt, now, policy) is not { } days || (days > 0 && forecast.Obstacle is null)) return null;
        // A charge that nobody knows the end of keeps the license valid: there is no last day to tell.
        if (days == 0 && license.Status is "charging" or "unknown" or "undecided" or "succeeded") return null;

        return ($"expiring:{license.SubscriptionId}:{license.ExpiresAt.ToUnixTimeSeconds()}:{days}",
            days == 0 ? "in_grace" : "expiring",
            license.UserId,
            new
            {
                license.SubscriptionId,
                license.ExpiresAt,
                GraceUntil = license.ExpiresAt + policy.Grace,
                Days = days,
                Reason = forecast.Obstacle,
                AmountUsd = license.PriceUsd,
            });
    }
}
