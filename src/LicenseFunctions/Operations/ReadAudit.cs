using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Operations;

/// <param name="Actions">All actions of the log; empty except on the first page.</param>
/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record AuditPage(IReadOnlyList<AuditEntry> Entries, IReadOnlyList<string> Actions, string? Next);

/// <summary>An entry as CSV.</summary>
public sealed record AuditRecord(
    long AuditId, DateTime OccurredAt, string ActorKind, string? Actor, string Action, Guid? SubscriptionId, string? Customer,
    string? Subject, string? Reason, string? Before, string? After);

/// <param name="Email">The complete mail address.</param>
public sealed record ActorQuery(string? Email);

/// <summary>Shows operators who changed what, when and why.</summary>
public sealed class ReadAudit(LicenseDatabase database, AuditReads reads)
{
    private const int Page = 100;

    private static readonly string[] Kinds =
        [Actor.Operator(null).Kind, Actor.Owner(Guid.Empty).Kind, Actor.Service.Kind, Actor.System.Kind, Actor.Runbook.Kind];

    // A mail address must not be in a URL, which logs and browsers keep.
    private static readonly Refusal UnknownKind = new(
        RefusalKind.Invalid, "INVALID_QUERY", $"actor must be the id of a user, or one of {string.Join(", ", Kinds)}.", "actor",
        "Find the id of a mail address with POST /api/v1/audit/actors.");

    private static readonly Refusal NoSuchActor = new(
        RefusalKind.NotFound, "ACTOR_NOT_FOUND", "Nobody has this mail address.", "email");

    public async Task<Outcome<AuditActor>> FindActorAsync(ActorQuery asked, CancellationToken cancellationToken) =>
        asked.Email?.Trim() is { Length: > 0 } email && !email.Contains('\0', StringComparison.Ordinal)
        && await reads.FindActorAsync(email, cancellationToken) is { } actor
            ? actor
            : NoSuchActor;

    public async Task<IResult> RunAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var asCsv = request.PrefersCsv();
        var query = new ListQuery(request.Query);
        var actor = query.Text("actor")?.Trim().ToLowerInvariant();
        var isKind = actor is not null && Kinds.Contains(actor);
        Guid? actorId = Guid.TryParse(actor, out var id) ? id : null;
        if (actor is not null && !isKind && actorId is null)
            return UnknownKind.ToResult();
        var filter = new AuditFilter(
            isKind ? actor : null, actorId, query.Text("action"), query.Id("subscription_id"), query.Id("user_id"), query.Time("from"),
            query.Time("to"));
        var limit = query.Number("limit", 1, asCsv ? ListQuery.MostCsvRows : Page, asCsv ? ListQuery.MostCsvRows : Page);
        var last = query.Text("after");
        long? after = null;
        if (last is not null)
        {
            if (!long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var lastId))
                return new Refusal(
                    RefusalKind.Invalid, "INVALID_QUERY", "after must be the value of next in the previous page.", "after").ToResult();
            after = lastId;
        }

        if (query.Refusal is { } wrong)
            return wrong.ToResult();
        var (entries, actions) = await database.ReadLatestAsync(
            async token => (await reads.ListAsync(filter, after, limit + 1, token),
                asCsv || after is not null ? [] : await reads.ActionsAsync(token)),
            cancellationToken);
        return asCsv
            ? new CsvResult<AuditRecord>(entries.Take(limit).Select(Record))
            : Results.Json(
                new AuditPage(
                    [.. entries.Take(limit)], actions,
                    entries.Count > limit ? entries[limit - 1].AuditId.ToString(CultureInfo.InvariantCulture) : null),
                Json.Options);
    }

    private static AuditRecord Record(AuditEntry entry) => new(
        entry.AuditId, entry.OccurredAt, entry.ActorKind, entry.ActorEmail ?? entry.ActorId?.ToString(), entry.Action, entry.SubscriptionId,
        entry.Email, entry.Subject, entry.Reason, entry.Before?.GetRawText(), entry.After?.GetRawText());
}
