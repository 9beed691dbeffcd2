using LicenseFunctions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Pages;

/// <summary>The web pages of customers and operators.</summary>
public sealed class PageFunctions(ServePage serve, PageSettings settings)
{
    // The default lets / reach this function, too, which sends it on to /app/: a function has one route.
    private const string Route = "{root:regex(^app$)=app}/{*path}";

    [Function("Page")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("The pages of customers and operators, and the widget.")]
    public IResult Page([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Route)] HttpRequest request) => serve.Run(request);

    // Named so that it stands before Page, which matches its route as well: the Functions host takes the first in the order of the names.
    [Function("GetPageConfig")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Where to sign in, and how cards are saved: what the pages know before anybody is signed in.", Reply = typeof(PageSettings))]
    public IResult Config([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "app/config.json")] HttpRequest request) =>
        Results.Json(settings, Json.Options);
}
