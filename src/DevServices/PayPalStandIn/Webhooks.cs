using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using StandIns;

namespace PayPalStandIn;

/// <summary>Sends events with PayPal's signature.</summary>
public sealed class Webhooks : WebhookSender
{
    /// <summary>The folder of the certificates.</summary>
    public const string CertificatesPath = "/v1/notifications/certs/";

    // Made by the first signature or request: it takes longer than all other work of the start.
    private readonly Lazy<SigningKey> key;
    private readonly StandInOptions options;
    private readonly Account account;

    public Webhooks(StandInOptions options, Account account, TimeProvider clock)
        : base(options.WebhookUrl, clock)
    {
        (this.options, this.account) = (options, account);
        var now = clock.GetUtcNow();
        key = new(() => SigningKey.Make(now));
    }

    /// <returns>The certificate of that name as PEM, or null.</returns>
    public string? Certificate(string name) => name == key.Value.CertificateName ? key.Value.CertificatePem : null;

    /// <summary>The headers with which PayPal would send the body to this webhook.</summary>
    public IReadOnlyDictionary<string, string> Sign(string body, string? webhookId = null)
    {
        var id = Guid.NewGuid().ToString();
        var time = Clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var crc = Crc32.HashToUInt32(Encoding.UTF8.GetBytes(body)).ToString(CultureInfo.InvariantCulture);
        var signed = key.Value.Rsa.SignData(
            Encoding.UTF8.GetBytes($"{id}|{time}|{webhookId ?? options.WebhookId}|{crc}"), HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1);
        return new Dictionary<string, string>
        {
            ["PAYPAL-TRANSMISSION-ID"] = id,
            ["PAYPAL-TRANSMISSION-TIME"] = time,
            ["PAYPAL-TRANSMISSION-SIG"] = Convert.ToBase64String(signed),
            ["PAYPAL-CERT-URL"] = new Uri(account.Address(), CertificatesPath + key.Value.CertificateName).ToString(),
            ["PAYPAL-AUTH-ALGO"] = "SHA256withRSA",
        };
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (key.IsValueCreated)
            key.Value.Rsa.Dispose();
    }

    protected override string BodyOf(string eventId)
    {
        lock (account.Gate)
            return account.EventById(eventId).ToJsonString();
    }

    protected override IReadOnlyDictionary<string, string> Headers(string body) => Sign(body);

    private sealed record SigningKey(RSA Rsa, string CertificatePem, string CertificateName)
    {
        public static SigningKey Make(DateTimeOffset now)
        {
            var rsa = RSA.Create(2048);
            var request = new CertificateRequest(
                "CN=messageverificationcerts.paypal.com", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
            return new SigningKey(rsa, certificate.ExportCertificatePem(), $"CERT-{certificate.Thumbprint}");
        }
    }
}
