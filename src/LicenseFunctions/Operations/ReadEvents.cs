using System.Globalization;
using LicenseFunctions.Infrastructure.Http;
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
        var parameters = new ListQuery(query);
        var after = parameters.Position(
            "after", "Send the value of next in the previous answer, or 0 to read from the beginning.");
        var wait = parameters.Number("wait", 0, LongestWaitSeconds, 0, "The unit is seconds. Leave it out to get an answer immediately.");
        var limit = parameters.Number("limit", 1, MaxPage, 100, "Leave it out for 100.");
        if (parameters.Refusal is { } wrong)
            return wrong;

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
}
