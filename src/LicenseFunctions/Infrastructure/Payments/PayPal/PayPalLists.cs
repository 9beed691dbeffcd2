using System.Globalization;
using System.Text.Json;
using Licensing;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// Reads PayPal's lists and objects. A request that is throttled or not answered is repeated, so that a long read doesn't start over.
/// </summary>
internal sealed class PayPalLists(PayPalClient client, TimeProvider clock)
{
    private const int Tries = 4;

    /// <param name="path">With its query.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<Outcome<JsonElement>> GetAsync(string path, CancellationToken cancellationToken)
    {
        for (var tried = 1; ; tried++)
        {
            var read = await TryAsync(path, cancellationToken);
            if (read.Refusal?.Kind is not RefusalKind.Unavailable || tried == Tries) return read;
            await Task.Delay(TimeSpan.FromMilliseconds(500 << tried), clock, cancellationToken);
        }
    }

    /// <summary>A time as a query has it; whole seconds.</summary>
    public static string Time(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private async Task<Outcome<JsonElement>> TryAsync(string path, CancellationToken cancellationToken)
    {
        var read = await client.AskAsync(path.Split('?')[0], token => client.GetAsync(path, token), cancellationToken);
        return read.Refusal is null && read.Value.ValueKind is not JsonValueKind.Object ? ProviderRefusals.Unavailable : read;
    }
}
