using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// The certificates with which PayPal signs webhooks. A webhook names the address of its certificate, so only addresses of the API's own
/// environment are read; everything else would let anybody sign. Each is read once and kept, also if it has no certificate.
/// </summary>
public sealed class PayPalCertificates(HttpClient http, PayPalSettings settings, TimeProvider clock) : IDisposable
{
    private const string Folder = "/v1/notifications/certs/";

    /// <summary>PayPal has one certificate at a time. The limit bounds the memory.</summary>
    private const int Most = 8;

    /// <summary>How many addresses that are not known yet are read in a minute: a sender can invent any number.</summary>
    private const int MostReads = 8;

    private const int LargestFile = 64 * 1024;

    private static readonly TimeSpan Kept = TimeSpan.FromHours(12);
    private static readonly TimeSpan KeptWithout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<Uri, (X509Certificate2 Certificate, DateTimeOffset Until)> known = new();
    private readonly Dictionary<Uri, DateTimeOffset> without = [];
    private (DateTimeOffset Since, int Reads) window;

    /// <returns>
    /// The certificate's key; null if the address is not PayPal's, or if there is no certificate that is valid now.
    /// </returns>
    /// <exception cref="HttpRequestException">PayPal doesn't answer, or too many unknown addresses were named.</exception>
    public async Task<RSA?> KeyAsync(string? address, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || !IsTrusted(url)) return null;
        var now = clock.GetUtcNow();
        if (!known.TryGetValue(url, out var entry) || entry.Until <= now)
        {
            if (IsWithout(url, now)) return null;
            if (await ReadAsync(url, cancellationToken) is not { } certificate)
            {
                Remember(url, now + KeptWithout);
                return null;
            }

            if (known.Count >= Most) known.Clear();
            known[url] = entry = (certificate, now + Kept);
        }

        return now >= entry.Certificate.NotBefore.ToUniversalTime() && now < entry.Certificate.NotAfter.ToUniversalTime()
            ? entry.Certificate.GetRSAPublicKey()
            : null;
    }

    /// <summary>
    /// The folder of certificates on api.paypal.com or, for the sandbox, on api.sandbox.paypal.com. If PAYPAL_API_URL names another host,
    /// which is a stand-in of a test, certificates are read from exactly that one.
    /// </summary>
    private bool IsTrusted(Uri url)
    {
        if (!url.AbsolutePath.StartsWith(Folder, StringComparison.Ordinal) || url.UserInfo.Length > 0 || url.Query.Length > 0) return false;
        var api = settings.ApiUrl;
        return HostOf(api) is { } host
            ? url.Scheme == Uri.UriSchemeHttps && url.IsDefaultPort && url.Host.Equals(host, StringComparison.OrdinalIgnoreCase)
            : url.Scheme == api.Scheme && url.Authority == api.Authority;
    }

    private static string? HostOf(Uri api) => api.Host.ToLowerInvariant() switch
    {
        "api.paypal.com" or "api-m.paypal.com" => "api.paypal.com",
        "api.sandbox.paypal.com" or "api-m.sandbox.paypal.com" => "api.sandbox.paypal.com",
        _ => null,
    };

    private bool IsWithout(Uri url, DateTimeOffset now)
    {
        lock (gate)
        {
            if (without.TryGetValue(url, out var until) && until > now) return true;
            if (now - window.Since >= Window) window = (now, 0);
            if (window.Reads >= MostReads)
                throw new HttpRequestException("Too many addresses of certificates are unknown. PayPal will send the event again.");
            window.Reads++;
            return false;
        }
    }

    private void Remember(Uri url, DateTimeOffset until)
    {
        lock (gate)
        {
            // With the limit of reads, there are never more than those of the time for which they are kept.
            foreach (var (old, end) in without)
                if (end <= until - KeptWithout) without.Remove(old);
            without[url] = until;
        }
    }

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
