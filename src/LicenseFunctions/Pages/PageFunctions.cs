using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Pages;

/// <summary>The web pages of customers and operators.</summary>
public sealed class PageFunctions(ServePage serve, PageSettings settings)
{
    // A function has one route. The default value makes this one also match /, which is redirected to /app/.
    private const string Route = "{root:regex(^app$)=app}/{*path}";

    [Function("Page")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Returns the web pages of customers and operators, and the widget.", Media = "text/html")]
    public IResult Page([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Route)] HttpRequest request) => serve.Run(request);

    // The name must sort before Page, whose route also matches: the Functions host uses the first match in the order of the names.
    [Function("GetPageConfig")]
    [Access(CallerRole.Anonymous), Unlimited]
    [Operation("Returns what the pages need before the sign-in: the OIDC issuer, the settings of the card form, and the brand.",
        Reply = typeof(PageSettings))]
    public IResult Config([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "app/config.json")] HttpRequest request) =>
        Results.Json(settings, Json.Options);
}
