using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StandIns;

namespace StripeStandIn;

/// <summary>Sends events with Stripe's signature.</summary>
public sealed class Webhooks(StandInOptions options, Account account, TimeProvider clock) : WebhookSender(options.WebhookUrl, clock)
{
    /// <summary>The value of the Stripe-Signature header.</summary>
    public static string Sign(string body, string secret, long timestamp)
    {
        var signed = HMACSHA256.HashData(
            Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{timestamp.ToString(CultureInfo.InvariantCulture)}.{body}"));
        return $"t={timestamp.ToString(CultureInfo.InvariantCulture)},v1={Convert.ToHexStringLower(signed)}";
    }

    protected override string BodyOf(string eventId)
    {
        lock (account.Gate)
            return account.Events.First(made => made.Id() == eventId).ToJsonString();
    }

    protected override IReadOnlyDictionary<string, string> Headers(string body) => new Dictionary<string, string>
    {
        ["Stripe-Signature"] = Sign(body, options.WebhookSecret, Clock.GetUtcNow().ToUnixTimeSeconds()),
        ["User-Agent"] = "Stripe/1.0 (+https://docs.stripe.com/webhooks)",
    };
}
