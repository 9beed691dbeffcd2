using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class SignedLinksTests
{
    private static readonly byte[] Old = [.. Enumerable.Repeat((byte)1, 32)];
    private static readonly byte[] New = [.. Enumerable.Repeat((byte)2, 32)];
    private static readonly Guid About = Guid.Parse("11111111-2222-3333-4444-555555555555");

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Keys_DuringRotation_TheFirstSignsAndAllVerify()
    {
        var (before, during, after) = (Links(Old), Links(New, Old), Links(New));

        Assert.Equal(About, during.Read("price", Token(before)));
        Assert.Equal(About, after.Read("price", Token(during)));
        Assert.Null(after.Read("price", Token(before)));
        Assert.Null(before.Read("price", Token(during)));
    }

    [Fact]
    public void Read_ALinkForAnotherPurpose_IsRefused() => Assert.Null(Links(Old).Read("was-this-you", Token(Links(Old))));

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Read_AfterItsExpiry_IsRefused(int secondsLate, bool valid)
    {
        var token = Token(Links(Old));
        clock.Advance(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(secondsLate));

        Assert.Equal(valid ? About : null, Links(Old).Read("price", token));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("11111111222233334444555555555555.99999999999.")]
    [InlineData("11111111222233334444555555555555.-1.x")]
    public void Read_AMalformedToken_IsRefused(string? token) => Assert.Null(Links(Old).Read("price", token));

    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    [InlineData(60)]
    public void Read_AChangedToken_IsRefused(int at)
    {
        var token = Token(Links(Old)).ToCharArray();
        token[at] = token[at] == '2' ? '3' : '2';

        Assert.Null(Links(Old).Read("price", new string(token)));
    }

    [Theory]
    [InlineData(5999L, "5999", true)]
    [InlineData(5999L, "6999", false)]
    [InlineData(null, "5999", false)]
    public void ReadNumber_ANumberThatWasNotSigned_IsRefused(long? stated, string given, bool valid)
    {
        var path = Links(Old).Path("price", About, clock.GetUtcNow().AddDays(1), stated)!;
        var parts = path["/app/price#".Length..].Split('.');
        var token = string.Join('.', parts[0], parts[1], given, parts[^1]);

        Assert.Equal(valid ? (About, 5999) : null, Links(Old).ReadNumber("price", token));
    }

    [Fact]
    public void Path_WithoutAKey_IsNull() => Assert.Null(Links().Path("price", About, clock.GetUtcNow()));

    [Fact]
    public void ReadKeys_AShortKey_StopsTheStartOnce()
    {
        var settings = new Dictionary<string, string?>
        {
            ["LINK_SIGNING_KEYS"] = $"{Convert.ToBase64String(New)}, {Convert.ToBase64String(new byte[31])}",
        };
        var reader = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());

        Assert.Equal([New], SignedLinks.ReadKeys(reader));

        Assert.Contains(
            "LINK_SIGNING_KEYS", Assert.Single(Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults), StringComparison.Ordinal);
    }

    private SignedLinks Links(params byte[][] keys) => new(keys, clock);

    private string Token(SignedLinks links)
    {
        var path = links.Path("price", About, clock.GetUtcNow().AddDays(1))!;
        Assert.StartsWith("/app/price#", path, StringComparison.Ordinal);
        return path["/app/price#".Length..];
    }
}
