using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.PaymentMethods;

/// <param name="AvailableUsd">What the wallet can pay: its balance without reserved amounts.</param>
/// <param name="Entries">The newest first.</param>
/// <param name="Next">The after of the next page; null on the last page.</param>
public sealed record Wallet(
    Guid UserId, decimal BalanceUsd, decimal ReservedUsd, decimal AvailableUsd, IReadOnlyList<WalletEntry> Entries, Guid? Next);

/// <summary>Shows a customer's wallet on the platform and its entries.</summary>
public sealed class ShowWallet(LicenseDatabase database, WalletStore store)
{
    private const int MaxPage = 100;

    /// <summary>Entries in a CSV file.</summary>
    private const int MaxRows = 10_000;

    public async Task<Outcome<Wallet>> RunAsync(IQueryCollection query, Caller caller, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var (limit, after) = (parameters.Number("limit", 1, MaxPage, 25), parameters.After());
        if (parameters.Refusal is { } wrong)
            return wrong;

        return await QueriedCustomer.Of(query, caller).Match(
            userId => ReadAsync(userId, after, limit, cancellationToken), refusal => Task.FromResult<Outcome<Wallet>>(refusal));
    }

    /// <summary>All entries, for a file.</summary>
    public async Task<Outcome<IReadOnlyList<WalletEntry>>> FileAsync(
        IQueryCollection query, Caller caller, CancellationToken cancellationToken) =>
        await QueriedCustomer.Of(query, caller).Match<Task<Outcome<IReadOnlyList<WalletEntry>>>>(
            userId => database.ReadLatestAsync<Outcome<IReadOnlyList<WalletEntry>>>(
                async token =>
                {
                    if (caller.IsOperator && await store.BalanceAsync(userId, token) is null)
                        return CustomerNotFound.Refusal;
                    return new(await store.EntriesAsync(userId, null, MaxRows, token));
                },
                cancellationToken),
            refusal => Task.FromResult<Outcome<IReadOnlyList<WalletEntry>>>(refusal));

    private Task<Outcome<Wallet>> ReadAsync(Guid userId, Guid? after, int limit, CancellationToken cancellationToken) =>
        database.ReadLatestAsync<Outcome<Wallet>>(async token =>
        {
            if (await store.BalanceAsync(userId, token) is not { } wallet)
                return CustomerNotFound.Refusal;
            var entries = await store.EntriesAsync(userId, after, limit + 1, token);
            return new Wallet(
                userId, wallet.BalanceUsd, wallet.ReservedUsd, Math.Max(0, wallet.BalanceUsd - wallet.ReservedUsd),
                [.. entries.Take(limit)], entries.Count > limit ? entries[limit - 1].EntryId : null);
        }, cancellationToken);
}
