using LicenseFunctions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Pages;

/// <summary>The web pages of customers and operators.</summary>
public sealed class PageFunctions(ServePage serve, PageSettings settings)
{
    [Function("Page")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("The pages of customers and operators, and the widget.")]
    public IResult Page([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "app/{*path}")] HttpRequest request) => serve.Run(request);

    [Function("PageConfig")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Where to sign in, and how cards are saved: what the pages know before anybody is signed in.", Reply = typeof(PageSettings))]
    public IResult Config([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "app/config.json")] HttpRequest request) =>
        Results.Json(settings, Json.Options);
}
