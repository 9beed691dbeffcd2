using System.Text.Json;
using CsvHelper;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Http;

/// <summary>Rows as CSV (RFC 4180, with a header of JSON's names), written as they come.</summary>
public sealed class CsvResult<T>(IAsyncEnumerable<T> rows) : IResult
{
    private static readonly string[] Names =
        [.. typeof(T).GetProperties().Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name))];

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "text/csv; charset=utf-8";
        // A field that a spreadsheet would run as a formula gets an apostrophe.
        var options = CsvWriterOptions.Default with { HasHeader = false, Injection = CsvInjection.Escape };
        await using var csv = CsvWriter.Create(httpContext.Response.Body, options, true);
        csv.WriteHeader(Names);
        await foreach (var row in rows.WithCancellation(httpContext.RequestAborted))
            await csv.WriteRecordAsync(row, httpContext.RequestAborted);
    }
}

public static class CsvRequest
{
    /// <summary>Whether the caller would rather have CSV than JSON.</summary>
    public static bool PrefersCsv(this HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double Quality(string type) => accepted.Where(one => one.MediaType == type).Select(one => one.Quality ?? 1).DefaultIfEmpty(0).Max();
        return Quality("text/csv") > Quality("application/json");
    }
}
