using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>The manually written JSON matches the description in /openapi.json.</summary>
public sealed class CheckAnswerTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    private static readonly JsonSerializerOptions Strict =
        new(Json.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    [Fact]
    public void Write_UnknownToken_IsTheDescribedJson() =>
        IsDescribed(new CheckReply(LicenseVerdict.NotFound, null, null, false, 2, Now), null);

    [Fact]
    public void Write_KnownDevice_IsTheDescribedJson()
    {
        var facts = new LicenseFacts(
            TokenActive: true, RevokedReason: null, OverlapUntil: null, ExpiresAt: Now.AddDays(9), GraceUntil: null,
            SubscriptionState.Synced, SubscriptionActive: true, PausedReason: null, null);
        var device = new KnownDevice(Guid.NewGuid(), Now.AddDays(-3), Now);
        var license = new CheckedLicense(Guid.NewGuid(), facts, device, 2, 1);

        IsDescribed(new CheckReply(LicenseVerdict.Of(facts, Now, TimeSpan.FromDays(3)), license, device, true, 2, Now), "n-1");
    }

    [Fact]
    public void Write_FromMemory_IsMarkedStale()
    {
        using var written = Written(new CheckReply(LicenseVerdict.NotFound, null, null, false, 2, Now, IsStale: true));

        Assert.True(written.RootElement.GetProperty("stale").GetBoolean());
    }

    [Fact]
    public void Write_EveryCode_MatchesTheConverter()
    {
        foreach (var code in Enum.GetValues<LicenseCode>())
        {
            using var written = Written(new CheckReply(new LicenseVerdict(code, [code], ""), null, null, false, 2, Now));

            Assert.Equal(EnumWords.UpperOf(code), written.RootElement.GetProperty("code").GetString());
            Assert.Equal(EnumWords.UpperOf(code), written.RootElement.GetProperty("reasons")[0].GetString());
        }
    }

    [Fact]
    public void Write_EveryStatus_MatchesTheConverter()
    {
        var statuses = new HashSet<LicenseStatus>();
        foreach (var code in Enum.GetValues<LicenseCode>())
        {
            foreach (var days in (int[])[1, 9])
            {
                var facts = new LicenseFacts(
                    TokenActive: true, RevokedReason: null, OverlapUntil: null, ExpiresAt: Now.AddDays(days), GraceUntil: null,
                    SubscriptionState.Synced, SubscriptionActive: true, PausedReason: null, null);
                var verdict = new LicenseVerdict(code, [code], "");
                var status = LicenseStatuses.Of(verdict, facts.ExpiresAt, Now);
                statuses.Add(status);

                using var written = Written(
                    new CheckReply(verdict, new CheckedLicense(Guid.NewGuid(), facts, null, 1, 0), null, false, 2, Now));

                Assert.Equal(EnumWords.UpperOf(status), written.RootElement.GetProperty("status").GetString());
            }
        }

        Assert.Equal(Enum.GetValues<LicenseStatus>(), statuses.Order());
    }

    private static JsonDocument Written(CheckReply reply)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            reply.Write(json, null);
        return JsonDocument.Parse(buffer.WrittenMemory);
    }

    private static void IsDescribed(CheckReply reply, string? nonce)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            reply.Write(json, nonce);
        var written = Encoding.UTF8.GetString(buffer.WrittenSpan);

        var answer = JsonSerializer.Deserialize<CheckAnswer>(written, Strict);

        using var expected = JsonDocument.Parse(written);
        using var actual = JsonSerializer.SerializeToDocument(answer, Strict);
        Assert.Equal(
            expected.RootElement.EnumerateObject().Select(field => field.Name).Order(),
            actual.RootElement.EnumerateObject().Select(field => field.Name).Order());
        Assert.Equal(reply.Verdict.IsValid, answer!.Valid);
        Assert.Equal(nonce, answer.Nonce);
        Assert.Equal(reply.Device?.DeviceId, answer.Device?.DeviceId);
    }
}
