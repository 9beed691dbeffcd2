using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>
/// The envelope of a signed event, read without Stripe's types: they don't fit thin events, other API versions and types that are newer
/// than this program, and one field that doesn't fit would make the whole event unreadable.
/// </summary>
/// <param name="Id">Stripe's ID; a hash of the body if the body has none that can be stored.</param>
/// <param name="Type">"unreadable" if the body has none.</param>
/// <param name="Subject">data.object; undefined if there is none.</param>
internal sealed record StripeEventBody(string Id, string Type, DateTimeOffset CreatedAt, JsonElement Subject)
{
    /// <param name="body">A body whose signature was verified.</param>
    /// <param name="now">The time of an event that has none.</param>
    public static StripeEventBody Read(string body, DateTimeOffset now)
    {
        var root = Parse(body);
        return Of(root, now, root.Text("id") ?? IdOf(body));
    }

    /// <param name="root">An event of Stripe's own list.</param>
    /// <param name="now">The time of an event that has none.</param>
    public static StripeEventBody Of(JsonElement root, DateTimeOffset now) => Of(root, now, root.Text("id") ?? IdOf(root.GetRawText()));

    private static StripeEventBody Of(JsonElement root, DateTimeOffset now, string id) => new(
        id, root.Text("type") ?? "unreadable", root.Time("created") ?? now, root.Part("data").Part("object"));

    private static string IdOf(string body) => $"sha256_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)))}";

    private static JsonElement Parse(string body)
    {
        try
        {
            return JsonElement.Parse(body);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
