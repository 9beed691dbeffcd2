using System.Globalization;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace LicenseFunctions.Operations;

/// <param name="Next">The after of the next request.</param>
public sealed record EventPage(IReadOnlyList<FeedEvent> Events, long Next);

/// <summary>Reads the event feed, and waits for an event if the caller asks for that.</summary>
public sealed class ReadEvents(EventStore store, IHostApplicationLifetime app, TimeProvider time)
{
    private const int MaxPage = 1_000;
    private const int LongestWaitSeconds = 20;

    /// <summary>The time between two reads of a waiting request. In between, it uses no database connection.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public async Task<Outcome<EventPage>> RunAsync(IQueryCollection query, CancellationToken cancellationToken)
    {
        var (after, wait, limit) = (0L, 0, 100);
        if (Text(query, "after") is { } last && !long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return Invalid(
                "after", "after must be a whole number of 0 or more.",
                "Send the value of next in the previous answer, or 0 to read from the beginning.");
        }

        if (Text(query, "wait") is { } seconds
            && (!int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out wait) || wait > LongestWaitSeconds))
            return Invalid("wait", $"wait must be from 0 to {LongestWaitSeconds} seconds.", "Leave it out to get an answer immediately.");
        if (Text(query, "limit") is { } size
            && (!int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxPage))
            return Invalid("limit", $"limit must be from 1 to {MaxPage}.", "Leave it out for 100.");

        return await ReadAsync(after, TimeSpan.FromSeconds(wait), limit, cancellationToken);
    }

    private async Task<Outcome<EventPage>> ReadAsync(long after, TimeSpan wait, int limit, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.ApplicationStopping);
        while (true)
        {
            await store.NumberAsync(cancellationToken);
            var events = await store.ListAsync(after, limit, cancellationToken);
            if (events is [.., var last])
                return new EventPage(events, last.Id);
            if (after > 0 && await store.LastAsync(cancellationToken) is var end && end < after)
                return Beyond(after, end);

            var left = wait - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero || app.ApplicationStopping.IsCancellationRequested)
                return new EventPage(events, after);
            await Task.Delay(left < Pause ? left : Pause, time, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    // For example after the restore of a backup. Without this refusal, the reader would miss all events until the feed reaches its place.
    private static Refusal Beyond(long after, long last) => new(
        RefusalKind.Invalid, "AFTER_BEYOND_LAST_EVENT",
        string.Create(CultureInfo.InvariantCulture, $"after is {after}, but the last event has the id {last}."), "after",
        "The database was probably restored from a backup. Read again from the beginning with after=0.");

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static Refusal Invalid(string field, string detail, string hint) =>
        new(RefusalKind.Invalid, "INVALID_QUERY", detail, field, hint);
}
