using System.Text.Json;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>The JSON format of columns: snake_case names, as in the API.</summary>
public static class RowJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static string Of(object value) => JsonSerializer.Serialize(value, Options);
}
