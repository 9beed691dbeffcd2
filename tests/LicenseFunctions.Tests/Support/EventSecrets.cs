using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Other systems read events, so their data must contain neither personal data nor secrets.</summary>
internal static class EventSecrets
{
    /// <summary>Addresses, mail addresses, hashes, tokens, and identifiers of Stripe, of EA instances and of texts in tests.</summary>
    public static async Task AssertNoneAsync(TestDatabase database) => Assert.Empty(await database.QueryAllAsync<string>(
        """
        select type || ' ' || data::text from license_events
        where data::text ~ '@|\d+[.]\d+[.]\d+[.]\d+|[0-9a-f]{40}|tok-|EA-|_secret|(pi|pm|cus|ch|re|dp|evt|du|seti)_\w{6}'
           or exists (select from users where position(email in data::text) > 0)
           or exists (select from license_tokens where position(token_hash in data::text) > 0)
           or exists (select from license_devices where position(host(ip_address) in data::text) > 0)
        """));
}
