using Licensing;
using Microsoft.Extensions.Logging;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <param name="Events">At most 100, the newest first.</param>
/// <param name="Next">The event after which the next page begins; null if this page is the last.</param>
internal sealed record StripeEventPage(IReadOnlyList<StripeEventBody> Events, string? Next);

/// <summary>Stripe's list of events. It has every event, whether a webhook delivered it or not.</summary>
public sealed class StripeEvents(StripeClient client, StripeSettings settings, TimeProvider clock, ILogger<StripeEvents> log)
{
    /// <summary>Stripe lists events of the last 30 days.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    private static readonly string Types = string.Join('&', StripeWebhooks.Types.Select(type => $"types[]={type}"));

    private readonly StripeLists lists = new(client, clock, log);

    /// <summary>Whether Stripe is configured.</summary>
    public bool CanRead => settings.CanCharge;

    /// <summary>One page of the events that were created in the interval, of the types that have an effect here.</summary>
    /// <param name="from">Inclusive.</param>
    /// <param name="to">Exclusive.</param>
    /// <param name="after">See <see cref="StripeEventPage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    internal async Task<Outcome<StripeEventPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset to, string? after, CancellationToken cancellationToken)
    {
        var page = await lists.ReadAsync($"/v1/events?{StripeLists.Created(from, to)}&{Types}", after, cancellationToken);
        return page.Match<Outcome<StripeEventPage>>(
            read => new StripeEventPage([.. read.Items.Select(item => StripeEventBody.Of(item, from))], read.Next), refusal => refusal);
    }
}
