using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Pages;

/// <summary>Answers with a file of the dashboard, its Content-Security-Policy, and its cache headers.</summary>
public sealed class ServePage(PageFiles files, PageSettings settings)
{
    private const string Root = "/app";

    private const string NotBuilt =
        "The pages are not built; the API works without them. Build them with Node.js 20, then restart: " +
        "npm --prefix src/dashboard ci && npm --prefix src/dashboard run build";

    public IResult Run(HttpRequest request)
    {
        var requested = request.Path.Value ?? Root;
        if (requested == "/" || requested.Equals(Root, StringComparison.OrdinalIgnoreCase))
            return Results.Redirect(Root + "/" + request.QueryString, permanent: true);

        var path = requested[(Root.Length + 1)..];
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
        // Browsers offer Brotli only over a secure connection.
        if (Accepts(request, "br"))
            return Compressed("br", file.Brotli);
        return Accepts(request, "gzip") ? Compressed("gzip", file.Gzip) : Results.Bytes(file.Content, file.Type);

        IResult Compressed(string encoding, byte[] content)
        {
            headers.ContentEncoding = encoding;
            return Results.Bytes(content, file.Type);
        }
    }

    private static bool Accepts(HttpRequest request, string encoding) =>
        request.Headers.AcceptEncoding.ToString().Contains(encoding, StringComparison.OrdinalIgnoreCase);
}
