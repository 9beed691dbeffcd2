using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Pages;

/// <summary>The API's description, for programs and for people.</summary>
public sealed class ApiFunctions(ApiReference reference)
{
    [Function("OpenApi")]
    [Access(CallerRole.Anonymous)]
    [Operation("Returns this description (OpenAPI 3.1).", Media = "application/json")]
    public static IResult OpenApi([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "openapi.json")] HttpRequest request) =>
        Results.Bytes(OpenApiDocument.Json, "application/json");

    [Function("Docs")]
    [Access(CallerRole.Anonymous)]
    [Operation("Returns the same description as a web page.", Media = "text/html")]
    public IResult Docs([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "docs")] HttpRequest request)
    {
        var headers = request.HttpContext.Response.Headers;
        headers.ContentSecurityPolicy = reference.ContentSecurityPolicy;
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        return Results.Bytes(reference.Html, "text/html; charset=utf-8");
    }
}
