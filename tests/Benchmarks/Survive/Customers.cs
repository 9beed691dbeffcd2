using Dapper;
using Npgsql;

namespace Benchmarks.Survive;

/// <summary>The check that a customer sends, and the answer that it must get.</summary>
/// <param name="Code">The code of the answer.</param>
/// <param name="SubscriptionId">Null for a token that no license has.</param>
internal sealed record Customer(int Number, string Token, string Code, Guid? SubscriptionId);

/// <summary>The customers that have nothing to do with the disturbance: licenses of all codes, each with a registered device.</summary>
internal static class Customers
{
    /// <summary>Licenses with a device, numbered from 1; those up to <see cref="All"/> have none yet.</summary>
    private const int Known = 1_000;

    private const int All = 1_400;

    // Two of three licenses are valid. They expire in fifteen days: a clock that is twenty days ahead would refuse them.
    private static readonly string[] Codes =
        ["REVOKED", "EXPIRED", "SUSPENDED", "LOCKED_NO_FUNDS", "PAUSED_TOXIC", "NOT_FOUND", "INACTIVE", "GRACE"];

    private const int Pattern = 24;

    private const string Insert = """
        insert into users (email, role) values ('master@bench.test', 'master');
        insert into users (email) select 'customer' || n || '@bench.test' from generate_series(1, @all) n;
        insert into subscriptions (subscriber_id, master_id, state, paused_reason, is_active)
        select c.user_id, m.user_id,
               (case @codes[n] when 'SUSPENDED' then 'SUSPENDED_ADMIN' when 'LOCKED_NO_FUNDS' then 'LOCKED_NO_FUNDS'
                               when 'PAUSED_TOXIC' then 'PAUSED_TOXIC' else 'SYNCED' end)::subscription_state,
               case @codes[n] when 'SUSPENDED' then 'By the platform' end, @codes[n] <> 'INACTIVE'
        from generate_series(1, @all) n
        join users c on c.email = 'customer' || n || '@bench.test'
        cross join users m where m.email = 'master@bench.test';
        insert into license_tokens (subscription_id, token_hash, expires_at, is_active, revoked_at, revoked_reason)
        select s.subscription_id, encode(sha256((case @codes[n] when 'NOT_FOUND' then 'other-' else 'bench-' end || n)::bytea), 'hex'),
               now() + case @codes[n] when 'EXPIRED' then interval '-10 days' when 'GRACE' then interval '-1 day'
                                      else interval '15 days' end,
               @codes[n] <> 'REVOKED', case @codes[n] when 'REVOKED' then now() end,
               case @codes[n] when 'REVOKED' then 'By the platform' end
        from generate_series(1, @all) n
        join users c on c.email = 'customer' || n || '@bench.test'
        join subscriptions s on s.subscriber_id = c.user_id;
        insert into license_devices
            (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
        select s.subscription_id, n || '|EA-' || n, 'EA-' || n, n, '127.0.0.1', 1, now() - interval '1 day', now()
        from generate_series(1, @known) n
        join users c on c.email = 'customer' || n || '@bench.test'
        join subscriptions s on s.subscriber_id = c.user_id;
        """;

    private const string Read = """
        select c.email, s.subscription_id
        from subscriptions s join users c on c.user_id = s.subscriber_id
        where c.email like 'customer%'
        """;

    public static async Task InsertAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            Insert, new { all = All, known = Known, codes = Enumerable.Range(1, All).Select(Code).ToArray() }, commandTimeout: 120);
        await connection.ExecuteAsync("vacuum analyze", commandTimeout: 120);
    }

    public static async Task<(IReadOnlyList<Customer> Known, IReadOnlyList<Customer> New)> ReadAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        var ids = (await connection.QueryAsync<(string Email, Guid Id)>(Read)).ToDictionary(row => row.Email, row => row.Id);
        var all = Enumerable.Range(1, All).Select(number => new Customer(
            number, $"bench-{number}", Code(number), Code(number) == "NOT_FOUND" ? null : ids[$"customer{number}@bench.test"])).ToList();
        return (all[..Known], all[Known..]);
    }

    private static string Code(int number) =>
        number <= Known && number % Pattern < Codes.Length ? Codes[number % Pattern] : "VALID";
}
