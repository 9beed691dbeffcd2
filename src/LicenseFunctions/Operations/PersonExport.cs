using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Operations;

/// <summary>A person's data as one JSON object with the rows of each table.</summary>
public static class PersonExport
{
    private const int Buffered = 64 * 1024;

    public static async Task WriteAsync(
        Stream output, Guid userId, IAsyncEnumerable<PersonRow> rows, CancellationToken cancellationToken)
    {
        await using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("user_id", userId);
        string? table = null;
        await foreach (var row in rows)
        {
            if (row.TableName != table)
            {
                if (table is not null)
                    json.WriteEndArray();
                json.WriteStartArray(table = row.TableName);
            }

            json.WriteRawValue(row.Json);
            // The output is streamed: a year of usage is large.
            if (json.BytesPending > Buffered)
                await json.FlushAsync(cancellationToken);
        }

        if (table is not null)
            json.WriteEndArray();
        json.WriteEndObject();
    }
}

/// <summary>Answers with a person's data as a file.</summary>
internal sealed class PersonExportResult(Guid userId, IAsyncEnumerable<PersonRow> rows) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "application/json; charset=utf-8";
        httpContext.Response.Headers.ContentDisposition = $"attachment; filename=\"person-{userId}.json\"";
        httpContext.Response.Headers.CacheControl = "no-store";
        return PersonExport.WriteAsync(httpContext.Response.Body, userId, rows, httpContext.RequestAborted);
    }
}
