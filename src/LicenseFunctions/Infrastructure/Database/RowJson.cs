using System.Text.Json;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>JSON in columns: snake_case, as in the API.</summary>
public static class RowJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static string Of(object value) => JsonSerializer.Serialize(value, Options);
}
