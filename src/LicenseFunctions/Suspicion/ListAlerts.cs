using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Suspicion;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Suspicion;

/// <param name="Total">The number of alerts on all pages; 1,000 if there are as many or more.</param>
/// <param name="Next">The cursor of the next page; null on the last page.</param>
public sealed record AlertPage(long Total, IReadOnlyList<AlertRow> Alerts, string? Next);

/// <summary>An alert as CSV.</summary>
public sealed record AlertRecord(
    Guid AlertId, DateTime DetectedAt, string ActivityType, string Severity, string Status, string Measure, Guid? SubscriptionId,
    string? OwnerEmail, string? Description, string? CustomerAnswer, DateTime? AppealedAt, DateTime? ResolvedAt, string? ResolutionNotes);

/// <param name="Others">The license's other alerts, the newest first, 50 at most.</param>
/// <param name="Sessions">
/// The use of the license's devices from <paramref name="SessionsFrom"/> to <paramref name="SessionsTo"/>, the earliest first, 500 at most.
/// This is the time of the evidence, at most its last 7 days. If the evidence has no times, it is the day before the alert.
/// </param>
/// <param name="HasMoreSessions">Whether later sessions are left out.</param>
public sealed record AlertDetail(
    AlertRow Alert, IReadOnlyList<AlertRow> Others, DateTime SessionsFrom, DateTime SessionsTo, IReadOnlyList<AlertSession> Sessions,
    bool HasMoreSessions);

/// <summary>Lists alerts for operators.</summary>
public sealed class ListAlerts(LicenseDatabase database, AlertStore alerts)
{
    private const string AllStatuses = "ALL";
    private const string NotClosed = "NOT_CLOSED";
    private const int MaxPage = 100;
    private const int MaxOthers = 50;
    private const int MaxSessions = 500;
    private static readonly TimeSpan LongestUse = TimeSpan.FromDays(7);
    private static readonly IReadOnlyList<string> Orders = [.. Enum.GetValues<AlertOrder>().Select(order => EnumWords.Of(order))];
    private static readonly IReadOnlyList<string> Severities = EnumWords.AllUpper<AlertSeverity>();
    private static readonly IReadOnlyList<string> Measures = EnumWords.AllUpper<Measure>();
    private static readonly IReadOnlyList<string> Answers = EnumWords.AllUpper<CustomerAnswer>();

    public Task<Outcome<AlertPage>> RunAsync(IQueryCollection query, CancellationToken cancellationToken) =>
        PageAsync(query, MaxPage, cancellationToken);

    /// <summary>The same as JSON, or as CSV if the request prefers it.</summary>
    public async Task<IResult> AnswerAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var asCsv = request.PrefersCsv();
        var page = await PageAsync(request.Query, asCsv ? ListQuery.MostCsvRows : MaxPage, cancellationToken);
        return asCsv && page.Refusal is null ? new CsvResult<AlertRecord>(page.Value.Alerts.Select(Record)) : page.ToResult();
    }

    private static AlertRecord Record(AlertRow row) => new(
        row.AlertId, row.DetectedAt, row.ActivityType, row.Severity, row.Status, row.Measure, row.SubscriptionId, row.OwnerEmail,
        row.Description, row.CustomerAnswer, row.AppealedAt, row.ResolvedAt, row.ResolutionNotes);

    private async Task<Outcome<AlertPage>> PageAsync(IQueryCollection query, int most, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var filter = Filter(parameters);
        var limit = parameters.Number("limit", 1, most, most);
        var order = EnumWords.Parse<AlertOrder>(parameters.OneOf("sort", Orders) ?? EnumWords.Of(AlertOrder.Queue));
        var after = parameters.Cursor(Read);
        if (parameters.Refusal is { } wrong)
            return wrong;

        var (rows, total) = await database.ReadLatestAsync(
            async token => (
                await alerts.ListAsync(filter, order, after, limit + 1, token), await alerts.TotalAsync(filter, token)),
            cancellationToken);
        var page = rows.Take(limit).ToList();
        return new AlertPage(total, page, rows.Count > limit ? Write(page[^1], order) : null);
    }

    public Task<Outcome<AlertDetail>> FindAsync(Guid alertId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync(token => ReadAsync(alertId, token), cancellationToken);

    private async Task<Outcome<AlertDetail>> ReadAsync(Guid alertId, CancellationToken cancellationToken)
    {
        if (await alerts.FindAsync(alertId, cancellationToken) is not { } alert)
            return ReviewAlert.Unknown;
        var others = alert.SubscriptionId is { } subscription
            ? await alerts.ListAsync(
                new AlertFilter(null, null, subscription, null, null), AlertOrder.Newest, null, MaxOthers + 1, cancellationToken)
            : [];
        var (from, to) = Period(alert);
        var sessions = alert.SubscriptionId is { } license
            ? await alerts.SessionsAsync(license, from, to, MaxSessions + 1, cancellationToken)
            : [];
        return new AlertDetail(
            alert, [.. others.Where(other => other.AlertId != alertId).Take(MaxOthers)], from, to, [.. sessions.Take(MaxSessions)],
            sessions.Count > MaxSessions);
    }

    // Other systems also write evidence, with other fields.
    private static (DateTime From, DateTime To) Period(AlertRow alert)
    {
        if (alert.Evidence is { ValueKind: JsonValueKind.Object } evidence
            && evidence.TryGetProperty("from", out var first) && evidence.TryGetProperty("to", out var last)
            && IsTime(first, out var from) && IsTime(last, out var to) && from < to)
        {
            return (to - from > LongestUse ? to - LongestUse : from, to);
        }

        return (alert.DetectedAt.AddDays(-1), alert.DetectedAt);
    }

    private static bool IsTime(JsonElement value, out DateTime time)
    {
        time = default;
        if (value.ValueKind != JsonValueKind.String || !value.TryGetDateTimeOffset(out var at) || at.Year is < 1970 or > 9000)
            return false;
        time = at.UtcDateTime;
        return true;
    }

    private static AlertFilter Filter(ListQuery query)
    {
        var status = query.Code("status", [.. AlertStatus.All, NotClosed, AllStatuses]) ?? AlertStatus.Open;
        return new AlertFilter(
            status switch { AllStatuses => null, NotClosed => [.. AlertStatus.AllOpen], _ => [status] }, query.Code("severity", Severities),
            query.Id("subscription_id", "the id of a license"), query.Time("from"), query.Time("to"))
        {
            Measure = query.Code("measure", Measures),
            CustomerAnswer = query.Code("customer_answer", Answers),
            UserId = query.Id("user_id", "the id of a customer"),
        };
    }

    private static string Write(AlertRow last, AlertOrder order) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{Rank(last, order)}.{last.DetectedAt.Ticks}.{last.AlertId:N}")));

    private static int Rank(AlertRow alert, AlertOrder order) => order switch
    {
        AlertOrder.Severity => Severities.Index().Single(severity => severity.Item == alert.Severity).Index + 1,
        AlertOrder.Queue => alert.QueueRank,
        _ => 0,
    };

    private static AlertCursor? Read(string cursor)
    {
        var bytes = new byte[cursor.Length];
        return Base64Url.IsValid(cursor) && Base64Url.TryDecodeFromChars(cursor, bytes, out var length)
            && Encoding.ASCII.GetString(bytes, 0, length).Split('.') is [var rank, var ticks, var id]
            && int.TryParse(rank, NumberStyles.None, CultureInfo.InvariantCulture, out var of)
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at < DateTime.MaxValue.Ticks
            && Guid.TryParseExact(id, "N", out var alertId)
                ? new AlertCursor(of, new DateTime(at, DateTimeKind.Utc), alertId)
                : null;
    }
}
