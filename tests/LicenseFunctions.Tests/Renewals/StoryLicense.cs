using LicenseFunctions.Tests.Support;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>A license of a new subscriber that costs 49.99, renews automatically and expires in three days.</summary>
internal static class StoryLicense
{
    public static Task<(Guid UserId, Guid SubscriptionId)> AddAsync(TestDatabase database) => database.QueryAsync<(Guid, Guid)>(
        """
        with subscriber as (
            insert into users (email, password_hash) values (uuid_generate_v4() || '@example.org', 'x') returning user_id
        ), master as (
            insert into users (email, password_hash, role) values (uuid_generate_v4() || '@example.org', 'x', 'master') returning user_id
        ), price as (
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 49.99 from master
        ), wallet as (
            insert into user_wallets (user_id) select user_id from subscriber
        ), subscription as (
            insert into subscriptions (subscriber_id, master_id) select s.user_id, m.user_id from subscriber s, master m
            returning subscription_id, subscriber_id
        ), token as (
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
            select subscription_id, subscription_id::text, now() + interval '3 days', '{"auto_renew": true}' from subscription
        )
        select subscriber_id, subscription_id from subscription
        """);
}
