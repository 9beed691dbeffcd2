using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Usage;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <summary>Ingests usage records over HTTP: an array of at most 1,000 records.</summary>
public sealed class PostUsage(IngestUsage ingest)
{
    public const int BodyLimit = UsageMessage.MaxDecodedBytes;
    public const int MaxRecords = 1_000;

    public async Task<Outcome<IngestedUsage>> RunAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
            return RequestBody.NotJson;
        using var body = new MemoryStream((int)Math.Clamp(request.ContentLength ?? 0, 0, BodyLimit));
        await request.Body.CopyToAsync(body, cancellationToken);
        var json = new ReadOnlyMemory<byte>(body.GetBuffer(), 0, (int)body.Length);
        if (!JsonText.Trim(json.Span, out _).TrimStart(" \t\r\n"u8).StartsWith("["u8))
            return new Refusal(RefusalKind.Invalid, "NOT_AN_ARRAY", "The body must be a JSON array of usage records.");
        var batch = ingest.Read(json);
        if (batch.Bad is [(_, { Fault: { Code: UsageFault.InvalidJson } fault })])
            return new Refusal(RefusalKind.Invalid, fault.Code, "The body is not valid JSON. No record was stored.");
        if (batch.Good.Count + batch.Bad.Count > MaxRecords)
        {
            return new Refusal(
                RefusalKind.TooLarge, "TOO_MANY_RECORDS", "A request may contain at most 1,000 records.", Hint: "Send several requests.");
        }

        return await ingest.RunAsync(batch, "http", cancellationToken);
    }
}
