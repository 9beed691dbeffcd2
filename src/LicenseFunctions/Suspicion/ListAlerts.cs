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

/// <param name="Total">The number of alerts on all pages.</param>
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
public sealed record AlertDetail(
    AlertRow Alert, IReadOnlyList<AlertRow> Others, DateTime SessionsFrom, DateTime SessionsTo, IReadOnlyList<AlertSession> Sessions);

/// <summary>Lists alerts for operators.</summary>
public sealed class ListAlerts(LicenseDatabase database, AlertStore alerts)
{
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
        var filter = Filter(query);
        if (filter.Refusal is { } wrong)
            return wrong;
        var limit = most;
        if (Text(query, "limit") is { } size
            && (!int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit < 1 || limit > most))
            return Invalid("limit", $"limit must be from 1 to {most}.");
        if (Text(query, "sort") is { } sort && !Orders.Contains(sort))
            return Invalid("sort", "sort must be one of " + string.Join(", ", Orders) + ".");
        var order = EnumWords.Parse<AlertOrder>(Text(query, "sort") ?? EnumWords.Of(AlertOrder.Queue));
        AlertCursor? after = null;
        if (Text(query, "cursor") is { } cursor && (after = Read(cursor)) is null)
            return Invalid("cursor", "cursor must be the value of next in the previous page.");

        var (rows, total) = await database.ReadLatestAsync(
            async token => (
                await alerts.ListAsync(filter.Value, order, after, limit + 1, token), await alerts.TotalAsync(filter.Value, token)),
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
                new AlertFilter(null, null, subscription, null, null), AlertOrder.Queue, null, MaxOthers + 1, cancellationToken)
            : [];
        var (from, to) = Period(alert);
        var sessions = alert.SubscriptionId is { } license
            ? await alerts.SessionsAsync(license, from, to, MaxSessions, cancellationToken)
            : [];
        return new AlertDetail(alert, [.. others.Where(other => other.AlertId != alertId).Take(MaxOthers)], from, to, sessions);
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

    private static Outcome<AlertFilter> Filter(IQueryCollection query)
    {
        var status = Text(query, "status")?.ToUpperInvariant() ?? AlertStatus.Open;
        if (status != "ALL" && !AlertStatus.All.Contains(status))
            return Invalid("status", "status must be OPEN, INVESTIGATING, RESOLVED, FALSE_POSITIVE or ALL.");
        var severity = Text(query, "severity")?.ToUpperInvariant();
        if (severity is not null && !Severities.Contains(severity))
            return Invalid("severity", "severity must be one of " + string.Join(", ", Severities) + ".");
        var measure = Text(query, "measure")?.ToUpperInvariant();
        if (measure is not null && !Measures.Contains(measure))
            return Invalid("measure", "measure must be one of " + string.Join(", ", Measures) + ".");
        var answer = Text(query, "customer_answer")?.ToUpperInvariant();
        if (answer is not null && !Answers.Contains(answer))
            return Invalid("customer_answer", "customer_answer must be one of " + string.Join(", ", Answers) + ".");
        var user = Guid.Empty;
        if (Text(query, "user_id") is { } customer && !Guid.TryParse(customer, out user))
            return Invalid("user_id", "user_id must be the id of a customer.");
        var subscription = Guid.Empty;
        if (Text(query, "subscription_id") is { } id && !Guid.TryParse(id, out subscription))
            return Invalid("subscription_id", "subscription_id must be the id of a license.");
        if (!Time(query, "from", out var from))
            return Invalid("from", "from must be a time such as 2026-09-01T00:00:00Z.");
        if (!Time(query, "to", out var to))
            return Invalid("to", "to must be a time such as 2026-09-01T00:00:00Z.");
        return new AlertFilter(status == "ALL" ? null : [status], severity, subscription == Guid.Empty ? null : subscription, from, to)
        {
            Measure = measure,
            CustomerAnswer = answer,
            UserId = user == Guid.Empty ? null : user,
        };
    }

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static bool Time(IQueryCollection query, string name, out DateTime? time)
    {
        time = null;
        if (Text(query, name) is not { } text)
            return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var read))
            return false;
        time = read.UtcDateTime;
        return true;
    }

    private static string Write(AlertRow last, AlertOrder order) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{Rank(last, order)}.{last.DetectedAt.Ticks}.{last.AlertId:N}")));

    private static int Rank(AlertRow alert, AlertOrder order) => order switch
    {
        AlertOrder.Severity => Severities.Index().Single(severity => severity.Item == alert.Severity).Index + 1,
        AlertOrder.Queue when alert.AppealedAt is not null => 1,
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

    private static Refusal Invalid(string field, string detail) => new(RefusalKind.Invalid, "INVALID_QUERY", detail, field);
}
