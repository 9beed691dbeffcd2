using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Licensing;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>The JSON format of requests and answers: snake_case names, upper-case words for enums, nulls included.</summary>
public static class Json
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { EnumWords.Json },
        // The default escapes + and ' for use within HTML, so a secret that is copied from an answer would not work.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        // The schema exporter of /openapi.json needs a resolver, and it may be the first to use the options.
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };
}
