namespace LicenseFunctions.Pages;

/// <summary>The Content-Security-Policy of a page.</summary>
public static class PagePolicy
{
    // The page with the card form, and the page below it that confirms a payment. Only these pages may connect to Stripe.
    private const string CardPage = "payment-methods";

    /// <param name="path">Below /app/.</param>
    public static string Of(string path, PageSettings settings)
    {
        var cards = path.Split('/')[0] == CardPage;
        var stripe = cards && settings.UsesStripeForm;
        var connect = new List<string> { "'self'" };
        if (settings.Authority is { } authority)
            connect.Add(authority.GetLeftPart(UriPartial.Authority));
        if (stripe)
            connect.Add("https://api.stripe.com");
        if (cards && settings.StripeTestApi is { } standIn)
            connect.Add(standIn.GetLeftPart(UriPartial.Authority));
        return string.Join("; ",
            "default-src 'none'",
            stripe ? "script-src 'self' https://js.stripe.com https://*.js.stripe.com" : "script-src 'self'",
            // Stripe's loader sets the size of its frames with inline styles.
            stripe ? "style-src 'self' 'unsafe-inline'" : "style-src 'self'",
            "img-src 'self' data:" + (settings.Brand.LogoUrl is { } logo ? $" {logo.GetLeftPart(UriPartial.Authority)}" : ""),
            "connect-src " + string.Join(' ', connect),
            stripe ? "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com" : "frame-src 'none'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'");
    }
}
