using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// The certificates with which PayPal signs webhooks. A webhook names the address of its certificate, so only addresses of PayPal are
/// read; everything else would let anybody sign. Each is read once and kept.
/// </summary>
public sealed class PayPalCertificates(HttpClient http, PayPalSettings settings, TimeProvider clock) : IDisposable
{
    // PayPal has one certificate at a time. The limit bounds the memory if a sender invents addresses of paypal.com that answer.
    private const int Most = 8;

    private const int LargestFile = 64 * 1024;

    private static readonly TimeSpan Kept = TimeSpan.FromHours(12);

    private readonly ConcurrentDictionary<Uri, (X509Certificate2 Certificate, DateTimeOffset Until)> known = new();

    /// <returns>
    /// The certificate's key; null if the address is not PayPal's, or if there is no certificate that is valid now.
    /// </returns>
    /// <exception cref="HttpRequestException">PayPal doesn't answer.</exception>
    public async Task<RSA?> KeyAsync(string? address, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || !IsTrusted(url)) return null;
        var now = clock.GetUtcNow();
        if (!known.TryGetValue(url, out var entry) || entry.Until <= now)
        {
            if (await ReadAsync(url, cancellationToken) is not { } certificate) return null;
            if (known.Count >= Most) known.Clear();
            known[url] = entry = (certificate, now + Kept);
        }

        return now >= entry.Certificate.NotBefore.ToUniversalTime() && now < entry.Certificate.NotAfter.ToUniversalTime()
            ? entry.Certificate.GetRSAPublicKey()
            : null;
    }

    /// <summary>
    /// https on a host of paypal.com. If PAYPAL_API_URL names another host, which is a stand-in of a test, certificates are read from
    /// exactly that one.
    /// </summary>
    private bool IsTrusted(Uri url) => IsPayPal(settings.ApiUrl.Host)
        ? url.Scheme == Uri.UriSchemeHttps && url.IsDefaultPort && url.UserInfo.Length == 0 && IsPayPal(url.Host)
        : url.Scheme == settings.ApiUrl.Scheme && url.Authority == settings.ApiUrl.Authority && url.UserInfo.Length == 0;

    private static bool IsPayPal(string host) =>
        host.Equals("paypal.com", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".paypal.com", StringComparison.OrdinalIgnoreCase);

    private async Task<X509Certificate2?> ReadAsync(Uri url, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(settings.SendTimeout);
        using var answer = await http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
        // A 404, or a redirect, which is not followed: the address has no certificate. A 5xx is repeated with the webhook.
        if ((int)answer.StatusCode is >= 300 and < 500) return null;
        answer.EnsureSuccessStatusCode();
        if (answer.Content.Headers.ContentLength is > LargestFile) return null;
        await answer.Content.LoadIntoBufferAsync(LargestFile, timeout.Token);
        try
        {
            return X509Certificate2.CreateFromPem(await answer.Content.ReadAsStringAsync(timeout.Token));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        foreach (var (certificate, _) in known.Values) certificate.Dispose();
    }
}
