using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Home;

/// <summary>Lists licenses, or shows one as lists do.</summary>
public sealed class ListFunctions(ListLicenses list)
{
    [Function("ListLicenses")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Lists the caller's licenses; for operators, all. search is a part of the subscriber's address or the start of an id. Also as CSV.",
        Reply = typeof(LicensePage), Media = "text/csv", Query = ["search", "status", "user_id", "after", "limit"])]
    public Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.RunAsync(request, request.HttpContext.Caller().SubscriberScope, cancellationToken);

    [Function("GetLicense")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Shows one license as the list does.", Reply = typeof(ListedLicense))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await list.FindAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();
}
