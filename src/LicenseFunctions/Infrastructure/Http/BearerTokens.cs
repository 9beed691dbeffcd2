using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Turns an Authorization header into a <see cref="Caller"/>.</summary>
public sealed class BearerTokens(HttpSettings settings, TimeProvider time, ILogger<BearerTokens> log)
{
    private const string Bearer = "Bearer ";
    private const string License = "License ";
    private const int LongestHeader = 8192;
    private const int LongestLicense = 512;

    private readonly LogPace pace = new(time);
    private readonly Lock gate = new();

    // Created with the first bearer token, because its libraries take 2 MB and license checks don't need them.
    private BearerValidation Validation
    {
        get
        {
            lock (gate)
                return field ??= new BearerValidation(settings, time);
        }
    }

    /// <summary>Validates bearer tokens with the signing key or with the keys of their issuer.</summary>
    private sealed class BearerValidation
    {
        private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false };
        private readonly TokenValidationParameters parameters;
        private readonly ConfigurationManager<OpenIdConnectConfiguration>? issuer;

        public BearerValidation(HttpSettings settings, TimeProvider time)
        {
            parameters = new TokenValidationParameters
            {
                ValidateIssuer = settings.Authority is not null,
                ValidateAudience = settings.Audience is not null,
                ValidAudience = settings.Audience,
                // With fixed algorithms, a public key can't be used as a shared secret.
                ValidAlgorithms = settings.Authority is null ? ["HS256"] : ["RS256", "PS256", "ES256"],
                LifetimeValidator = (notBefore, expires, _, validation) =>
                {
                    var now = time.GetUtcNow().UtcDateTime;
                    return expires > now - validation.ClockSkew && (notBefore is null || notBefore < now + validation.ClockSkew);
                },
                ClockSkew = TimeSpan.FromSeconds(30),
            };
            if (settings.SigningKey is { } key)
                parameters.IssuerSigningKey = new SymmetricSecurityKey(key);
            if (settings.Authority is { } authority)
            {
                // With the default timeout, a request would wait 100 s for an issuer that doesn't answer.
                var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
                parameters.ConfigurationManager = issuer = new ConfigurationManager<OpenIdConnectConfiguration>(
                    authority.AbsoluteUri.TrimEnd('/') + "/.well-known/openid-configuration",
                    new OpenIdConnectConfigurationRetriever(),
                    new HttpDocumentRetriever(http) { RequireHttps = authority.Scheme == "https" });
            }
        }

        public async Task<TokenValidationResult> RunAsync(string token)
        {
            await RequireIssuerAsync();
            return await handler.ValidateTokenAsync(token, parameters);
        }

        // Without keys, validation fails as if the token were invalid. Keys that were read once are still used while the issuer is down.
        private async ValueTask RequireIssuerAsync()
        {
            try
            {
                if (issuer is not null)
                    await issuer.GetConfigurationAsync(CancellationToken.None);
            }
            catch (InvalidOperationException away)
            {
                throw new IssuerUnavailableException(away);
            }
        }
    }

    /// <returns>Null for an invalid credential; <see cref="Caller.Anonymous"/> if the header is missing.</returns>
    /// <exception cref="IssuerUnavailableException">The issuer's keys were never read, and the issuer doesn't answer.</exception>
    public ValueTask<Caller?> ReadAsync(string? authorization)
    {
        if (string.IsNullOrEmpty(authorization))
            return new(Caller.Anonymous);
        if (authorization.Length > LongestHeader)
            return new(Refuse("the header is too long"));
        if (authorization.StartsWith(License, StringComparison.OrdinalIgnoreCase))
            return new(HashLicense(authorization.AsSpan(License.Length).Trim()));
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? ReadBearerAsync(authorization[Bearer.Length..].Trim())
            : new(Refuse("the scheme is neither Bearer nor License"));
    }

    // The response does not contain the reason, because it would help an attacker. The log never contains the token.
    private Caller? Refuse(string reason)
    {
        if (pace.Admits(reason, out var leftOut))
            log.LogWarning("A credential was refused: {Reason}; {LeftOut} more since the last line of this kind", reason, leftOut);
        return null;
    }

    private Caller? HashLicense(ReadOnlySpan<char> token)
    {
        if (token.IsEmpty || token.Length > LongestLicense)
            return Refuse("the license token is empty or too long");
        Span<byte> bytes = stackalloc byte[LongestLicense * 3];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(token, bytes)], hash);
        return new Caller(CallerRole.License, TokenHash: Convert.ToHexStringLower(hash));
    }

    private async ValueTask<Caller?> ReadBearerAsync(string token)
    {
        var result = await Validation.RunAsync(token);
        if (!result.IsValid)
            return Refuse(ReasonOf(result.Exception));
        Guid? user = Guid.TryParse(Claim(result, "sub"), out var id) ? id : null;
        return Claim(result, "role") switch
        {
            "subscriber" or "master" when user is not null => new Caller(CallerRole.Subscriber, user),
            "subscriber" or "master" => Refuse("sub is not the UUID of a user"),
            "operator" => new Caller(CallerRole.Operator, user),
            "service" => new Caller(CallerRole.Service),
            null when result.Claims.ContainsKey("role") => Refuse("role is neither a text nor an array of one text"),
            null => Refuse("role is missing"),
            _ => Refuse("role is not one of subscriber, master, operator and service"),
        };
    }

    private static string ReasonOf(Exception failure) => failure switch
    {
        SecurityTokenNoExpirationException => "exp is missing",
        SecurityTokenInvalidLifetimeException => "the token has expired, is not valid yet, or has no exp",
        SecurityTokenInvalidAudienceException => "aud is not AUTH_AUDIENCE",
        SecurityTokenInvalidIssuerException => "iss is not the issuer of AUTH_AUTHORITY",
        SecurityTokenSignatureKeyNotFoundException => "the key of the signature is unknown",
        SecurityTokenInvalidAlgorithmException => "the algorithm is not allowed",
        SecurityTokenInvalidSignatureException => "the signature is wrong",
        SecurityTokenMalformedException or ArgumentException => "the token is malformed",
        _ => failure.GetType().Name,
    };

    private static string? Claim(TokenValidationResult result, string name) =>
        result.Claims.TryGetValue(name, out var value)
            ? value switch
            {
                string text => text,
                // Some issuers send every role claim as an array.
                IReadOnlyList<object> { Count: 1 } array => array[0] as string,
                _ => null,
            }
            : null;
}

/// <summary>The issuer of bearer tokens doesn't answer, so tokens can't be validated.</summary>
public sealed class IssuerUnavailableException(Exception inner) : Exception("The issuer's keys can't be read.", inner);
