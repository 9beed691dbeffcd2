using System.Net;
using Licensing.Webhooks;
using Xunit;

namespace Licensing.Tests.Webhooks;

public sealed class WebhookAddressTests
{
    [Theory]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("126.255.255.255")]
    [InlineData("128.0.0.0")]
    [InlineData("169.253.255.255")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("223.255.255.255")]
    [InlineData("2001:4860:4860::8888")]
    [InlineData("2a00::1")]
    [InlineData("::ffff:8.8.8.8")]
    public void IsPublic_OnTheInternet_IsTrue(string address) => Assert.True(WebhookAddress.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.0.0.0")]
    [InlineData("10.255.255.255")]
    [InlineData("100.64.0.0")] // carrier-grade NAT
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.255")]
    [InlineData("169.254.169.254")] // metadata of cloud machines
    [InlineData("172.16.0.0")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.0.1")]
    [InlineData("168.63.129.16")]
    [InlineData("198.19.255.255")]
    [InlineData("203.0.113.1")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::127.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("64:ff9b::7f00:1")] // NAT64
    [InlineData("2001::1")] // Teredo
    [InlineData("2002:7f00:1::")] // 6to4
    [InlineData("2001:db8::1")]
    [InlineData("fc00::1")]
    [InlineData("fd12:3456::1")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void IsPublic_Special_IsFalse(string address) => Assert.False(WebhookAddress.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("https://hooks.example.com/licenses?x=1")]
    [InlineData("https://hooks.example.com:8443")]
    [InlineData("https://8.8.8.8/")]
    [InlineData("https://[2a00::1]/")]
    public void Fault_OfAnAddressOnTheInternet_IsNull(string url) => Assert.Null(WebhookAddress.Fault(url, allowPrivate: false));

    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("hooks.example.com", false)]
    [InlineData("ftp://hooks.example.com", false)]
    [InlineData("file:///etc/passwd", false)]
    [InlineData("https://user:password@hooks.example.com", false)]
    [InlineData("https://hooks.example.com/#part", false)]
    [InlineData("https://hooks.example.com/\u0000", false)]
    [InlineData("http://hooks.example.com", true)]
    [InlineData("https://10.0.0.1/", true)]
    [InlineData("https://127.1/", true)]
    [InlineData("https://2130706433/", true)]
    [InlineData("https://0x7f.0.0.1/", true)]
    [InlineData("https://[::1]/", true)]
    [InlineData("https://[::ffff:10.0.0.1]/", true)]
    public void Fault_OfAnotherUrl_NamesTheField(string? url, bool isAllowedPrivately)
    {
        Assert.Equal("url", WebhookAddress.Fault(url, allowPrivate: false)?.Field);
        Assert.Equal(isAllowedPrivately, WebhookAddress.Fault(url, allowPrivate: true) is null);
    }

    [Fact]
    public void Fault_OfALongUrl_BeginsAfterTheLimit()
    {
        const string start = "https://hooks.example.com/";

        Assert.Null(WebhookAddress.Fault(start + new string('x', WebhookAddress.MaxUrlLength - start.Length), false));
        Assert.NotNull(WebhookAddress.Fault(start + new string('x', WebhookAddress.MaxUrlLength - start.Length + 1), false));
    }
}
