using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments;

/// <param name="Entries">At most 500, in any order.</param>
/// <param name="Next">The entry after which the next page begins; null if this page is the last.</param>
public sealed record StatementPage(IReadOnlyList<StatementEntry> Entries, string? Next);

/// <summary>
/// The balance of the account at the payment provider. If the provider doesn't answer, a read is a refusal, never an empty result.
/// </summary>
public interface IPaymentStatement
{
    /// <summary>The value of user_payment_methods.payment_provider.</summary>
    string Provider { get; }

    /// <summary>How long after the end of a period all its entries can be read.</summary>
    TimeSpan Delay => TimeSpan.FromHours(1);

    /// <summary>One page of the entries that were created in the interval.</summary>
    /// <param name="from">Inclusive; whole seconds.</param>
    /// <param name="until">Exclusive; whole seconds.</param>
    /// <param name="after">See <see cref="StatementPage.Next"/>; null for the first page.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    Task<Outcome<StatementPage>> ReadAsync(DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken);

    /// <summary>Whether the balance has an entry of this charge, intent, refund or dispute, at any time.</summary>
    Task<Outcome<bool>> HasAsync(string providerId, CancellationToken cancellationToken);

    /// <summary>Whether the money of this refund or dispute left the balance, at any time, and did not come back.</summary>
    Task<Outcome<bool>> IsWithdrawnAsync(string providerId, CancellationToken cancellationToken);
}
