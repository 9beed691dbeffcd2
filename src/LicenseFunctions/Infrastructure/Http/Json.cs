using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>The one form of JSON at the edge: snake_case names, enums in upper case, as the guide's words are, nulls present.</summary>
public static class Json
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper) },
        // The schemas of /openapi.json may be the first to ask, and they take no default.
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };
}
