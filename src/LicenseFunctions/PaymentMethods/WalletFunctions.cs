using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>The customer's wallet on the platform.</summary>
public sealed class WalletFunctions(ShowWallet show)
{
    [Function("ShowWallet")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Shows the caller's wallet and its entries; for operators, with user_id, a customer's. CSV has up to 10,000 entries.",
        Reply = typeof(Wallet), Media = "text/csv", Query = ["user_id", "after", "limit"])]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/wallet")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        return request.PrefersCsv()
            ? (await show.FileAsync(request.Query, caller, cancellationToken))
                .Match(entries => new CsvResult<WalletEntry>(entries), Problems.ToResult)
            : (await show.RunAsync(request.Query, caller, cancellationToken)).ToResult();
    }
}
