using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Pages;

/// <summary>What the pages need before the sign-in. /app/config.json returns it, so it contains no secrets.</summary>
/// <param name="Authority">OIDC issuer for the sign-in; null if none is set.</param>
/// <param name="StripePublishableKey">Null if cards can't be saved.</param>
/// <param name="PlacesBy">Source of the locations, if its license requires that the pages name it (DB-IP); otherwise null.</param>
/// <param name="StripeTestApi">
/// Address of a stand-in for Stripe that accepts test cards; null for Stripe itself. Stripe's own form can't use a stand-in.
/// </param>
public sealed record PageSettings(
    Uri? Authority, string? ClientId, string? Audience, string Scope, string? StripePublishableKey, Uri? StripeTestApi,
    string? PlacesBy = null)
{
    /// <summary>Whether payments have invoices.</summary>
    public bool HasInvoices { get; init; }

    public PageBrand Brand { get; init; } = new(null, Infrastructure.Mail.Brand.Default);

    /// <summary>Whether PayPal accounts can be saved.</summary>
    public bool Paypal { get; init; }

    public static PageSettings Read(SettingReader settings)
    {
        var authority = settings.BaseAddress("AUTH_AUTHORITY", "https://login.example.com/tenant", "https", "http");
        var standIn = settings.BaseAddress("STRIPE_API_BASE", "https://api.stripe.com", "https", "http");
        return new PageSettings(
            authority,
            settings.Optional("AUTH_CLIENT_ID"),
            settings.Optional("AUTH_AUDIENCE"),
            settings.Optional("AUTH_SCOPE") ?? "openid",
            settings.Optional("STRIPE_PUBLISHABLE_KEY"),
            standIn is { Host: not "api.stripe.com" } ? standIn : null,
            settings.Words("GEO_DATABASE").Any(file => Path.GetFileName(file).StartsWith("dbip", StringComparison.OrdinalIgnoreCase))
                ? "DB-IP"
                : null)
        {
            HasInvoices = settings.HasInvoices(),
            Paypal = settings.Optional("PAYPAL_CLIENT_ID") is not null,
            Brand = new PageBrand(settings.Optional("BRAND_NAME"), Infrastructure.Mail.Brand.Read(settings)),
        };
    }

    /// <summary>Whether the pages show Stripe's own card form.</summary>
    [JsonIgnore]
    public bool UsesStripeForm => StripePublishableKey is not null && StripeTestApi is null;
}

/// <summary>How the pages present the service.</summary>
/// <param name="Name">BRAND_NAME; null if it isn't set: the pages have a name in each language.</param>
public sealed record PageBrand(string? Name, string Color, Uri? LogoUrl, string? SupportEmail)
{
    public PageBrand(string? name, Brand brand)
        : this(name?.Trim(), brand.Color, brand.LogoUrl, brand.SupportEmail)
    {
    }
}
