namespace LicenseFunctions.Pages;

/// <summary>What a page may load and who may frame it.</summary>
public static class PagePolicy
{
    // Stripe's form and 3-D Secure live in frames of Stripe; no other page has any business there.
    private static readonly string[] WithStripe = ["payment-methods", "confirm-payment"];

    /// <param name="path">Below /app/.</param>
    public static string Of(string path, PageSettings settings)
    {
        var stripe = settings.UsesStripeForm && WithStripe.Contains(path.Split('/')[0]);
        var issuer = settings.Authority is { } authority ? " " + authority.GetLeftPart(UriPartial.Authority) : "";
        return string.Join("; ",
            "default-src 'none'",
            stripe ? "script-src 'self' https://js.stripe.com" : "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            $"connect-src 'self'{issuer}{(stripe ? " https://api.stripe.com" : "")}",
            stripe ? "frame-src https://js.stripe.com https://hooks.stripe.com" : "frame-src 'none'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'");
    }
}
