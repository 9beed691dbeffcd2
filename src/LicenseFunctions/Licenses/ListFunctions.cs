using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Licenses;

/// <summary>Lists licenses, or shows one as lists do.</summary>
public sealed class ListFunctions(ListLicenses list)
{
    [Function("ListLicenses")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Lists the caller's licenses, or all for operators, by subscriber address. search is a part of the address or the start of an id.",
        Reply = typeof(LicensePage), Query = ["search", "status", "after", "limit"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("GetLicense")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Shows one license as the list does.", Reply = typeof(ListedLicense))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await list.FindAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();
}
