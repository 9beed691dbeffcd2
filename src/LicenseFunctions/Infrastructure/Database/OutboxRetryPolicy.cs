namespace LicenseFunctions.Infrastructure.Database;

/// <summary>The delay before a row of the outbox is sent again after a failure: 10 s, 20 s, 40 s … up to one hour.</summary>
/// <param name="MaxAttempts">The row is given up after this many attempts; null if it is never given up.</param>
public sealed record OutboxRetryPolicy(int? MaxAttempts)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromHours(1);

    /// <summary>No limit: an outage of the relay may delay a customer's mail but never lose it.</summary>
    public static readonly OutboxRetryPolicy Emails = new(MaxAttempts: null);

    /// <summary>
    /// 12 attempts take about three and a half hours. A later webhook has no use, and the operators' page shows the alerts, too.
    /// </summary>
    public static readonly OutboxRetryPolicy AlertWebhooks = new(MaxAttempts: 12);

    /// <param name="attempts">Attempts so far, including the one that failed; 1 or more.</param>
    /// <returns>The time until the next attempt; null if the row is given up.</returns>
    public TimeSpan? DelayAfter(int attempts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        if (attempts >= MaxAttempts)
            return null;
        var seconds = FirstDelay.TotalSeconds * Math.Pow(2, attempts - 1);
        return seconds < MaxDelay.TotalSeconds ? TimeSpan.FromSeconds(seconds) : MaxDelay;
    }
}
