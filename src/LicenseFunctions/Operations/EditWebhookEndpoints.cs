using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Webhooks;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <param name="Types">Types of the event feed; without them, or with *, all types, those of later versions included.</param>
public sealed record NewWebhookEndpoint(string Url, string[]? Types = null);

/// <summary>What is not set stays as it is. Each change ends a series of failures, so an enabled endpoint is due at once.</summary>
public sealed record WebhookEndpointChange(string? Url = null, string[]? Types = null, bool? Enabled = null);

/// <param name="OverlapSeconds">How long older secrets also sign, at most 7 days; 0 ends them immediately.</param>
public sealed record WebhookSecretRotation(int OverlapSeconds = 24 * 3600);

/// <summary>Where sending begins, before or after the present position. Exactly one of the two fields is required.</summary>
/// <param name="After">The id of an event of the feed; the next one is the first to be sent. 0 for the oldest.</param>
/// <param name="Since">The first event since this time is the first to be sent.</param>
public sealed record WebhookReplay(long? After = null, DateTimeOffset? Since = null);

/// <param name="Secret">Returned only here. The receiver verifies signatures with it.</param>
public sealed record WebhookEndpointSecret(WebhookEndpoint Endpoint, string Secret);

/// <summary>Changes of webhook endpoints by operators; audited. A run that sends with the values before the change ends.</summary>
public sealed class EditWebhookEndpoints(LicenseDatabase database, WebhookSettings settings)
{
    public const int MostEndpoints = 20;

    private static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(7);

    public static readonly Refusal Unknown = new(
        RefusalKind.NotFound, "ENDPOINT_NOT_FOUND", "There is no such webhook endpoint.", "endpoint_id");

    private static readonly Refusal NoKeys = new(
        RefusalKind.Conflict, "WEBHOOKS_NOT_CONFIGURED", $"The setting {WebhookSettings.KeysName} is missing: secrets are derived from it.",
        Hint: $"Set {WebhookSettings.KeysName} to the output of: openssl rand -base64 32");

    private static readonly Refusal Exists = new(
        RefusalKind.Conflict, "ENDPOINT_EXISTS", "Another endpoint has this URL.", "url",
        "Change that endpoint. If its secret is lost, rotate it.");

    private static readonly Refusal TooMany = new(
        RefusalKind.Conflict, "TOO_MANY_ENDPOINTS", $"There are {MostEndpoints} webhook endpoints, which is the limit.",
        Hint: "Remove one that is no longer used.");

    private static readonly Refusal BadTypes = new(
        RefusalKind.Invalid, "INVALID_FIELD", "types must be types of the event feed, at least one.", "types",
        $"Send [\"*\"] for all, or some of: {string.Join(", ", EventTypes.All)}.");

    private static readonly Refusal BadOverlap = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"overlap_seconds must be from 0 to {(int)LongestOverlap.TotalSeconds}.", "overlap_seconds",
        "Send 86400, or 0 to end older secrets immediately.");

    private static readonly Refusal NotOne = new(
        RefusalKind.Invalid, "INVALID_FIELD", "Exactly one of after and since is required.", "after",
        "Send after with the id of an event, 0 for the oldest, or since with a time such as 2026-11-01T00:00:00Z.");

    /// <summary>Adds an endpoint that gets the events from now on.</summary>
    public async Task<Outcome<WebhookEndpointSecret>> AddAsync(NewWebhookEndpoint added, Actor by, CancellationToken cancellationToken)
    {
        if (WebhookAddress.Fault(added.Url, settings.AllowPrivate) is { } fault)
            return fault;
        if (!IsKnown(added.Types))
            return BadTypes;
        if (settings.Keys is [])
            return NoKeys;
        var url = new Uri(added.Url).AbsoluteUri;
        try
        {
            return await database.InTransactionAsync<Outcome<WebhookEndpointSecret>>(async (connection, token) =>
            {
                if (await WebhookEndpointStore.HasUrlAsync(connection, url, except: null, token))
                    return Exists;
                if (await WebhookEndpointStore.AddAsync(connection, url, Stored(added.Types), by.Id, MostEndpoints, token) is not { } id)
                    return TooMany;
                return await RotateAsync(connection, id, TimeSpan.Zero, by, "webhook.added", token);
            }, cancellationToken);
        }
        catch (PostgresException same) when (same is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "url_is_unique" })
        {
            return Exists;
        }
    }

    public Task<Outcome<WebhookEndpoint>> ChangeAsync(
        Guid endpointId, WebhookEndpointChange change, Actor by, CancellationToken cancellationToken) =>
        EditAsync(endpointId, by, "webhook.changed", async (connection, before, token) =>
        {
            if (change.Url is not null && WebhookAddress.Fault(change.Url, settings.AllowPrivate) is { } fault)
                return fault;
            if (!IsKnown(change.Types))
                return BadTypes;
            var url = change.Url is null ? before.Url : new Uri(change.Url).AbsoluteUri;
            if (await WebhookEndpointStore.HasUrlAsync(connection, url, endpointId, token))
                return Exists;
            await WebhookEndpointStore.ChangeAsync(
                connection, endpointId, url, Stored(change.Types ?? before.Types), before.After,
                change.Enabled ?? before.DisabledAt is null, token);
            return true;
        }, cancellationToken);

    /// <summary>Sends all events from a place again. If the place is after the position, the events between are left out.</summary>
    public Task<Outcome<WebhookEndpoint>> ReplayAsync(
        Guid endpointId, WebhookReplay replay, Actor by, CancellationToken cancellationToken) =>
        EditAsync(endpointId, by, "webhook.replayed", async (connection, before, token) =>
        {
            if (replay is { After: null, Since: null } or { After: not null, Since: not null })
                return NotOne;
            var position = replay.After ?? await WebhookEndpointStore.BeforeAsync(connection, replay.Since!.Value, token);
            if (position < 0 || position > await WebhookEndpointStore.LastAsync(connection, token))
            {
                return new Refusal(
                    RefusalKind.Invalid, "AFTER_BEYOND_LAST_EVENT", "after is not the id of an event.", "after",
                    "Send the id of an event of GET /api/v1/events, or 0 for the oldest.");
            }

            await WebhookEndpointStore.ChangeAsync(
                connection, endpointId, before.Url, Stored(before.Types), position, before.DisabledAt is null, token);
            return true;
        }, cancellationToken);

    public async Task<Outcome<WebhookEndpointSecret>> RotateAsync(
        Guid endpointId, WebhookSecretRotation rotation, Actor by, CancellationToken cancellationToken)
    {
        var overlap = TimeSpan.FromSeconds(rotation.OverlapSeconds);
        if (overlap < TimeSpan.Zero || overlap > LongestOverlap)
            return BadOverlap;
        if (settings.Keys is [])
            return NoKeys;
        return await database.InTransactionAsync<Outcome<WebhookEndpointSecret>>(
            async (connection, token) => await WebhookEndpointStore.LockAsync(connection, endpointId, token)
                ? await RotateAsync(connection, endpointId, overlap, by, "webhook.secret_rotated", token)
                : Unknown, cancellationToken);
    }

    public Task<Outcome<bool>> RemoveAsync(Guid endpointId, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync<Outcome<bool>>(async (connection, token) =>
        {
            if (!await WebhookEndpointStore.LockAsync(connection, endpointId, token))
                return Unknown;
            var before = (await WebhookEndpointStore.FindAsync(connection, endpointId, token))!;
            await WebhookEndpointStore.RemoveAsync(connection, endpointId, token);
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "webhook.removed", null, endpointId.ToString(), Before: Audited(before)), token);
            return true;
        }, cancellationToken);

    private Task<Outcome<WebhookEndpoint>> EditAsync(
        Guid endpointId, Actor by, string action, Func<NpgsqlConnection, WebhookEndpoint, CancellationToken, Task<Outcome<bool>>> edit,
        CancellationToken cancellationToken) =>
        database.InTransactionAsync<Outcome<WebhookEndpoint>>(async (connection, token) =>
        {
            if (!await WebhookEndpointStore.LockAsync(connection, endpointId, token))
                return Unknown;
            var before = (await WebhookEndpointStore.FindAsync(connection, endpointId, token))!;
            if ((await edit(connection, before, token)).Refusal is { } refusal)
                return refusal;
            var after = (await WebhookEndpointStore.FindAsync(connection, endpointId, token))!;
            await AuditLog.AddAsync(connection, new AuditRow(
                by, action, null, endpointId.ToString(), Before: Audited(before), After: Audited(after)), token);
            return after;
        }, cancellationToken);

    private async Task<WebhookEndpointSecret> RotateAsync(
        NpgsqlConnection connection, Guid endpointId, TimeSpan overlap, Actor by, string action, CancellationToken cancellationToken)
    {
        if (overlap == TimeSpan.Zero)
            await WebhookEndpointStore.EndSecretsAsync(connection, endpointId, cancellationToken);
        var secret = await WebhookEndpointStore.AddSecretAsync(
            connection, endpointId, WebhookSettings.IdOf(settings.Keys[0]), overlap, cancellationToken);
        await WebhookEndpointStore.EndClaimAsync(connection, endpointId, cancellationToken);
        var endpoint = (await WebhookEndpointStore.FindAsync(connection, endpointId, cancellationToken))!;
        await AuditLog.AddAsync(
            connection, new AuditRow(by, action, null, endpointId.ToString(), After: Audited(endpoint)), cancellationToken);
        return new WebhookEndpointSecret(endpoint, WebhookSettings.TextOf(settings.SecretOf(endpointId, secret)!));
    }

    // Without the path and the query of the URL, which may contain a token.
    private static string Audited(WebhookEndpoint endpoint) => RowJson.Of(new
    {
        new Uri(endpoint.Url).Host,
        endpoint.Types,
        Enabled = endpoint.DisabledAt is null,
        endpoint.After,
        endpoint.OldSecretsUntil,
    });

    private static bool IsKnown(string[]? types) =>
        types is null or ["*"] || (types.Length > 0 && types.All(type => EventTypes.All.Contains(type)));

    private static string[]? Stored(string[]? types) => types is null or ["*"] ? null : [.. types.Distinct()];
}
