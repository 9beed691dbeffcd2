using System.Globalization;
using System.Text.Json;
using CsvHelper;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Answers with rows as CSV.</summary>
public sealed class CsvResult<T>(IEnumerable<T> rows) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "text/csv; charset=utf-8";
        return CsvRows.WriteAsync(httpContext.Response.Body, rows, httpContext.RequestAborted);
    }
}

/// <summary>Answers with rows as CSV while they are read.</summary>
public sealed class CsvStreamResult<T>(IAsyncEnumerable<T> rows) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "text/csv; charset=utf-8";
        return CsvRows.WriteAsync(httpContext.Response.Body, rows, httpContext.RequestAborted);
    }
}

/// <summary>Writes rows as CSV (RFC 4180). The header has the names of the JSON fields.</summary>
public static class CsvRows
{
    private const string FormulaSigns = "=@+-\t\r";

    public static Task WriteAsync<T>(Stream stream, IEnumerable<T> rows, CancellationToken cancellationToken) =>
        WriteAsync(stream, rows.ToAsyncEnumerable(), cancellationToken);

    public static async Task WriteAsync<T>(Stream stream, IAsyncEnumerable<T> rows, CancellationToken cancellationToken)
    {
        var columns = typeof(T).GetProperties();
        await using var csv = CsvWriter.Create(stream, CsvWriterOptions.Default, leaveOpen: true);
        csv.WriteHeader(Array.ConvertAll(columns, column => JsonNamingPolicy.SnakeCaseLower.ConvertName(column.Name)));
        await foreach (var row in rows.WithCancellation(cancellationToken))
            await csv.WriteRecordAsync(Array.ConvertAll(columns, column => Text(column.GetValue(row))), cancellationToken);
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        DateTime time => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        Enum word => JsonNamingPolicy.SnakeCaseUpper.ConvertName(word.ToString()),
        IEnumerable<string> words => WithoutFormula(string.Join(' ', words)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => WithoutFormula(value.ToString()!),
    };

    // A text that a spreadsheet would execute as a formula starts with an apostrophe. A number below 0 is none.
    private static string WithoutFormula(string text) => text.Length > 0 && FormulaSigns.Contains(text[0]) ? "'" + text : text;
}

public static class CsvRequest
{
    /// <summary>Answers with the rows of the reply as CSV if the request prefers that, else with the reply as JSON.</summary>
    public static IResult Answer<TReply, TRow>(this HttpRequest request, TReply reply, Func<TReply, IEnumerable<TRow>> rows) =>
        request.PrefersCsv() ? new CsvResult<TRow>(rows(reply)) : Results.Json(reply, Json.Options);

    /// <summary>Whether the Accept header prefers CSV to JSON.</summary>
    public static bool PrefersCsv(this HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double Quality(string type) =>
            accepted.Where(one => one.MediaType == type).Select(one => one.Quality ?? 1).DefaultIfEmpty(0).Max();
        return Quality("text/csv") > Quality("application/json");
    }
}
