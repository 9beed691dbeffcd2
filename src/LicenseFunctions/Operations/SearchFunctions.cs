using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The search of the operators' pages. The text is in the body, because it may be a token or a mail address.</summary>
public sealed class SearchFunctions(SearchCustomers search)
{
    [Function("Search")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Finds customers by a part of a mail address, and by account number, EA instance, IP address, token, or ID, also of the provider.",
        Body = typeof(SearchQuery), Reply = typeof(SearchResults))]
    public async Task<IResult> Search(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/search")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<SearchQuery>(cancellationToken);
        return body.Refusal is { } refusal ? refusal.ToResult() : (await search.RunAsync(body.Value, cancellationToken)).ToResult();
    }
}
