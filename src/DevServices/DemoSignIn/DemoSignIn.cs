using System.Net;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace DevServices;

public sealed record DemoPersonList(IReadOnlyList<DemoPerson> Persons);

public sealed record DemoToken(string Token);

/// <summary>
/// Signs in as a person of the demo data, without a password. This is a separate program that is not published. It works only with the
/// local issuer (AUTH_SIGNING_KEY) and only if the app listens on loopback addresses. Each request must come from a browser on this
/// machine and have the secret of the address that ./dev run prints: a proxy in front can hide the visitors of a public address, but they
/// don't know the secret. Only persons of the demo data can be chosen.
/// </summary>
public sealed class DemoSignIn(DemoPersonStore persons, HttpSettings http, IConfiguration configuration, TimeProvider time)
{
    private static readonly TimeSpan TokenLife = TimeSpan.FromHours(8);

    private static readonly Refusal NotHere = new(RefusalKind.NotFound, "NOT_FOUND", "This route does not exist.");

    public async Task<Outcome<DemoPersonList>> ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (!IsOffered(context))
            return NotHere;
        var language = DemoStories.LanguageOf(context.Request.Query["language"], context.Request.Headers.AcceptLanguage);
        var listed = await persons.ListAsync(cancellationToken);
        return new DemoPersonList([.. listed.Select(person => person with { Story = DemoStories.Of(person.Email, language) })]);
    }

    public async Task<Outcome<DemoToken>> SignInAsync(HttpContext context, Guid userId, CancellationToken cancellationToken)
    {
        if (!IsOffered(context)
            || (await persons.ListAsync(cancellationToken)).FirstOrDefault(one => one.UserId == userId) is not { } person)
            return NotHere;
        var now = time.GetUtcNow().UtcDateTime;
        return new DemoToken(new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { ["sub"] = person.UserId.ToString(), ["role"] = person.Role },
            IssuedAt = now,
            Expires = now + TokenLife,
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(http.SigningKey!), SecurityAlgorithms.HmacSha256),
        }));
    }

    private bool IsOffered(HttpContext context) =>
        http.SigningKey is not null
        && configuration["DEMO_SIGN_IN_SECRET"] is { Length: > 0 } secret
        && IsSame(context.Request.Headers["X-Demo-Secret"].ToString(), secret)
        && (configuration["ASPNETCORE_URLS"] ?? "http://127.0.0.1").Split(';').All(IsLoopback)
        && context.Connection is { LocalIpAddress: { } local, RemoteIpAddress: { } remote }
        && IPAddress.IsLoopback(local) && IPAddress.IsLoopback(remote)
        && IsLoopback($"http://{context.Request.Host}")
        && !context.Request.Headers.Keys.Any(name =>
            name == "Forwarded" || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
        && (context.Request.Headers.Origin.ToString() is not { Length: > 0 } origin || origin == $"http://{context.Request.Host}");

    // Compares hashes, so that the time reveals nothing.
    private static bool IsSame(string one, string other) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(one)), SHA256.HashData(Encoding.UTF8.GetBytes(other)));

    private static bool IsLoopback(string url) => Uri.TryCreate(url, UriKind.Absolute, out var address) && address.IsLoopback;
}
