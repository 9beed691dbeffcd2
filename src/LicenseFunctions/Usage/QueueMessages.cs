using System.Text.Json;
using Licensing.Usage;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Usage;

/// <summary>Joins the bodies of a batch with the properties that the trigger reports.</summary>
internal static class QueueMessages
{
    public static UsageMessage[] Of(byte[][] bodies, FunctionContext context)
    {
        // Only StandaloneHost reports content encodings. Under a Functions host, gzip is recognized by its first bytes.
        var encodings = context.BindingContext.BindingData.TryGetValue("ContentEncodingArray", out var json) && json is string text
            ? JsonSerializer.Deserialize<string?[]>(text)
            : null;
        return [.. bodies.Select((body, i) => new UsageMessage(body, encodings?[i]))];
    }
}
