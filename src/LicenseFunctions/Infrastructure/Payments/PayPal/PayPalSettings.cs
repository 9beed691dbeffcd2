using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>The PayPal account. Its four settings are set together, or none of them.</summary>
/// <param name="WebhookId">PayPal's id of this backend's webhook. It is part of what PayPal signs.</param>
/// <param name="ApiUrl">https://api-m.paypal.com, or that of the sandbox.</param>
/// <param name="ReturnUrl">The page to which customers come back from PayPal.</param>
public sealed record PayPalSettings(string ClientId, string ClientSecret, string WebhookId, Uri ApiUrl, Uri ReturnUrl)
{
    private const string Id = "PAYPAL_CLIENT_ID";
    private const string Secret = "PAYPAL_CLIENT_SECRET";
    private const string Webhook = "PAYPAL_WEBHOOK_ID";
    private const string Api = "PAYPAL_API_URL";
    private const string Pages = "PUBLIC_URL";

    private static readonly (string Name, string Example)[] All =
        [(Id, "AZDxjDScFpQtjWTOUtWKbyN_…"), (Secret, "EGnHDxD_qRPdaLdZz8iCr8N7_…"), (Webhook, "8PT597110X687430LKGECATA"),
            (Api, "https://api-m.paypal.com")];

    /// <summary>Secrets that were used before. What was signed with them is still valid.</summary>
    public IReadOnlyList<string> EarlierSecrets { get; init; } = [];

    /// <summary>After this time, the outcome of a request is unknown, and is looked up.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(25);

    /// <returns>Null if PayPal is not configured.</returns>
    public static PayPalSettings? Read(SettingReader reader)
    {
        var given = All.Where(setting => reader.Optional(setting.Name) is not null).ToList();
        if (given.Count == 0) return null;
        foreach (var (name, example) in All.Except(given))
            reader.Fault(name, $"is missing, and {given[0].Name} is set: PayPal needs all four settings", example, 0);
        var pages = reader.BaseAddress(Pages, "https://licenses.example.com", "https", "http");
        if (reader.Optional(Pages) is null)
            reader.Fault(Pages, $"is missing, and {given[0].Name} is set: customers could not return from PayPal",
                "https://licenses.example.com", 0);
        var (id, secrets, webhook) = (reader.Secret(Id, All[0].Example), Secrets(reader), reader.Secret(Webhook, All[2].Example));
        var api = reader.BaseAddress(Api, All[3].Example, "https", "http");
        return id is null || secrets is null || webhook is null || api is null || pages is null
            ? null
            : new PayPalSettings(id, secrets[0], webhook, Folder(api), new Uri(Folder(pages), "app/payment-methods"))
            {
                EarlierSecrets = secrets[1..],
            };
    }

    /// <summary>For tools that only read: the webhook and the pages are not needed.</summary>
    /// <returns>Null if a setting is missing or wrong, which is a fault.</returns>
    public static PayPalSettings? ReadForTools(SettingReader reader)
    {
        foreach (var (name, example) in All.Where(setting => setting.Name != Webhook && reader.Optional(setting.Name) is null))
            reader.Fault(name, "is missing", example, 0);
        var (id, secrets) = (reader.Secret(Id, All[0].Example), Secrets(reader));
        return reader.BaseAddress(Api, All[3].Example, "https", "http") is { } api && id is not null && secrets is not null
            ? new PayPalSettings(id, secrets[0], WebhookId: "", Folder(api), ReturnUrl: api) { EarlierSecrets = secrets[1..] }
            : null;
    }

    // The first one is used. After a rotation, the earlier ones follow.
    private static string[]? Secrets(SettingReader reader)
    {
        if (reader.Secret(Secret, All[1].Example)?.Split(',') is not { } secrets) return null;
        return secrets.All(secret => secret.Length > 0)
            ? secrets
            : reader.Fault<string[]?>(Secret, "has an empty secret before or after a comma", All[1].Example, null);
    }

    /// <summary>Keeps the secret out of logs.</summary>
    public override string ToString() => $"PayPal at {ApiUrl}";

    // A relative address replaces everything after the last slash.
    private static Uri Folder(Uri address) => new(address.ToString().TrimEnd('/') + "/");
}
