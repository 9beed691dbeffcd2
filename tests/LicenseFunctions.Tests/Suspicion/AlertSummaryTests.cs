using System.Text.Json;
using LicenseFunctions.Suspicion;
using Licensing.Suspicion;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class AlertSummaryTests
{
    private static readonly DateTimeOffset From = new(2026, 11, 3, 8, 0, 0, TimeSpan.Zero);

    private static Evidence Found(Rule rule) => new(
        rule, From, From.AddHours(3), Measured: 95.4, Limit: 60, MinutesAtOnce: 40.2, People: 3, DeviceLimit: 2,
        [.. Enumerable.Range(1, 5).Select(n => new EvidenceDevice($"EA-{n}", n, "192.0.2.1", "DE", "Bonn", From, From, 1, 1))]);

    [Theory]
    [InlineData(Rule.PeopleAtOnce, "PEOPLE_AT_ONCE", 40, null)]
    [InlineData(Rule.DevicesAtOnce, "DEVICES_AT_ONCE", 95, null)]
    [InlineData(Rule.TwoCopies, "TWO_COPIES", 40, null)]
    [InlineData(Rule.Networks, "NETWORKS", null, 95)]
    [InlineData(Rule.Speed, "SPEED", null, 95)]
    public void Of_StoredEvidence_HasTheValuesOfTheDescription(Rule rule, string code, int? minutes, int? number)
    {
        var summary = AlertSummary.Of(JsonSerializer.Serialize(Found(rule), SuspicionStore.Json))!;

        Assert.Equal((code, minutes, number, 3, 5, 2), (summary.Code, summary.Minutes, summary.Number, summary.People, summary.Devices,
            summary.Limit));
        Assert.Equal((From, From.AddHours(3)), (summary.From, summary.To));
        Assert.Equal(["EA-1", "EA-2", "EA-3", "EA-4"], summary.Named.Select(device => device.EaInstanceId));
    }

    [Fact]
    public void Of_TooManyAccounts_HasTheLimitOfAccounts() =>
        Assert.Equal(4, AlertSummary.Of(Found(Rule.Accounts) with { AccountLimit = 4 }).Limit);

    [Theory]
    [InlineData("refused_device", "device_limit")]
    [InlineData("newcomer", "max_devices")]
    public void Of_ARefusal_NamesTheDevice(string field, string limit) => Assert.Equal(
        ("DEVICE_REFUSED", 2, new NamedDevice("EA-3", "Bonn", "DE", 3)),
        AlertSummary.Of($$$"""
            {"device_key":"3|EA-3","{{{limit}}}":2,
             "{{{field}}}":{"ea_instance_id":"EA-3","mt5_account_number":3,"city":"Bonn","country":"DE"}}
            """) is { } found
            ? (found.Code, found.Limit, Assert.Single(found.Named))
            : default);

    [Theory]
    [InlineData("")]
    [InlineData(""","device_limit":"two" """)]
    public void Of_ARefusalWithoutALimit_HasNone(string limit) =>
        Assert.Null(AlertSummary.Of($$"""{"refused_device":{"ea_instance_id":"EA-3"}{{limit}}}""")!.Limit);

    [Theory]
    [InlineData(null)]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"rule":"OF_NEXT_YEAR"}""")]
    [InlineData("""{"rule":7}""")]
    [InlineData("""{"refused_device":"EA-3"}""")]
    public void Of_OtherEvidence_IsNull(string? evidence) => Assert.Null(AlertSummary.Of(evidence));

    [Fact]
    public void DevicesIn_StoredEvidence_HasAllDevicesWithTheirTimes() => Assert.Equal(
        Enumerable.Range(1, 5).Select(n => new AskedDevice($"EA-{n}", n, "Bonn", "DE", From, From)),
        AlertSummary.DevicesIn(JsonSerializer.Serialize(Found(Rule.Networks), SuspicionStore.Json)));

    [Theory]
    [InlineData(null)]
    [InlineData("[]")]
    [InlineData("""{"devices":7}""")]
    [InlineData("""{"devices":["EA-1",null]}""")]
    [InlineData("""{"devices":[null,{"ea_instance_id":"EA-1"}]}""")]
    public void DevicesIn_OtherEvidence_IsEmpty(string? evidence) => Assert.Empty(AlertSummary.DevicesIn(evidence));
}
