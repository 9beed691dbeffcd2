using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Pages;

/// <summary>What the pages have to know before anybody has signed in. Nothing of it is secret: /app/config.json shows it.</summary>
/// <param name="Authority">The OIDC issuer to sign in at; null where there is none.</param>
/// <param name="StripePublishableKey">Null: no card can be saved.</param>
/// <param name="PlacesBy">Whom the pages name where they show places: DB-IP's license asks for it; null where nobody asks.</param>
/// <param name="StripeTestApi">A stand-in for Stripe, which takes test cards; Stripe's own form has nothing to talk to there.</param>
public sealed record PageSettings(
    Uri? Authority, string? ClientId, string? Audience, string Scope, string? StripePublishableKey, Uri? StripeTestApi, string? PlacesBy = null)
{
    public static PageSettings Read(SettingReader settings)
    {
        var authority = settings.Address("AUTH_AUTHORITY", "https://login.example.com/tenant", "https", "http");
        var standIn = settings.Address("STRIPE_API_BASE", "https://api.stripe.com", "https", "http");
        return new PageSettings(
            authority,
            settings.Optional("AUTH_CLIENT_ID"),
            settings.Optional("AUTH_AUDIENCE"),
            settings.Optional("AUTH_SCOPE") ?? "openid",
            settings.Optional("STRIPE_PUBLISHABLE_KEY"),
            standIn is { Host: not "api.stripe.com" } ? standIn : null,
            settings.Words("GEO_DATABASE").Any(file => Path.GetFileName(file).StartsWith("dbip", StringComparison.OrdinalIgnoreCase)) ? "DB-IP" : null);
    }

    /// <summary>Whether cards are typed into Stripe's own form.</summary>
    [JsonIgnore]
    public bool UsesStripeForm => StripePublishableKey is not null && StripeTestApi is null;
}
