using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Tells customers of an automatic charge three days before its first attempt. Warns them 7, 3 and 1 days before the expiry if the license
/// won't be renewed automatically; during grace, the mail states its end. Each mail is sent once, even if the timer runs several times.
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
        var until = RenewalWarnings.NoticeUntil(now, policy) + TimeSpan.FromTicks(TimeSpan.TicksPerMicrosecond); // exclusive
        await foreach (var page in reads.UpcomingAsync(now - policy.Grace, until, after, cancellationToken))
        {
            var mails = page.SelectMany(license => Mails(license, now)).ToList();
            if (mails.Count > 0) await reads.MailAsync(mails, cancellationToken);
            written += mails.Count;
            if (page is not [.., var last] || !TimeSlice.IsOver) continue;
            cut = (last, now);
            break;
        }

        return written;
    }

    private IEnumerable<RenewalMail> Mails(NextRenewal next, DateTimeOffset now)
    {
        // Nobody reads the mails of a closed account.
        if (next.License.Block is RenewalBlock.AccountClosed) yield break;
        // A charge was reported and is not booked yet, so the period may be paid.
        if (next.HasUnbookedCharge) yield break;

        var forecast = next.Forecast(policy);
        if (RenewalWarnings.IsNoticeDue(next.ExpiresAt, forecast, next.Status, now, policy))
        {
            var opensAt = policy.OpensAt(next.ExpiresAt);
            var price = next.Price(policy).AmountUsd;
            var key = RenewalWarnings.NoticeKey(
                next.SubscriptionId, next.ExpiresAt, forecast.With!.Value, (price ?? 0) + forecast.DebtsUsd);
            yield return new RenewalMail(key, RenewalWarnings.UpcomingRenewal, next.UserId, new
            {
                next.SubscriptionId,
                next.ExpiresAt,
                AmountUsd = price,
                forecast.DebtsUsd,
                ChargeAt = opensAt > now ? opensAt : now,
                PaidWith = EnumWords.Of(forecast.With),
                PaymentMethodId = forecast.With is PaidWith.Card ? next.Card?.PaymentMethodId : null,
            });
        }

        if (RenewalForecast.WarningDays(next.ExpiresAt, now, policy) is not { } stage
            || !RenewalWarnings.IsWarningDue(forecast.Obstacle, next.Status, inGrace: stage == 0)) yield break;

        var graceUntil = next.ExpiresAt + policy.Grace;
        yield return new RenewalMail(
            RenewalWarnings.WarningKey(next.SubscriptionId, next.ExpiresAt, stage), stage == 0 ? "in_grace" : "expiring", next.UserId, new
            {
                next.SubscriptionId,
                next.ExpiresAt,
                GraceUntil = policy.Grace > TimeSpan.Zero ? graceUntil : (DateTimeOffset?)null,
                Days = RenewalWarnings.DaysLeft(next.ExpiresAt, now),
                Reason = forecast.Obstacle,
                next.Price(policy).AmountUsd,
                next.Card?.PaymentMethodId,
            })
        {
            IsWarning = stage > 0,
            Delay = stage > 0 && policy.AutoRenews(next.License) && next.Status is null or RenewalStatus.Due
                ? RenewalWarnings.WaitsForAttempt
                : TimeSpan.Zero,
            Event = new LicenseEvent(next.SubscriptionId, "license.expiring", new
            {
                Stage = stage,
                ExpiresAt = next.ExpiresAt.UtcDateTime,
                GraceUntil = graceUntil.UtcDateTime,
                Reason = forecast.Obstacle,
            }),
        };
    }
}
