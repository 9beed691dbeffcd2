using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// The certificates with which PayPal signs webhooks. A webhook names the address of its certificate, so only addresses of the API's own
/// environment are read; otherwise anybody could sign. Each is read once and kept, also if it has no certificate. Anybody can
/// invent addresses: they neither delay nor replace a certificate that is known.
/// </summary>
public sealed partial class PayPalCertificates(HttpClient http, PayPalSettings settings, TimeProvider clock) : IDisposable
{
    /// <summary>PayPal has one certificate at a time. The limit bounds the memory.</summary>
    private const int Most = 8;

    /// <summary>How many addresses that are not known yet are read in a minute: a sender can invent any number.</summary>
    private const int MostReads = 8;

    private const int LargestFile = 64 * 1024;

    private static readonly TimeSpan Kept = TimeSpan.FromHours(12);
    private static readonly TimeSpan KeptWithout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<Uri, Entry> known = [];
    private readonly Dictionary<Uri, DateTimeOffset> without = [];
    private (DateTimeOffset Since, int Reads) window;

    private sealed record Entry(X509Certificate2 Certificate, DateTimeOffset ReadAgainAt)
    {
        public bool IsValid(DateTimeOffset now) =>
            now >= Certificate.NotBefore.ToUniversalTime() && now < Certificate.NotAfter.ToUniversalTime();
    }

    [GeneratedRegex(@"^/v1/notifications/certs/[A-Za-z0-9_-]{1,100}\z")]
    private static partial Regex Path { get; }

    /// <returns>
    /// The certificate's key; null if the address is not PayPal's, or if there is no certificate that is valid now.
    /// </returns>
    /// <exception cref="HttpRequestException">PayPal doesn't answer, or too many unknown addresses were named.</exception>
    public async Task<RSA?> KeyAsync(string? address, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || !IsTrusted(url)) return null;
        var now = clock.GetUtcNow();
        if (Find(url, now) is { } entry)
        {
            if (entry.ReadAgainAt <= now) entry = await ReadAgainAsync(url, entry, now, cancellationToken);
            return entry?.Certificate.GetRSAPublicKey();
        }

        if (IsWithout(url, now)) return null;
        if (await ReadAsync(url, cancellationToken) is { } certificate && new Entry(certificate, now + Kept) is var made
            && made.IsValid(now))
            return Keep(url, made, now).Certificate.GetRSAPublicKey();
        Remember(url, now + KeptWithout);
        return null;
    }

    private Entry? Find(Uri url, DateTimeOffset now)
    {
        lock (gate) return known.TryGetValue(url, out var entry) && entry.IsValid(now) ? entry : null;
    }

    // PayPal may have withdrawn the certificate. Until it answers, and for all requests meanwhile, the known one counts.
    private async Task<Entry?> ReadAgainAsync(Uri url, Entry entry, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Keep(url, entry with { ReadAgainAt = now + KeptWithout }, now);
        try
        {
            if (await ReadAsync(url, cancellationToken) is { } certificate) return Keep(url, new Entry(certificate, now + Kept), now);
        }
        catch (Exception lost) when (lost is HttpRequestException or IOException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return entry;
        }

        lock (gate) known.Remove(url);
        Remember(url, now + KeptWithout);
        return null;
    }

    // A certificate that is known is not replaced by another one while it is valid.
    private Entry Keep(Uri url, Entry entry, DateTimeOffset now)
    {
        lock (gate)
        {
            if (known.Count >= Most)
                foreach (var (old, _) in known.Where(one => !one.Value.IsValid(now)).ToList()) known.Remove(old);
            if (known.Count < Most || known.ContainsKey(url)) known[url] = entry;
            return entry;
        }
    }

    /// <summary>
    /// The folder of certificates on api.paypal.com or, for the sandbox, on api.sandbox.paypal.com. If PAYPAL_API_URL names another host,
    /// which is a stand-in of a test, certificates are read from exactly that one. A certificate has one address: there is no other way to
    /// write it.
    /// </summary>
    private bool IsTrusted(Uri url)
    {
        if (!url.OriginalString.EndsWith(url.AbsolutePath, StringComparison.Ordinal) || !Path.IsMatch(url.AbsolutePath)
            || url.UserInfo.Length > 0) return false;
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
        foreach (var entry in known.Values) entry.Certificate.Dispose();
    }
}
