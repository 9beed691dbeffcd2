using LicenseFunctions.Pages;
using Xunit;

namespace LicenseFunctions.Tests.Pages;

public sealed class PagePolicyTests
{
    private static readonly PageSettings AtStripe = new(null, null, null, "openid", "pk_live_1", null);
    private static readonly PageSettings AtStandIn = AtStripe with { StripeTestApi = new Uri("http://127.0.0.1:9100/v1") };

    [Theory]
    [InlineData("payment-methods", true)]
    [InlineData("payment-methods/confirm/00000000-0000-4000-8000-000000000301", true)]
    [InlineData("", false)]
    [InlineData("licenses", false)]
    [InlineData("licenses/payment-methods", false)]
    [InlineData("payment-methods-of-others", false)]
    [InlineData("price", false)]
    public void Of_Stripe_IsOnTheCardPagesOnly(string path, bool reachesStripe)
    {
        var policy = PagePolicy.Of(path, AtStripe);

        Assert.Equal(reachesStripe, policy.Contains("stripe.com", StringComparison.Ordinal));
        Assert.Equal(reachesStripe, policy.Contains("'unsafe-inline'", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_CardPage_AllowsWhatStripesFormNeeds()
    {
        var rules = PagePolicy.Of("payment-methods", AtStripe).Split("; ");

        Assert.Contains("script-src 'self' https://js.stripe.com https://*.js.stripe.com", rules);
        Assert.Contains("frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com", rules);
        Assert.Contains("connect-src 'self' https://api.stripe.com", rules);
    }

    [Theory]
    [InlineData("payment-methods", "connect-src 'self' http://127.0.0.1:9100")]
    [InlineData("licenses", "connect-src 'self'")]
    public void Of_StandIn_IsReachedFromTheCardPagesOnly(string path, string connect)
    {
        var policy = PagePolicy.Of(path, AtStandIn);

        Assert.Contains(connect, policy.Split("; "));
        Assert.DoesNotContain("stripe.com", policy, StringComparison.Ordinal);
    }
}
