using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>An event of a provider's list.</summary>
/// <param name="Id">The provider's id of the event.</param>
/// <param name="Type">The provider's type.</param>
/// <param name="ReadAsync">Maps the event. This may ask the provider.</param>
public sealed record ListedEvent(
    string Id, string Type, DateTimeOffset CreatedAt, Func<CancellationToken, Task<PaymentEvent>> ReadAsync);

/// <param name="Events">The newest first.</param>
/// <param name="Next">Where the next page begins; null if this page is the last.</param>
public sealed record ListedEventPage(IReadOnlyList<ListedEvent> Events, string? Next);

/// <summary>A provider's own list of events. It has every event, whether a webhook delivered it or not.</summary>
public interface IPaymentEventList
{
    /// <summary>The value of user_payment_methods.payment_provider.</summary>
    string Provider { get; }

    /// <summary>How long the provider lists an event.</summary>
    TimeSpan Kept { get; }

    /// <summary>One page of the events that were created in the interval, of the types that have an effect here.</summary>
    /// <param name="from">Inclusive.</param>
    /// <param name="until">Exclusive; a provider may list later events, too.</param>
    /// <param name="after">See <see cref="ListedEventPage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    Task<Outcome<ListedEventPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken);
}
