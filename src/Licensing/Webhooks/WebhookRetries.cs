namespace Licensing.Webhooks;

/// <summary>What follows a failed attempt to send an event to an endpoint.</summary>
/// <param name="Delay">The time until the next attempt; zero if the endpoint is disabled.</param>
/// <param name="DisabledBy">failures or gone; null if the endpoint stays enabled.</param>
public readonly record struct WebhookRetry(TimeSpan Delay, string? DisabledBy);

/// <summary>Retries over days: 10 s, 20 s, 40 s … up to one hour; after five days of failures the endpoint is disabled. Pure.</summary>
public static class WebhookRetries
{
    public static readonly TimeSpan LongestFailure = TimeSpan.FromDays(5);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);

    /// <param name="attempts">Failed attempts, including this one; 1 or more.</param>
    /// <param name="failing">The time since the first of them.</param>
    /// <param name="status">The HTTP status of the answer; null if there was none. 410 (Gone) asks for no further events.</param>
    public static WebhookRetry After(int attempts, TimeSpan failing, int? status)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        if (status == 410)
            return new WebhookRetry(TimeSpan.Zero, "gone");
        if (failing >= LongestFailure)
            return new WebhookRetry(TimeSpan.Zero, "failures");
        var delay = FirstDelay * Math.Pow(2, Math.Min(attempts - 1, 20));
        return new WebhookRetry(delay < LongestDelay ? delay : LongestDelay, null);
    }
}
