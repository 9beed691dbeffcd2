using System.Security.Cryptography;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

/// <summary>Tokens of an OIDC authority that serves its discovery document and keys over HTTP, as a real one does.</summary>
public sealed class BearerTokensTests : IAsyncLifetime
{
    private const string Audience = "license-functions";

    private static readonly RSA Key = RSA.Create(2048); // one for all tests: making it takes longer than a test
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 9, 1, 12, 0, 0, TimeSpan.Zero));
    private WebApplication authority = null!;
    private BearerTokens tokens = null!;
    private string issuer = null!;
    private readonly RecordedLog<BearerTokens> log = new();

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        authority = builder.Build();
        authority.Urls.Add("http://127.0.0.1:0");
        var published = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(Key.ExportParameters(false)));
        authority.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer, jwks_uri = issuer + "/keys" }));
        authority.MapGet(
            "/keys", () => Results.Json(new { keys = new[] { new { kty = "RSA", use = "sig", n = published.N, e = published.E } } }));
        await authority.StartAsync(TestContext.Current.CancellationToken);
        issuer = authority.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        tokens = new BearerTokens(new HttpSettings(new Uri(issuer), Audience, null, new ClientAddressSource(0), 600), time, log);
    }

    public async ValueTask DisposeAsync() => await authority.DisposeAsync();

    [Fact]
    public async Task Read_ATokenOfTheAuthority_IsACaller()
    {
        var user = Guid.NewGuid();

        Assert.Equal(new Caller(CallerRole.Operator, user), await ReadAsync(Token(user: user)));
    }

    [Fact]
    public async Task Read_AnotherAudience_IsRefused() => Assert.Null(await ReadAsync(Token(audience: "another")));

    [Fact]
    public async Task Read_AnotherIssuer_IsRefused() => Assert.Null(await ReadAsync(Token(by: "https://elsewhere.example")));

    [Fact]
    public async Task Read_AnotherKey_IsRefused()
    {
        using var other = RSA.Create(2048);

        Assert.Null(await ReadAsync(Token(signedWith: new SigningCredentials(new RsaSecurityKey(other), SecurityAlgorithms.RsaSha256))));
    }

    [Fact]
    public async Task Read_ThePublicKeyUsedAsASharedSecret_IsRefused()
    {
        var secret = new SymmetricSecurityKey(Key.ExportSubjectPublicKeyInfo());

        Assert.Null(await ReadAsync(Token(signedWith: new SigningCredentials(secret, SecurityAlgorithms.HmacSha256))));
    }

    [Theory]
    [InlineData("admin")]
    [InlineData("")]
    public async Task Read_AnUnknownRole_IsRefused(string role) => Assert.Null(await ReadAsync(Token(role: role)));

    [Theory]
    [InlineData(29, true)]
    [InlineData(31, false)]
    public async Task Read_AroundItsExpiry_AllowsThirtySecondsOfClockSkew(int secondsAfter, bool accepted)
    {
        var token = Token();
        time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(secondsAfter));

        Assert.Equal(accepted, await ReadAsync(token) is not null);
    }

    [Fact]
    public async Task Read_WhileTheAuthorityIsDown_IsNotAnInvalidToken()
    {
        var token = Token();
        await authority.StopAsync(TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<IssuerUnavailableException>(() => ReadAsync(token));
    }

    [Fact]
    public async Task Read_AfterTheAuthorityWentDown_UsesTheKeysThatWereRead()
    {
        Assert.NotNull(await ReadAsync(Token()));
        await authority.StopAsync(TestContext.Current.CancellationToken);

        Assert.NotNull(await ReadAsync(Token()));
    }

    [Theory]
    [InlineData("operator", true)]
    [InlineData("subscriber", true)]
    [InlineData("admin", false)]
    public async Task Read_ARoleInAnArrayOfOne_IsReadAsTheRole(string role, bool accepted) =>
        Assert.Equal(accepted, await ReadAsync(Token(roles: new[] { role })) is not null);

    [Fact]
    public async Task Read_TwoRolesOrNone_IsRefused()
    {
        Assert.Null(await ReadAsync(Token(roles: new[] { "operator", "subscriber" })));
        Assert.Null(await ReadAsync(Token(roles: Array.Empty<string>())));
        Assert.Null(await ReadAsync(Token(roles: new[] { 1 })));
        Assert.Null(await ReadAsync(Token(roles: new Dictionary<string, object> { ["name"] = "operator" })));
    }

    [Fact]
    public async Task Read_ARefusedToken_IsExplainedInTheLogOnly()
    {
        using var other = RSA.Create(2048);
        var expired = Token();
        time.Advance(TimeSpan.FromHours(2));
        (string Header, string Reason)[] cases =
        [
            ("Bearer " + expired, "the token has expired, is not valid yet, or has no exp"),
            ("Bearer " + Token(audience: "another"), "aud is not AUTH_AUDIENCE"),
            ("Bearer " + Token(by: "https://elsewhere.example"), "iss is not the issuer of AUTH_AUTHORITY"),
            ("Bearer " + Token(signedWith: new SigningCredentials(new RsaSecurityKey(other), SecurityAlgorithms.RsaSha256)),
                "the key of the signature is unknown"),
            ("Bearer " + Token()[..^8] + "AAAAAAAA", "the key of the signature is unknown"),
            ("Bearer nonsense", "the token is malformed"),
            ("Bearer " + Token(role: "admin"), "role is not one of subscriber, master, operator and service"),
            ("Bearer " + Token(roles: new[] { "operator", "service" }), "role is neither a text nor an array of one text"),
            ("Basic dXNlcjpwYXNz", "the scheme is neither Bearer nor License"),
            ("License ", "the license token is empty or too long"),
        ];
        foreach (var (header, reason) in cases)
        {
            time.Advance(TimeSpan.FromSeconds(61));
            log.Lines.Clear();

            Assert.Null(await tokens.ReadAsync(header));

            Assert.Equal(
                $"A credential was refused: {reason}; 0 more since the last line of this kind",
                Assert.Single(log.Lines).Text);
        }
    }

    [Fact]
    public async Task Read_AFloodOfRefusedTokens_IsLoggedOnceAMinute()
    {
        for (var n = 0; n < 50; n++)
            Assert.Null(await tokens.ReadAsync("Bearer nonsense"));

        Assert.Single(log.Lines);
    }

    private async Task<Caller?> ReadAsync(string token) => await tokens.ReadAsync("Bearer " + token);

    private string Token(string role = "operator", Guid? user = null, string audience = Audience, string? by = null,
        SigningCredentials? signedWith = null, object? roles = null) =>
        new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = by ?? issuer,
            Audience = audience,
            Claims = new Dictionary<string, object> { ["sub"] = (user ?? Guid.NewGuid()).ToString(), ["role"] = roles ?? role },
            Expires = time.GetUtcNow().UtcDateTime.AddHours(1),
            SigningCredentials = signedWith ?? new SigningCredentials(new RsaSecurityKey(Key), SecurityAlgorithms.RsaSha256),
        });
}
