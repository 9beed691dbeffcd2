using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Http;

/// <param name="Authority">The OIDC issuer whose keys sign bearer tokens, or null.</param>
/// <param name="Audience">Expected in a token's <c>aud</c>; never null with <paramref name="Authority"/>.</param>
/// <param name="SigningKey">The shared key (HS256) of the local issuer, at least 32 bytes, or null.</param>
/// <param name="ClientAddresses">How the address of a client is found.</param>
/// <param name="RequestsPerMinute">Average rate of one caller, and the size of a burst.</param>
public sealed record HttpSettings(
    Uri? Authority, string? Audience, byte[]? SigningKey, ClientAddressSource ClientAddresses, int RequestsPerMinute)
{
    public static HttpSettings Read(SettingReader settings)
    {
        var authority = settings.BaseAddress("AUTH_AUTHORITY", "https://login.example.com/tenant", "https", "http");
        var audience = settings.Optional("AUTH_AUDIENCE");
        var keyText = settings.Optional("AUTH_SIGNING_KEY");
        if (authority is { Scheme: "http", IsLoopback: false })
            settings.Fault("AUTH_AUTHORITY", "must be https, or http on this machine", "https://login.example.com/tenant", 0);
        if (authority is not null && audience is null)
            settings.Fault("AUTH_AUDIENCE", "is missing: with AUTH_AUTHORITY alone, every token of that issuer would be accepted",
                "license-functions", 0);
        if (authority is null && keyText is null)
            settings.Fault("AUTH_AUTHORITY", "and AUTH_SIGNING_KEY are missing: nobody could sign in",
                "https://login.example.com/tenant", 0);
        if (authority is not null && keyText is not null)
            settings.Fault("AUTH_SIGNING_KEY", "is set together with AUTH_AUTHORITY: only one of them may issue tokens",
                "(leave it out)", 0);
        // StandaloneHost answers preflight requests, or Azure in front of the host. Both compare exactly, so an entry with a path or a
        // trailing slash never matches.
        if (settings.Words("CORS_ALLOWED_ORIGINS") is not ["*"] and var origins && !origins.All(IsOrigin))
            settings.Fault("CORS_ALLOWED_ORIGINS", "has an entry that is not an origin: scheme, host and port without a trailing slash",
                "https://www.example.com", 0);
        return new HttpSettings(
            authority,
            audience,
            keyText is null ? null : SettingReader.TryParseKey(keyText) ?? settings.Fault<byte[]?>(
                "AUTH_SIGNING_KEY", "is not base64 of at least 32 bytes", "(the output of: openssl rand -base64 32)", null),
            ClientAddressSource.Read(settings),
            settings.Whole("RATE_LIMIT_PER_MINUTE", 600, 1, 1_000_000));
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.UserInfo.Length == 0
        && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase);
}
