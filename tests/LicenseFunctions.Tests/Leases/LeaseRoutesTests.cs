using System.Security.Cryptography;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Leases;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Leases;

public sealed class LeaseRoutesTests(PostgresFixture postgres)
{
    private static readonly string Keys =
        $"{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}, {Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

    [Fact]
    public async Task Lease_OfACheck_IsListedAfterTheSuspension()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(
            scene.Database, ("LEASE_SIGNING_KEYS", Keys), ("PUBLIC_URL", "https://licenses.test"));
        var service = "Bearer " + RunningApp.Token("service");

        var (_, check, _) = await app.PostAsync(
            "/api/v1/licenses/validate", "License " + LicenseScene.Token, new { ea_instance_id = "EA-1", mt5_account_number = 1 });
        var (none, empty, _) = await app.GetAsync("/api/v1/revocations", service);
        await app.PostAsync(
            $"/api/v1/licenses/{scene.SubscriptionId}/suspend", "Bearer " + RunningApp.Token("operator"),
            new { reason = "Sold in a forum", cause = "FRAUD" });
        var (_, list, _) = await app.GetAsync("/api/v1/revocations?after=0", service);
        var (_, rest, _) = await app.GetAsync($"/api/v1/revocations?after={list!["next"]}", service);

        Assert.Equal(3, ((string)check!["lease"]!).Split('.').Length);
        Assert.Equal((200, 0, 0), (none, empty!["revocations"]!.AsArray().Count, (int)empty["next"]!));
        var revoked = Assert.Single(list["revocations"]!.AsArray())!;
        Assert.Equal(
            ["expires_at", "jti", "number", "revoked_at", "subscription_id"],
            revoked.AsObject().Select(field => field.Key).Order(StringComparer.Ordinal));
        Assert.Equal(scene.SubscriptionId, (Guid)revoked["subscription_id"]!);
        Assert.Equal((0, (long)list["next"]!), (rest!["revocations"]!.AsArray().Count, (long)rest["next"]!));
    }

    [Fact]
    public async Task Routes_OfLeases_AnswerTheirCallersOnly()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(
            scene.Database, ("LEASE_SIGNING_KEYS", Keys), ("PUBLIC_URL", "https://licenses.test"));

        var (status, keys, response) = await app.GetAsync("/.well-known/jwks.json");
        var (subscriber, _, _) = await app.GetAsync("/api/v1/revocations", "Bearer " + RunningApp.Token("subscriber"));
        var (nobody, _, _) = await app.GetAsync("/api/v1/revocations");
        var (wrong, problem, _) = await app.GetAsync("/api/v1/revocations?after=-1", "Bearer " + RunningApp.Token("operator"));

        Assert.Equal(200, status);
        Assert.Equal(TimeSpan.FromHours(1), response.Headers.CacheControl!.MaxAge);
        Assert.All(keys!["keys"]!.AsArray(), key => Assert.Equal(
            ("OKP", "Ed25519", "sig", "EdDSA", 43, 43),
            ((string)key!["kty"]!, (string)key["crv"]!, (string)key["use"]!, (string)key["alg"]!, ((string)key["kid"]!).Length,
                ((string)key["x"]!).Length)));
        Assert.Equal(2, keys["keys"]!.AsArray().Count);
        Assert.Equal((403, 401, 400, "after"), (subscriber, nobody, wrong, (string)problem!["field"]!));
    }

    [Theory]
    [InlineData("AAAA", "https://licenses.test", "LEASE_SIGNING_KEYS")]
    [InlineData("not base64", "https://licenses.test", "LEASE_SIGNING_KEYS")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "", "PUBLIC_URL")]
    public void Read_WithAWrongSetting_NamesIt(string keys, string publicUrl, string named)
    {
        var reader = Reader(keys, publicUrl);

        LeaseSettings.Read(reader);

        Assert.Contains(named, Assert.Single(Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults), StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeysNew_OfLicensectl_PrintsADifferentKeyEachTime_ThatTheSettingAccepts()
    {
        var (code, first) = await Licensectl.RunAsync([], "keys", "new");
        var (_, second) = await Licensectl.RunAsync([], "keys", "new");
        var reader = Reader($"{first.Trim()},{second.Trim()}", "https://licenses.test");
        using var signer = new LeaseSigner(LeaseSettings.Read(reader));
        reader.ThrowIfFaulty();

        Assert.Equal(0, code);
        Assert.Equal(2, signer.PublicKeys.Select(key => key.Kid).Distinct().Count());
    }

    private static SettingReader Reader(string keys, string publicUrl) => new(new ConfigurationBuilder().AddInMemoryCollection(
        new Dictionary<string, string?> { ["LEASE_SIGNING_KEYS"] = keys, ["PUBLIC_URL"] = publicUrl }).Build());

    [Fact]
    public void Signer_ForTheKeyOfRfc8037_HasItsThumbprintAndPublicKey()
    {
        var seed = Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        using var signer = new LeaseSigner(new LeaseSettings([seed], "https://licenses.test", TimeSpan.FromHours(1), TimeSpan.Zero));

        Assert.Equal("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", signer.PublicKeys[0].X);
        Assert.Equal("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", signer.PublicKeys[0].Kid);
    }
}
