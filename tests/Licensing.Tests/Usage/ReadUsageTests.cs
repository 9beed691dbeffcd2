using System.Globalization;
using System.Net;
using System.Text;
using Licensing.Usage;
using Xunit;

namespace Licensing.Tests.Usage;

public sealed class ReadUsageTests
{
    private const string Id = "11111111-1111-4111-8111-111111111111";
    private const string License = "22222222-2222-4222-8222-222222222222";
    private static readonly string Hash = new('a', 64);
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Message_OneObject_IsOneRecordWithAllFields()
    {
        var (fault, entries) = Read(Json(
            ("country_code", "\"de\""), ("city", "\"Köln\""), ("latitude", "50.94"), ("longitude", "6.96"), ("signals_received", "3"),
            ("signals_executed", "2"), ("signals_rejected", "1"), ("avg_latency_ms", "40"), ("session_duration_sec", "600"),
            ("opened", "4"), ("closed", "5"), ("unknown", "{\"a\":[1]}")));

        Assert.Null(fault);
        var entry = Assert.Single(entries);
        Assert.Equal(
            new UsageRecord(
                Guid.Parse(Id), Now.UtcDateTime, Hash, Guid.Parse(License), IPAddress.Parse("198.51.100.4"), "EA-1", 1001,
                "DE", "Köln", 50.94, 6.96, 3, 2, 1, 40, 600, 4, 5),
            entry.Record);
    }

    [Fact]
    public void Message_RequiredFieldsOnly_HasNoCountsAndNoLocation()
    {
        var record = Assert.Single(Read(Json()).Entries).Record!;

        Assert.Equal((0, 0, 0), (record.SignalsReceived, record.SignalsExecuted, record.SignalsRejected));
        Assert.Equal((null, null, null, null), (record.CountryCode, record.City, record.AvgLatencyMs, record.SessionDurationSec));
        Assert.Equal((null, null), (record.Opened, record.Closed));
    }

    [Theory]
    [InlineData("record_id", null, UsageFault.MissingField)]
    [InlineData("record_id", "null", UsageFault.MissingField)]
    [InlineData("record_id", "7", UsageFault.InvalidUuid)]
    [InlineData("record_id", "\"11111111111141118111111111111111\"", UsageFault.InvalidUuid)]
    [InlineData("subscription_id", null, UsageFault.MissingField)]
    [InlineData("subscription_id", "\"x\"", UsageFault.InvalidUuid)]
    [InlineData("logged_at", null, UsageFault.MissingField)]
    [InlineData("logged_at", "\"\"", UsageFault.InvalidTime)]
    [InlineData("logged_at", "\"yesterday\"", UsageFault.InvalidTime)]
    [InlineData("logged_at", "1732363200", UsageFault.InvalidTime)]
    [InlineData("logged_at", "\"2026-11-23\"", UsageFault.InvalidTime)]
    [InlineData("logged_at", "\"2026-11-23T12:00:00\"", UsageFault.InvalidTime)]
    [InlineData("logged_at", "\"2026-11-23T12:00:00Z\"", null)]
    [InlineData("logged_at", "\"2026-11-23T12:00:00.123456Z\"", null)]
    [InlineData("logged_at", "\"2026-11-23T14:00:00+02:00\"", null)]
    [InlineData("logged_at", "\"2026-11-23T14:00:00\\u002B02:00\"", null)]
    [InlineData("logged_at", "\"2026-11-23T12:05:00Z\"", null)]
    [InlineData("logged_at", "\"2026-11-23T12:05:00.000001Z\"", UsageFault.InFuture)]
    [InlineData("logged_at", "\"2026-08-26T12:00:00Z\"", null)]
    [InlineData("logged_at", "\"2026-08-26T11:59:59.999999Z\"", UsageFault.TooOld)]
    [InlineData("logged_at", "\"0001-01-01T00:00:00Z\"", UsageFault.TooOld)]
    [InlineData("logged_at", "\"9999-12-31T23:59:59Z\"", UsageFault.InFuture)]
    [InlineData("token_hash", null, UsageFault.MissingField)]
    [InlineData("token_hash", "\"abc\"", UsageFault.InvalidTokenHash)]
    [InlineData("token_hash", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", UsageFault.InvalidTokenHash)]
    [InlineData("token_hash", "\"gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", UsageFault.InvalidTokenHash)]
    [InlineData("ip_address", null, UsageFault.MissingField)]
    [InlineData("ip_address", "\"not-an-address\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"198.51.100\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"198.51.100.04\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"198.51.100.256\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"3325256708\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"198.51.100.4:80\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"198.51.100.4/32\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"fe80::1%eth0\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"[2001:db8::1]\"", UsageFault.InvalidAddress)]
    [InlineData("ip_address", "\"2001:db8::1\"", null)]
    [InlineData("ip_address", "\"::ffff:198.51.100.4\"", null)]
    [InlineData("ea_instance_id", null, UsageFault.MissingField)]
    [InlineData("ea_instance_id", "\"\"", UsageFault.InvalidText)]
    [InlineData("ea_instance_id", "\"a\\u0000b\"", UsageFault.InvalidText)]
    [InlineData("ea_instance_id", "\"a\\ud800b\"", UsageFault.InvalidText)]
    [InlineData("ea_instance_id", "\"a\uFFFDb\"", UsageFault.InvalidText)]
    [InlineData("ea_instance_id", "{\"a\":1}", UsageFault.InvalidText)]
    [InlineData("mt5_account_number", null, UsageFault.MissingField)]
    [InlineData("mt5_account_number", "\"1001\"", UsageFault.InvalidNumber)]
    [InlineData("mt5_account_number", "10.5", UsageFault.InvalidNumber)]
    [InlineData("mt5_account_number", "9223372036854775808", UsageFault.InvalidNumber)]
    [InlineData("mt5_account_number", "9223372036854775807", null)]
    [InlineData("mt5_account_number", "1", null)]
    [InlineData("mt5_account_number", "0", UsageFault.OutOfRange)]
    [InlineData("country_code", "\"D\"", UsageFault.InvalidCountry)]
    [InlineData("country_code", "\"D1\"", UsageFault.InvalidCountry)]
    [InlineData("latitude", "90", null)]
    [InlineData("latitude", "-90.0000001", UsageFault.OutOfRange)]
    [InlineData("latitude", "1e999", UsageFault.OutOfRange)]
    [InlineData("longitude", "-180", null)]
    [InlineData("longitude", "180.0000001", UsageFault.OutOfRange)]
    [InlineData("longitude", "\"6\"", UsageFault.InvalidNumber)]
    [InlineData("signals_received", "1000000", null)]
    [InlineData("signals_received", "1000001", UsageFault.OutOfRange)]
    [InlineData("signals_executed", "-1", UsageFault.OutOfRange)]
    [InlineData("signals_rejected", "true", UsageFault.InvalidNumber)]
    [InlineData("avg_latency_ms", "3600000", null)]
    [InlineData("avg_latency_ms", "3600001", UsageFault.OutOfRange)]
    [InlineData("opened", "0", null)]
    [InlineData("opened", "1000000", null)]
    [InlineData("opened", "1000001", UsageFault.OutOfRange)]
    [InlineData("opened", "-1", UsageFault.OutOfRange)]
    [InlineData("opened", "1.5", UsageFault.InvalidNumber)]
    [InlineData("opened", "\"1\"", UsageFault.InvalidNumber)]
    [InlineData("closed", "1000000", null)]
    [InlineData("closed", "1000001", UsageFault.OutOfRange)]
    [InlineData("closed", "[]", UsageFault.InvalidNumber)]
    [InlineData("session_duration_sec", "7689600", null)]
    [InlineData("session_duration_sec", "7689601", UsageFault.OutOfRange)]
    public void Message_FieldAtABoundary_IsAcceptedOrNamed(string field, string? json, string? code)
    {
        var entry = Assert.Single(Read(Json((field, json))).Entries);

        Assert.Equal(code, entry.Fault?.Code);
        Assert.Equal(code is null, entry.Record is not null);
        if (code is not null) Assert.Equal(field, entry.Fault!.Field);
    }

    [Theory]
    [InlineData("3", "2", "1", null)]
    [InlineData("3", "3", "0", null)]
    [InlineData("3", "0", "3", null)]
    [InlineData("0", "0", "0", null)]
    [InlineData("1000000", null, null, null)]
    [InlineData("1", "0", "1000000", UsageFault.ContradictingCounters)]
    [InlineData("1", "2", "0", UsageFault.ContradictingCounters)]
    [InlineData("3", "2", "2", UsageFault.ContradictingCounters)]
    [InlineData("1000000", "1000000", "1000000", UsageFault.ContradictingCounters)]
    [InlineData(null, "1", null, UsageFault.ContradictingCounters)]
    [InlineData(null, null, "1", UsageFault.ContradictingCounters)]
    public void Message_CountersThatContradictEachOther_AreRejected(string? received, string? executed, string? rejected, string? code)
    {
        var entry = Assert.Single(Read(Json(
            ("signals_received", received), ("signals_executed", executed), ("signals_rejected", rejected))).Entries);

        Assert.Equal(code, entry.Fault?.Code);
    }

    [Theory]
    [InlineData("a", 100, true)]
    [InlineData("a", 101, false)]
    [InlineData("😀", 100, true)]
    [InlineData("😀", 101, false)]
    public void Message_LongText_IsMeasuredInCharactersLikeTheColumn(string character, int count, bool taken)
    {
        var text = string.Concat(Enumerable.Repeat(character, count));

        Assert.Equal(taken, Assert.Single(Read(Json(("ea_instance_id", $"\"{text}\""))).Entries).Record is not null);
    }

    [Fact]
    public void Message_InvalidUtf8InAField_RejectsThatRecordOnly()
    {
        var bytes = Encoding.UTF8.GetBytes($"[{Json(("ea_instance_id", "\"EA-@\""))},{Json()}]");
        bytes[Array.IndexOf(bytes, (byte)'@')] = 0xFF;

        var (fault, entries) = Read(bytes);

        Assert.Null(fault);
        Assert.Equal([UsageFault.InvalidText, null], entries.Select(entry => entry.Fault?.Code));
    }

    [Theory]
    [InlineData("\"a\\ud800b\"")]
    [InlineData("{\"a\\udc00\":1}")]
    [InlineData("1,\"record\\ud800_id\":[1,{\"record_id\":2}]")]
    public void Message_InvalidEscapeInAnUnknownProperty_IsIgnored(string value) =>
        Assert.NotNull(Assert.Single(Read(Json(("note", value))).Entries).Record);

    [Fact]
    public void Message_PropertyTwice_UsesTheLast() =>
        Assert.Equal(7, Assert.Single(Read(Json(("signals_received", "3"), ("signals_received", "7"))).Entries).Record!.SignalsReceived);

    [Fact]
    public void Message_ArrayOfValidAndInvalid_KeepsIndexesAndPayloads()
    {
        var json = $" [ {Json()} , 7, [1, [2]], null, {Json(("ip_address", "\"x\""))} ] ";
        var (fault, entries) = Read(json);

        Assert.Null(fault);
        Assert.Equal([0, 1, 2, 3, 4], entries.Select(entry => entry.Index));
        Assert.Equal(
            [null, UsageFault.NotARecord, UsageFault.NotARecord, UsageFault.NotARecord, UsageFault.InvalidAddress],
            entries.Select(entry => entry.Fault?.Code));
        Assert.Equal(
            [Json(), "7", "[1, [2]]", "null", Json(("ip_address", "\"x\""))],
            entries.Select(entry => json.Substring(entry.Start, entry.Length)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("{")]
    [InlineData("{}{}")]
    [InlineData("[{},]")]
    [InlineData("{'a':1}")]
    [InlineData("\0")]
    public void Message_NotJson_IsOneFaultAndNoEntry(string json)
    {
        var (fault, entries) = Read(json);

        Assert.Equal(UsageFault.InvalidJson, fault?.Code);
        Assert.Empty(entries);
    }

    [Theory]
    [InlineData("\uFEFF", "")]
    [InlineData("", "\0")]
    [InlineData("\uFEFF \n", "\0\0\r\n\0")]
    public void Message_WithByteOrderMarkAndTrailingNuls_IsReadAndKeepsItsPositions(string before, string after)
    {
        var json = $"{before}[{Json()},7]{after}";
        var bytes = Encoding.UTF8.GetBytes(json);

        var (fault, entries) = Read(bytes);

        Assert.Null(fault);
        Assert.Equal([null, UsageFault.NotARecord], entries.Select(entry => entry.Fault?.Code));
        Assert.Equal([Json(), "7"], entries.Select(entry => Encoding.UTF8.GetString(bytes, entry.Start, entry.Length)));
    }

    [Theory]
    [InlineData("avg_latency_ms", "NaN")]
    [InlineData("avg_latency_ms", "nan")]
    [InlineData("latitude", "Infinity")]
    [InlineData("latitude", "-Infinity")]
    [InlineData("longitude", "inf")]
    [InlineData("longitude", "-nan(ind)")]
    [InlineData("signals_received", "1.#QNAN")]
    [InlineData("signals_rejected", "-1.#IND000000")]
    [InlineData("mt5_account_number", " NaN ")]
    [InlineData("unknown", "[1,{\"a\":NaN}]")]
    public void Message_NonFiniteNumberInOneRecord_RejectsThatRecordAndNamesItsPosition(string field, string value)
    {
        var odd = Json((field, value), ("city", "\"a\\\" NaN, -Infinity \\\\\""));
        var json = $"\uFEFF[{Json()},{odd},{Json(("city", "\"NaN\""))}]";
        var bytes = Encoding.UTF8.GetBytes(json);

        var (fault, entries) = Read(bytes);

        Assert.Null(fault);
        Assert.Equal([null, UsageFault.InvalidNumber, null], entries.Select(entry => entry.Fault?.Code));
        Assert.Equal(field == "unknown" ? null : field, entries[1].Fault!.Field);
        Assert.Equal($"{entries[1].Fault!.Field ?? "a value"} of record 1 of the message is NaN or infinite", entries[1].Fault!.Detail);
        Assert.Equal(odd, Encoding.UTF8.GetString(bytes, entries[1].Start, entries[1].Length));
        Assert.Equal("NaN", entries[2].Record!.City);
    }

    // The largest message that POST /usage accepts. Comparing every number with every element would take minutes.
    [Fact]
    public async Task Message_FullOfNonFiniteNumbers_IsReadInOnePass()
    {
        var json = Encoding.UTF8.GetBytes('[' + string.Join(',', Enumerable.Repeat("NaN", 262_000)) + ']');
        var entries = new List<UsageEntry>();

        var reading = Task.Run(() => ReadUsage.Message(json, UsageWindow.At(Now), entries), TestContext.Current.CancellationToken);

        Assert.Null(await reading.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        Assert.Equal(262_000, entries.Count);
        Assert.All(entries, (entry, index) => Assert.Equal((index, UsageFault.InvalidNumber), (entry.Index, entry.Fault?.Code)));
    }

    [Theory]
    [InlineData("[NaN")]
    [InlineData("[NaN NaN]")]
    [InlineData("[{\"a\":NaN},{]")]
    [InlineData("[{\"a\":NaNs}]")]
    [InlineData("[{\"a\":\"NaN]")]
    public void Message_NonFiniteNumberAndNotJson_IsOneFault(string json) => Assert.Equal(UsageFault.InvalidJson, Read(json).Fault?.Code);

    [Fact]
    public void Message_Truncated_IsRejectedAsAWhole() => Assert.Empty(Read($"[{Json()},{Json()}").Entries);

    [Fact]
    public void Message_EmptyArray_IsNothing() => Assert.Equal((null, 0), (Read("[]").Fault, Read("[]").Entries.Count));

    [Fact]
    public void Message_FinerThanAMicrosecond_IsTruncatedLikeTheDatabase() =>
        Assert.Equal(
            new DateTime(2026, 11, 23, 11, 0, 0, DateTimeKind.Utc).AddMicroseconds(1),
            Assert.Single(Read(Json(("logged_at", "\"2026-11-23T11:00:00.0000019Z\""))).Entries).Record!.LoggedAt);

    [Fact]
    public void Message_MappedAddress_IsConvertedToIpv4() =>
        Assert.Equal(
            IPAddress.Parse("198.51.100.4"),
            Assert.Single(Read(Json(("ip_address", "\"::ffff:198.51.100.4\""))).Entries).Record!.IpAddress);

    [Fact]
    public void Faults_NeverContainTheValue()
    {
        var (_, entries) = Read(
            $"[{Json(("ip_address", "\"secret\""))},{Json(("token_hash", "\"secret\""))},{Json(("mt5_account_number", "-424242"))}]");

        Assert.All(entries, entry => Assert.DoesNotMatch("secret|424242", entry.Fault!.Detail));
    }

    [Fact]
    public void Rejected_SameBytes_HaveTheSameDigestAndValidText()
    {
        byte[] payload = [.. " {\"a\":\""u8, 0, 0xFF, .. "\"}\n"u8];
        var fault = new UsageFault(UsageFault.InvalidJson, "x");

        var first = RejectedUsage.Of(payload, fault);
        var again = RejectedUsage.Of(payload.ToArray(), fault);
        var text = RejectedUsage.Of(Encoding.UTF8.GetBytes(first.Payload), fault);

        Assert.Equal(" {\"a\":\"\uFFFD\uFFFD\"}\n", first.Payload);
        Assert.Equal(payload, first.Bytes);
        Assert.Equal(first.Digest, again.Digest);
        Assert.Equal((first.Payload, null), (text.Payload, text.Bytes));
        Assert.NotEqual(first.Digest, text.Digest);
    }

    private static (UsageFault? Fault, List<UsageEntry> Entries) Read(string json) => Read(Encoding.UTF8.GetBytes(json));

    private static (UsageFault? Fault, List<UsageEntry> Entries) Read(byte[] json)
    {
        var entries = new List<UsageEntry>();
        return (ReadUsage.Message(json, UsageWindow.At(Now), entries), entries);
    }

    /// <summary>A valid record with some fields replaced; null removes a field.</summary>
    private static string Json(params (string Name, string? Value)[] changes)
    {
        List<(string Name, string? Value)> fields =
        [
            ("record_id", $"\"{Id}\""), ("logged_at", $"\"{Now.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)}\""),
                ("token_hash", $"\"{Hash}\""),
            ("subscription_id", $"\"{License}\""), ("ip_address", "\"198.51.100.4\""), ("ea_instance_id", "\"EA-1\""),
                ("mt5_account_number", "1001"),
        ];
        fields.RemoveAll(field => changes.Any(change => change.Name == field.Name));
        return "{" + string.Join(",", fields.Concat(changes).Where(field => field.Value is not null)
            .Select(field => $"\"{field.Name}\":{field.Value}")) + "}";
    }
}
