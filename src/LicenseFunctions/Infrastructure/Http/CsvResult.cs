using System.Globalization;
using System.Reflection;
using System.Text.Json;
using CsvHelper;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Writes rows as CSV (RFC 4180). The header has the names of the JSON fields.</summary>
public sealed class CsvResult<T>(IEnumerable<T> rows) : IResult
{
    private static readonly PropertyInfo[] Columns = typeof(T).GetProperties();

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "text/csv; charset=utf-8";
        // Fields that a spreadsheet would execute as a formula start with an apostrophe.
        await using var csv = CsvWriter.Create(
            httpContext.Response.Body, CsvWriterOptions.Default with { Injection = CsvInjection.Escape }, leaveOpen: true);
        csv.WriteHeader(Array.ConvertAll(Columns, column => JsonNamingPolicy.SnakeCaseLower.ConvertName(column.Name)));
        foreach (var row in rows)
            await csv.WriteRecordAsync(Array.ConvertAll(Columns, column => Text(column.GetValue(row))), httpContext.RequestAborted);
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        DateTime time => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}

public static class CsvRequest
{
    /// <summary>Whether the Accept header prefers CSV to JSON.</summary>
    public static bool PrefersCsv(this HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double Quality(string type) =>
            accepted.Where(one => one.MediaType == type).Select(one => one.Quality ?? 1).DefaultIfEmpty(0).Max();
        return Quality("text/csv") > Quality("application/json");
    }
}
