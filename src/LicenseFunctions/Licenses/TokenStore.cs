using Dapper;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>The data of a license's current token that rotation needs.</summary>
public sealed record CurrentToken
{
    public required Guid TokenId { get; init; }

    public required bool IsActive { get; init; }

    /// <summary>The token is inactive because of an open suspension. It is reactivated when the suspension ends.</summary>
    public required bool HeldBySuspension { get; init; }
}

public sealed record RotatedToken
{
    public required Guid TokenId { get; init; }

    public DateTime? ExpiresAt { get; init; }

    public required DateTime OverlapUntil { get; init; }
}

/// <summary>The tokens of licenses, of which hashes are stored; of tokens made here, also the beginning, for the search.</summary>
/// <remarks>Every method that changes something joins a transaction that has locked the license.</remarks>
public static class TokenStore
{
    private const string Current = """
        select t.token_id, t.is_active,
               coalesce(open.took_token, false) as held_by_suspension
        from v_current_license_tokens t
        cross join lateral open_suspension_facts(t.subscription_id, t.token_id, null, null, null) open
        where t.subscription_id = @subscriptionId
        """;

    public static Task<CurrentToken?> CurrentAsync(NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<CurrentToken?>(
            new CommandDefinition(Current, new { subscriptionId }, cancellationToken: cancellationToken));

    private const string PreviousAcceptedUntil =
        "select max(overlap_until) from license_token_replacements where subscription_id = @subscriptionId and overlap_until > now()";

    /// <returns>Until when an older token is still accepted; null if none is.</returns>
    public static Task<DateTime?> PreviousAcceptedUntilAsync(
        NpgsqlConnection connection, Guid subscriptionId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<DateTime?>(
            new CommandDefinition(PreviousAcceptedUntil, new { subscriptionId }, cancellationToken: cancellationToken));

    private sealed record AddedToken(Guid TokenId, DateTime? ExpiresAt);

    // The platform doesn't take the license's lock: the old token is locked, so that what the platform writes to it isn't lost.
    private const string Add = """
        insert into license_tokens
            (subscription_id, token_hash, ea_instance_id, is_active, expires_at, last_used_at, revoked_at, revoked_reason, metadata)
        select subscription_id, @tokenHash, ea_instance_id, is_active, expires_at, last_used_at, revoked_at, revoked_reason, metadata
        from license_tokens
        where token_id = @tokenId
        for update
        returning token_id, expiry_of(expires_at) as expires_at
        """;

    /// <summary>How many characters of a token are stored, with its prefix. The others have 208 random bits.</summary>
    public const int BeginningLength = 12;

    private const string KeepBeginning =
        "insert into token_beginnings (token_id, subscription_id, beginning) values (@newTokenId, @subscriptionId, @beginning)";

    private const string MarkReplaced = """
        -- Every older token that is still accepted refers to the current one. Without an overlap, their overlaps end.
        update license_token_replacements
        set replaced_by = @newTokenId,
            overlap_until = case when @overlap > interval '0' then overlap_until else now() end
        where subscription_id = @subscriptionId and overlap_until > now();

        -- All other tokens of the platform, active or revoked, are replaced together with the current one.
        insert into license_token_replacements (token_id, subscription_id, replaced_by, replaced_at, overlap_until)
        select t.token_id, @subscriptionId, @newTokenId, now(),
               case when t.is_active or open.took_token then now() + @overlap else now() end
        from license_tokens t
        cross join lateral open_suspension_facts(t.subscription_id, t.token_id, null, null, null) open
        where t.subscription_id = @subscriptionId and t.token_id <> @newTokenId
          and not exists (select from license_token_replacements r where r.token_id = t.token_id)
        """;

    // The trigger keep_rotated_token_retired writes the end of the overlap into expires_at.
    private const string Retire = """
        update license_tokens t
        set expires_at = t.expires_at,
            is_active = t.is_active and r.overlap_until > now(),
            revoked_at = case when t.is_active and r.overlap_until <= now() then now() else t.revoked_at end,
            revoked_reason = case when t.is_active and r.overlap_until <= now() then 'Rotated' else t.revoked_reason end
        from license_token_replacements r
        -- Replaced now, accepted until now, or not marked since an overlap ended. Others don't change.
        where r.token_id = t.token_id and r.subscription_id = @subscriptionId and (r.overlap_until >= now() or t.is_active);

        update license_suspensions set token_ids = array_append(token_ids, @newTokenId)
        where subscription_id = @subscriptionId and closed_at is null and @tokenId = any(token_ids);

        select overlap_until from license_token_replacements where token_id = @tokenId
        """;

    private const string NextRotation = """
        select occurred_at + @within - now() from audit_log
        where subscription_id = @subscriptionId and action = 'token.rotated' and actor_kind = 'owner' and occurred_at > now() - @within
        order by occurred_at desc
        offset @most - 1 limit 1
        """;

    /// <returns>Time until the subscriber may rotate the token again; null if it may rotate now.</returns>
    public static Task<TimeSpan?> NextRotationAsync(
        NpgsqlConnection connection, Guid subscriptionId, int most, TimeSpan within, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<TimeSpan?>(new CommandDefinition(
            NextRotation, new { subscriptionId, within, most }, cancellationToken: cancellationToken));

    /// <summary>
    /// Replaces the current token by a new one with the same expiry, metadata and state. The old token is accepted during the overlap;
    /// without one, all older tokens end now.
    /// </summary>
    public static async Task<RotatedToken> RotateAsync(
        NpgsqlConnection connection, Guid subscriptionId, Guid tokenId, string tokenHash, string beginning, TimeSpan overlap,
        CancellationToken cancellationToken)
    {
        var added = await connection.QuerySingleAsync<AddedToken>(
            new CommandDefinition(Add, new { tokenId, tokenHash }, cancellationToken: cancellationToken));
        var values = new { subscriptionId, tokenId, newTokenId = added.TokenId, beginning, overlap };
        await connection.ExecuteAsync(new CommandDefinition(KeepBeginning, values, cancellationToken: cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(MarkReplaced, values, cancellationToken: cancellationToken));
        var overlapUntil = await connection.ExecuteScalarAsync<DateTime>(
            new CommandDefinition(Retire, values, cancellationToken: cancellationToken));
        var rotated = new { Cause = "ROTATED", AcceptedUntil = overlap > TimeSpan.Zero ? overlapUntil : (DateTime?)null };
        await LicenseEvents.AddAsync(
            connection, new LicenseEvent(subscriptionId, "license.revoked", rotated), cancellationToken);
        return new RotatedToken { TokenId = added.TokenId, ExpiresAt = added.ExpiresAt, OverlapUntil = overlapUntil };
    }
}
