using System.Data;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Validation;

/// <summary>What changed since the last poll.</summary>
/// <param name="All">The changes are unknown, so every license may have changed.</param>
/// <param name="SubscriptionIds">Licenses with changes in this backend's own tables.</param>
public sealed record ChangedLicenses(
    bool All, IReadOnlyList<Guid> SubscriptionIds, IReadOnlyList<ChangedSubscription> Subscriptions, IReadOnlyList<ChangedToken> Tokens);

/// <summary>The current content of a row of subscriptions that was written.</summary>
public sealed record ChangedSubscription(Guid SubscriptionId, SubscriptionState State, bool IsActive, string? PausedReason)
{
    public bool Matches(LicenseFacts facts) =>
        (State, IsActive, PausedReason) == (facts.State, facts.SubscriptionActive, facts.PausedReason);
}

/// <summary>The current content of a row of license_tokens that was written.</summary>
public sealed record ChangedToken(Guid SubscriptionId, string TokenHash, bool IsActive, string? RevokedReason, DateTimeOffset? ExpiresAt)
{
    public bool Matches(LicenseFacts facts) =>
        (IsActive, RevokedReason, ExpiresAt) == (facts.TokenActive, facts.RevokedReason, facts.ExpiresAt);
}

/// <summary>
/// Polls the database for changes of licenses twice per lifetime of the cache, and evicts the changed ones from the cache. While polls
/// fail, the cache isn't used.
/// </summary>
/// <remarks>
/// The platform's tables have no trigger of this backend. A poll therefore searches them for rows of transactions that may have committed
/// after the last poll: every transaction from the oldest one that was running then. This also finds rows of transactions that commit late
/// and rows written in a savepoint. A deleted token changes an XOR over all tokens. Triggers on this backend's own tables fill
/// license_changes.
/// </remarks>
public sealed class LicenseChanges(LicenseDatabase database, ValidationCache cache, TimeProvider time, ILogger<LicenseChanges> log)
    : BackgroundService
{
    private sealed record Position(string OldestTransaction, DateTime At, long Tokens);

    private Position? last;

    // One pass over all tokens, with as little work for each as possible; the written ones, usually few, are then read by their ctid.
    // Within one snapshot, a ctid identifies its row. The age of a row of a wrapped-around transaction is negative.
    private const string Changes = """
        with every_token as materialized (
            select bit_xor(uuid_hash_extended(token_id, 0) # uuid_hash_extended(subscription_id, 1)) as every,
                   array_agg(ctid) filter (
                       where age(xmin) <= (select age(@oldestTransaction::text::xid8::xid)) and age(xmin) >= 0) as written
            from license_tokens
            where subscription_id is not null)
        select pg_snapshot_xmin(pg_current_snapshot())::text as oldest_transaction, now() as polled_at,
               coalesce((select every from every_token), 0) as every_token, coalesce(token.inserted, 0) as inserted_tokens,
               token.subscription_ids as token_subscription_ids, token.hashes as token_hashes, token.are_active as tokens_active,
               token.revoked_reasons, token.expire_at as tokens_expire_at,
               subscription.subscription_ids, subscription.states, subscription.are_active as subscriptions_active,
               subscription.paused_reasons,
               ours.subscription_ids as own_subscription_ids
        from (select bit_xor(uuid_hash_extended(token_id, 0) # uuid_hash_extended(subscription_id, 1))
                         filter (where created_at > @polledAt) as inserted,
                     array_agg(subscription_id) as subscription_ids, array_agg(token_hash::text) as hashes,
                     array_agg(is_active is true) as are_active, array_agg(revoked_reason::text) as revoked_reasons,
                     array_agg(expiry_of(expires_at)) as expire_at
              from license_tokens
              where ctid = any((select written from every_token)::tid[])) as token,
             (select array_agg(subscription_id) as subscription_ids, array_agg(subscription_state_of(state)::text) as states,
                     array_agg(is_subscription_active(is_active)) as are_active, array_agg(paused_reason::text) as paused_reasons
              from subscriptions
              where age(xmin) <= (select age(@oldestTransaction::text::xid8::xid)) and age(xmin) >= 0) as subscription,
             (select array_agg(subscription_id) as subscription_ids
              from license_changes
              where age(xmin) <= (select age(@oldestTransaction::text::xid8::xid)) and age(xmin) >= 0) as ours
        """;

    public async Task PollAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        // After a failure everything may have changed: a failover may have lost the last transactions.
        var since = Interlocked.Exchange(ref last, null);
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        await using var command = new NpgsqlCommand(Changes, connection)
        {
            Parameters =
            {
                new("oldestTransaction", NpgsqlDbType.Text) { Value = (object?)since?.OldestTransaction ?? DBNull.Value },
                new("polledAt", NpgsqlDbType.TimestampTz) { Value = (object?)since?.At ?? DBNull.Value },
            },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var position = new Position(row.GetString("oldest_transaction"), row.GetDateTime("polled_at"), row.GetInt64("every_token"));
        var isKnown = since is not null && position.Tokens == (since.Tokens ^ row.GetInt64("inserted_tokens"));
        cache.Apply(new ChangedLicenses(!isKnown, Column<Guid>(row, "own_subscription_ids"), Subscriptions(row), Tokens(row)), began);
        last = position;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(cache.Lifetime / 2, time);
        do
        {
            try
            {
                await PollAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be down for a while; until it is back, every check reads from it.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                log.LogWarning(failure, "The poll for changed licenses failed; the cache isn't used until one succeeds");
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
            (Column<string>(row, "token_hashes"), Column<bool>(row, "tokens_active"), Column<string?>(row, "revoked_reasons"),
                Column<DateTime?>(row, "tokens_expire_at"));
        return [.. Column<Guid>(row, "token_subscription_ids").Select((id, n) => new ChangedToken(
            id, hashes[n], active[n], reasons[n], expiries[n] is { } expiry ? new DateTimeOffset(expiry, TimeSpan.Zero) : null))];
    }

    private static ChangedSubscription[] Subscriptions(NpgsqlDataReader row)
    {
        var (states, active, reasons) =
            (Column<string>(row, "states"), Column<bool>(row, "subscriptions_active"), Column<string?>(row, "paused_reasons"));
        return [.. Column<Guid>(row, "subscription_ids").Select((id, n) => new ChangedSubscription(
            id, SubscriptionStates.Parse(states[n]), active[n], reasons[n]))];
    }

    private static T[] Column<T>(NpgsqlDataReader row, string column) => row.IsDBNull(column) ? [] : row.GetFieldValue<T[]>(column);
}
