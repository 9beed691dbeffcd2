using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Pages;

/// <summary>Answers with a file of the dashboard, its policy, and how long it may be kept.</summary>
public sealed class ServePage(PageFiles files, PageSettings settings)
{
    private const string Root = "/app";

    private const string NotBuilt =
        "The pages are not built here; the API works without them. Build them with Node.js 20: npm --prefix src/dashboard ci && npm --prefix src/dashboard run build, then start again.";

    public IResult Run(HttpRequest request)
    {
        var asked = request.Path.Value ?? Root;
        if (asked == "/" || asked.Equals(Root, StringComparison.OrdinalIgnoreCase))
            return Results.Redirect(Root + "/" + request.QueryString, permanent: true);

        var path = asked[(Root.Length + 1)..];
        var headers = request.HttpContext.Response.Headers;
        headers.ContentSecurityPolicy = PagePolicy.Of(path, settings);
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        if (files.Find(path) is not { } file)
            return files.AreBuilt ? Results.NotFound() : Results.Text(NotBuilt, statusCode: StatusCodes.Status404NotFound);

        headers.CacheControl = file.CacheControl;
        headers.Vary = "Accept-Encoding";
        headers.ETag = file.ETag;
        if (request.Headers.IfNoneMatch == file.ETag)
            return Results.StatusCode(StatusCodes.Status304NotModified);
        var packs = request.Headers.AcceptEncoding.ToString().Contains("br", StringComparison.OrdinalIgnoreCase);
        if (packs)
            headers.ContentEncoding = "br";
        return Results.Bytes(packs ? file.Compressed : file.Content, file.Type);
    }
}
