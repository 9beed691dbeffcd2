using System.Net;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class ClientAddressesTests
{
    private const string Connection = "192.0.2.1";
    private const string FrontDoor = "11111111-2222-3333-4444-555555555555";

    [Theory]
    [InlineData(0, "203.0.113.9", "192.0.2.1")]
    [InlineData(1, null, "192.0.2.1")]
    [InlineData(1, "203.0.113.9", "203.0.113.9")]
    [InlineData(1, "1.1.1.1, 203.0.113.9", "203.0.113.9")]
    [InlineData(2, "1.1.1.1, 203.0.113.9, 10.0.0.1", "203.0.113.9")]
    [InlineData(2, "203.0.113.9", "203.0.113.9")]
    [InlineData(1, "203.0.113.9:51123", "203.0.113.9")]
    [InlineData(1, "[2001:db8::1]:51123", "2001:db8::1")]
    [InlineData(1, "::ffff:203.0.113.9", "203.0.113.9")]
    [InlineData(1, "nonsense", "192.0.2.1")]
    public void ClientAddress_TrustsOnlyOurOwnHops(int hops, string? forwarded, string expected) =>
        Assert.Equal(IPAddress.Parse(expected), new ClientAddressSource(hops).AddressOf(Request(("X-Forwarded-For", forwarded))));

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("203.0.113.9:51123", "203.0.113.9")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("[2001:db8::1]:51123", "2001:db8::1")]
    [InlineData(null, Connection)]
    [InlineData("nonsense", Connection)]
    [InlineData("203.0.113.9, 198.51.100.1", Connection)]
    public void ClientAddress_OfTheConfiguredHeader_IsTrustedAndXForwardedForIsNot(string? sent, string expected) =>
        Assert.Equal(
            IPAddress.Parse(expected),
            new ClientAddressSource(0, "X-Real-IP").AddressOf(Request(("X-Real-IP", sent), ("X-Forwarded-For", "198.51.100.77"))));

    [Theory]
    [InlineData(FrontDoor, "203.0.113.9")]
    [InlineData("99999999-2222-3333-4444-555555555555", Connection)]
    [InlineData("", Connection)]
    [InlineData(null, Connection)]
    public void ClientAddress_OfFrontDoor_IsTrustedOnlyWithOurId(string? id, string expected) =>
        Assert.Equal(
            IPAddress.Parse(expected),
            new ClientAddressSource(0, "X-Azure-ClientIP", FrontDoor)
                .AddressOf(Request(("X-Azure-ClientIP", "203.0.113.9"), ("X-Azure-FDID", id))));

    [Theory]
    [InlineData("CLIENT_ADDRESS_HEADER", "X-Azure-ClientIP", "FRONT_DOOR_ID is missing")]
    [InlineData("CLIENT_ADDRESS_HEADER", "x-azure-socketip", "FRONT_DOOR_ID is missing")]
    [InlineData("CLIENT_ADDRESS_HEADER", "X-Forwarded-For", "CLIENT_ADDRESS_HEADER can't be X-Forwarded-For")]
    [InlineData("CLIENT_ADDRESS_HEADER", "two words", "CLIENT_ADDRESS_HEADER is not the name of a header")]
    public void Read_AHeaderThatCallersCanForge_IsAFault(string name, string value, string fault)
    {
        var settings = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection([new(name, value)]).Build());

        ClientAddressSource.Read(settings);

        Assert.Contains(fault, Assert.Throws<SettingsException>(settings.ThrowIfFaulty).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HopsTogetherWithAHeader_IsAFault()
    {
        var settings = new SettingReader(new ConfigurationBuilder()
            .AddInMemoryCollection([new("CLIENT_ADDRESS_HEADER", "X-Real-IP"), new("TRUSTED_PROXY_HOPS", "1")]).Build());

        ClientAddressSource.Read(settings);

        Assert.Throws<SettingsException>(settings.ThrowIfFaulty);
    }

    [Theory]
    [InlineData(AddressWatch.WarnAfter - 1, false)]
    [InlineData(AddressWatch.WarnAfter, true)]
    public void AddressWatch_ChecksInARowFromOneAddress_Warns(int checks, bool warns)
    {
        var watch = new AddressWatch();
        watch.Note(IPAddress.Parse("203.0.113.1"));
        for (var i = 0; i < checks; i++)
            watch.Note(IPAddress.Parse("203.0.113.9"));

        Assert.Equal(warns, watch.Warning is not null);
        watch.Note(IPAddress.Parse("203.0.113.1"));
        Assert.Null(watch.Warning);
    }

    private static DefaultHttpContext Request(params (string Header, string? Value)[] headers)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = IPAddress.Parse($"::ffff:{Connection}");
        foreach (var (header, value) in headers)
            http.Request.Headers[header] = value;
        return http;
    }
}
