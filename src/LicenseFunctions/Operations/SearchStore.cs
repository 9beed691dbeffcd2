using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Search;

namespace LicenseFunctions.Operations;

/// <param name="Kind">
/// customer, license, device, refused_device (of the alert with this id), alert, payment, invoice, token, case (a payment to decide) or
/// dispute (of a payment that no renewal has).
/// </param>
/// <param name="UserId">The customer that it belongs to; null if none is known.</param>
/// <param name="SubscriptionId">The license that it belongs to; null for a customer.</param>
/// <param name="Label">What the text was found in. Of a token, the beginning of its hash.</param>
/// <param name="Detail">For example, the account number of a device, or the status of a payment.</param>
public sealed record SearchHit(
    string Kind, Guid Id, Guid? UserId, string? Email, Guid? SubscriptionId, string? Master, string Label, string? Detail);

/// <summary>Searches customers and what belongs to them.</summary>
public sealed class SearchStore(LicenseDatabase database)
{
    private const string Find = """
        select f.kind, f.id, f.user_id, u.email, f.subscription_id,
               (select split_part(m.email, '@', 1) from subscriptions s join users m on m.user_id = s.master_id
                where s.subscription_id = f.subscription_id) as master,
               f.label, f.detail
        from find_customers(@AddressPart, @Account, @Network::cidr, @IdFrom, @IdTo, @TokenHash, @HashFrom, @HashTo,
                            @TokenBeginning, @EaBeginning, @ProviderId, @InvoiceNumber, @most) f
        left join users u on u.user_id = f.user_id
        """;

    /// <param name="most">The most hits of each meaning of the text.</param>
    public async Task<IReadOnlyList<SearchHit>> FindAsync(SearchText text, int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<SearchHit>(new CommandDefinition(Find, new
        {
            text.AddressPart,
            text.Account,
            text.Network,
            text.IdFrom,
            text.IdTo,
            text.TokenHash,
            text.HashFrom,
            text.HashTo,
            text.TokenBeginning,
            text.EaBeginning,
            text.ProviderId,
            text.InvoiceNumber,
            most,
        }, cancellationToken: session.Token))).AsList();
    }
}
