using System.Net;
using LicenseFunctions.Http;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LicenseFunctions.Tests.Http;

public sealed class ClientAddressesTests
{
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
    public void ClientAddress_TrustsOnlyOurOwnHops(int hops, string? forwarded, string expected)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = IPAddress.Parse("::ffff:192.0.2.1");
        http.Request.Headers["X-Forwarded-For"] = forwarded;

        Assert.Equal(IPAddress.Parse(expected), http.ClientAddress(hops));
    }
}
