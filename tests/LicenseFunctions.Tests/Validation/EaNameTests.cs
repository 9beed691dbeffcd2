using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using LicenseFunctions.Validation;
using Licensing.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>Checks and usage records accept the same names of EA instances, and keep them unchanged.</summary>
public sealed class EaNameTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    /// <summary>JSON strings without their quotes, and whether they are valid names.</summary>
    public static TheoryData<string, bool> Names { get; } = new()
    {
        { "EA-1", true },
        { " EA-1 ", true },
        { "Köln 東京", true },
        { "a\\u0301\\u200d", true },
        { "\\\"\\\\\\/", true },
        { Repeat("😀", 60), true },
        { Repeat("😀", 100), true },
        { Repeat("\\ud83d\\ude00", 100), true },
        { Repeat("😀", 101), false },
        { Repeat("a", 100), true },
        { Repeat("a", 101), false },
        { Repeat("a", 60_000), false },
        { "", false },
        { " ", false },
        { "\\t", false },
        { "\u00A0\u3000\\u2028", false },
        { "EA\\t1", false },
        { "EA\\n", false },
        { "EA\\u0000", false },
        { "EA\\u007f", false },
        { "EA\u0085", false },
        { "EA\uFFFD", false },
        { "EA\\ufffd", false },
        { "EA\\ud83d", false },
        { "EA\\ude00", false },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Name_InACheckAndInAUsageRecord_IsTreatedAlike(string json, bool isValid)
    {
        var (check, usage) = (Check(Encoding.UTF8.GetBytes(json)), Usage(Encoding.UTF8.GetBytes(json)));

        Assert.Equal(isValid, check is not null);
        Assert.Equal(check, usage);
    }

    [Fact]
    public void Name_NotUtf8_IsInvalidInBoth() => Assert.Equal((null, null), (Check([0x45, 0xFF]), Usage([0x45, 0xFF])));

    /// <returns>The accepted name; null if the check names the field in its refusal.</returns>
    private static string? Check(byte[] name)
    {
        byte[] body = [.. "{\"mt5_account_number\":1,\"ea_instance_id\":\""u8, .. name, .. "\"}"u8];
        var read = CheckRequest.Parse(new ReadOnlySequence<byte>(body));
        var claim = read.Refusal is { } refusal ? refusal : read.Value.Claim(IPAddress.Loopback);
        return claim.Match<string?>(device => device.EaInstanceId, wrong =>
        {
            Assert.Equal("ea_instance_id", wrong.Field);
            return null;
        });
    }

    private static string? Usage(byte[] name)
    {
        byte[] before = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $$"""
            {"record_id":"11111111-1111-4111-8111-111111111111","logged_at":"{{Now.UtcDateTime:O}}","token_hash":"{{new string('a', 64)}}",
            "subscription_id":"22222222-2222-4222-8222-222222222222","ip_address":"198.51.100.4","mt5_account_number":1,"ea_instance_id":"
            """));
        var entries = new List<UsageEntry>();
        ReadUsage.Message([.. before, .. name, .. "\"}"u8], UsageWindow.At(Now), entries);
        var entry = Assert.Single(entries);
        if (entry.Fault is { } fault)
            Assert.Equal((UsageFault.InvalidText, "ea_instance_id"), (fault.Code, fault.Field));
        return entry.Record?.EaInstanceId;
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));
}
