using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Validation;

/// <summary>What changed since the last look.</summary>
/// <param name="All">It can't be told what.</param>
/// <param name="SubscriptionIds">Licenses of which our own rows changed.</param>
public sealed record ChangedLicenses(
    bool All, IReadOnlyList<Guid> SubscriptionIds, IReadOnlyList<ChangedSubscription> Subscriptions, IReadOnlyList<ChangedToken> Tokens);

/// <summary>A row of subscriptions that was written, as it is now.</summary>
public sealed record ChangedSubscription(Guid SubscriptionId, SubscriptionState State, bool IsActive, string? PausedReason)
{
    public bool Agrees(LicenseFacts facts) => (State, IsActive, PausedReason) == (facts.State, facts.SubscriptionActive, facts.PausedReason);
}

/// <summary>A row of license_tokens that was written, as it is now.</summary>
public sealed record ChangedToken(Guid SubscriptionId, string TokenHash, bool IsActive, string? RevokedReason, DateTimeOffset? ExpiresAt)
{
    public bool Agrees(LicenseFacts facts) => (IsActive, RevokedReason, ExpiresAt) == (facts.TokenActive, facts.RevokedReason, facts.ExpiresAt);
}

/// <summary>
/// Looks for changes of licenses, whoever made them, every half lifetime of the cache. While no look succeeds the cache isn't used.
/// </summary>
/// <remarks>
/// The platform's tables carry no trigger of ours, so their rows are searched for those written by a transaction that the last
/// look couldn't see the end of: every one from the oldest then under way, so that none which commits late is missed, nor one of
/// a savepoint. Deleted rows show in a sum over all tokens. Our own tables say what changed in license_changes.
/// </remarks>
public sealed class LicenseChanges(LicenseDatabase database, ValidationCache cache, TimeProvider time, ILogger<LicenseChanges> log) : BackgroundService
{
    private sealed record Position(string OldestTransaction, DateTime At, long Tokens);

    private Position? last;

    private const string Look = """
        select pg_snapshot_xmin(pg_current_snapshot())::text, now(), coalesce(token.every, 0), coalesce(token.inserted, 0),
               token.subscription_ids, token.hashes, token.are_active, token.revoked_reasons, token.expire_at,
               subscription.subscription_ids, subscription.states, subscription.are_active, subscription.paused_reasons,
               ours.subscription_ids
        from (select bit_xor(identity) as every, bit_xor(identity) filter (where written and created_at > $2) as inserted,
                     array_agg(subscription_id) filter (where written) as subscription_ids,
                     array_agg(token_hash::text) filter (where written) as hashes,
                     array_agg(is_active is true) filter (where written) as are_active,
                     array_agg(revoked_reason::text) filter (where written) as revoked_reasons,
                     array_agg(expires_at) filter (where written) as expire_at
              from (select subscription_id, token_hash, is_active, revoked_reason, expires_at, created_at,
                           uuid_hash_extended(token_id, 0) # uuid_hash_extended(subscription_id, 1) as identity,
                           age(xmin) between 0 and (select age($1::text::xid8::xid)) as written
                    from license_tokens
                    where subscription_id is not null) as t) as token,
             (select array_agg(subscription_id) as subscription_ids, array_agg(coalesce(state, 'SYNCED')::text) as states,
                     array_agg(is_active is not false) as are_active, array_agg(paused_reason::text) as paused_reasons
              from subscriptions
              where age(xmin) between 0 and (select age($1::text::xid8::xid))) as subscription,
             (select array_agg(subscription_id) as subscription_ids
              from license_changes
              where age(xmin) between 0 and (select age($1::text::xid8::xid))) as ours
        """;

    public async Task LookAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        // After a failure anything may have happened, a failover to a server that lacks the last transactions included.
        var since = Interlocked.Exchange(ref last, null);
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Look, connection)
        {
            Parameters =
            {
                new() { Value = (object?)since?.OldestTransaction ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = (object?)since?.At ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var position = new Position(row.GetString(0), row.GetDateTime(1), row.GetInt64(2));
        var isKnown = since is not null && position.Tokens == (since.Tokens ^ row.GetInt64(3));
        cache.Apply(new ChangedLicenses(!isKnown, Column<Guid>(row, 13), Subscriptions(row), Tokens(row)), began);
        last = position;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(cache.Lifetime / 2, time);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be gone for a while; until it is back every check asks it.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "No look for changed licenses; the cache isn't used meanwhile");
            }
        }
        while (await WaitAsync(timer, stoppingToken));
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static ChangedToken[] Tokens(NpgsqlDataReader row)
    {
        var (hashes, active, reasons, expiries) =
            (Column<string>(row, 5), Column<bool>(row, 6), Column<string?>(row, 7), Column<DateTime?>(row, 8));
        return [.. Column<Guid>(row, 4).Select((id, n) => new ChangedToken(
            id, hashes[n], active[n], reasons[n], expiries[n] is { } expiry ? new DateTimeOffset(expiry, TimeSpan.Zero) : null))];
    }

    private static ChangedSubscription[] Subscriptions(NpgsqlDataReader row)
    {
        var (states, active, reasons) = (Column<string>(row, 10), Column<bool>(row, 11), Column<string?>(row, 12));
        return [.. Column<Guid>(row, 9).Select((id, n) => new ChangedSubscription(id, SubscriptionStates.Parse(states[n]), active[n], reasons[n]))];
    }

    private static T[] Column<T>(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? [] : row.GetFieldValue<T[]>(column);
}
