using System.Net;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Geolocation;

public sealed class IpApiTests
{
    private static readonly IResult Lagos = Results.Json(new { country_code = "NG", city = "Lagos", latitude = 6.5, longitude = 3.4 });

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task Locate_ManyAddressesOfANetwork_RequestsOncePerDay()
    {
        await using var listener = await LocalListener.StartAsync(_ => Lagos, Stop);
        using var http = new HttpClient();
        using var geolocator = new IpApi(http, listener.Address, "the key", time);

        for (var host = 1; host < 50; host++)
            Assert.Equal("Lagos", (await geolocator.LocateAsync(IPAddress.Parse($"41.58.1.{host}"), Stop))?.City);
        Assert.Equal(("/41.58.1.1", true),
            (Assert.Single(listener.Requests).Path, listener.Requests[0].Query.Contains("access_key=the%20key", StringComparison.Ordinal)));
        Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.99"))?.City);
        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.2.1")));

        time.Advance(TimeSpan.FromDays(1));
        await geolocator.LocateAsync(IPAddress.Parse("41.58.1.1"), Stop);
        Assert.Equal(2, listener.Requests.Count);
    }

    [Fact]
    public async Task Locate_Outage_IsUnknownAndRequestedAgainAfterAMinute()
    {
        await using var listener = await LocalListener.StartAsync(before => before == 0 ? Results.StatusCode(500) : Lagos, Stop);
        using var http = new HttpClient();
        using var geolocator = new IpApi(http, listener.Address, "key", time);
        var address = IPAddress.Parse("41.58.1.1");

        Assert.Null(await geolocator.LocateAsync(address, Stop));
        Assert.Null(await geolocator.LocateAsync(address, Stop));
        Assert.Single(listener.Requests);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("Lagos", (await geolocator.LocateAsync(address, Stop))?.City);
    }

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("fd00::1")]
    public async Task Locate_AddressWithoutALocation_IsNotSent(string address)
    {
        await using var listener = await LocalListener.StartAsync(_ => Lagos, Stop);
        using var http = new HttpClient();
        using var geolocator = new IpApi(http, listener.Address, "key", time);

        Assert.Null(await geolocator.LocateAsync(IPAddress.Parse(address), Stop));
        Assert.Empty(listener.Requests);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
