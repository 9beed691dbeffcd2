using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Stripe's list of events.</summary>
public sealed class StripeEvents(StripeClient client, StripeWebhooks webhooks, TimeProvider clock, ILogger<StripeEvents> log)
    : IPaymentEventList
{
    private static readonly string Types = string.Join('&', StripeWebhooks.Types.Select(type => $"types[]={type}"));

    private readonly StripeLists lists = new(client, clock, log);

    public string Provider => PaymentProviders.Stripe;

    public TimeSpan Kept => TimeSpan.FromDays(30);

    public async Task<Outcome<ListedEventPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var page = await lists.ReadAsync($"/v1/events?{StripeLists.Created(from, until)}&{Types}", after, cancellationToken);
        return page.Match<Outcome<ListedEventPage>>(
            read => new ListedEventPage([.. read.Items.Select(item => Listed(StripeEventBody.Of(item, from)))], read.Next),
            refusal => refusal);
    }

    private ListedEvent Listed(StripeEventBody made) => new(made.Id, made.Type, made.CreatedAt, token => webhooks.MapAsync(made, token));
}
