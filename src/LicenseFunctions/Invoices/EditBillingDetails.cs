using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <param name="Name">The person or company that pays.</param>
/// <param name="Address">Up to five lines, without the country.</param>
/// <param name="Country">A code of ISO 3166-1, such as DE.</param>
/// <param name="TaxId">With the country's prefix, such as DE123456789.</param>
public sealed record NewBillingDetails(string Name, string? Address = null, string? Country = null, string? TaxId = null);

/// <param name="Details">Null if the customer has not given any.</param>
/// <param name="Countries">The codes to choose from.</param>
public sealed record BillingDetailsReply(BillingDetails? Details, IReadOnlyList<string> Countries)
{
    private static readonly IReadOnlyList<string> Codes =
        [.. Licensing.Invoices.Countries.Codes.Order(StringComparer.Ordinal)];

    public static BillingDetailsReply Of(BillingDetails? details) => new(details, Codes);
}

/// <summary>Shows and changes what the customer wants on invoices.</summary>
public sealed class EditBillingDetails(LicenseDatabase database, BillingDetailsStore store)
{
    private static readonly Refusal AccountClosed = new(
        RefusalKind.Conflict, "ACCOUNT_CLOSED", "The account is closed, so its details can't be changed.");

    public async Task<BillingDetailsReply> ShowAsync(Guid userId, CancellationToken cancellationToken) =>
        BillingDetailsReply.Of(await database.ReadLatestAsync(token => store.FindAsync(userId, token), cancellationToken));

    public async Task<Outcome<BillingDetailsReply>> SaveAsync(
        NewBillingDetails asked, Caller caller, CancellationToken cancellationToken)
    {
        var details = BillingDetails.Of(asked.Name, asked.Address, asked.Country, asked.TaxId);
        if (details.Refusal is { } refusal)
            return refusal;
        return await store.SaveAsync(caller.UserId!.Value, details.Value, caller.ToActor(), cancellationToken)
            ? BillingDetailsReply.Of(details.Value)
            : AccountClosed;
    }
}
