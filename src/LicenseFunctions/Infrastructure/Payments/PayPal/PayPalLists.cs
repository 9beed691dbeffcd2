using System.Globalization;
using System.Net;
using System.Text.Json;
using Licensing;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// Reads PayPal's lists and objects. A request that is throttled or not answered is repeated, so that a long read doesn't start over.
/// </summary>
internal sealed class PayPalLists(PayPalClient client, TimeProvider clock, ILogger log)
{
    private const int Tries = 4;

    private static readonly Refusal KeyRejected = new(
        RefusalKind.Failed, "PAYMENT_PROVIDER_KEY_REJECTED", "The payment provider rejects the credentials of this backend.",
        Hint: "An operator must check PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET, and the features of the app in PayPal's dashboard: "
            + "transaction search and disputes.");

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
        try
        {
            var answer = await client.GetAsync(path, cancellationToken);
            if (answer.IsSuccess) return answer.Body.ValueKind is JsonValueKind.Object ? answer.Body : ProviderRefusals.Unavailable;
            log.LogWarning("PayPal answered {Status} {Issue} to {Path}, debug id {DebugId}", (int)answer.Status, answer.Issue,
                path.Split('?')[0], answer.DebugId);
            return answer switch
            {
                { IsFinalRefusal: true } => ProviderRefusals.Refused,
                { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden } => KeyRejected,
                _ => ProviderRefusals.Unavailable,
            };
        }
        catch (Exception lost) when (lost is HttpRequestException or IOException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return ProviderRefusals.Unavailable;
        }
    }
}
