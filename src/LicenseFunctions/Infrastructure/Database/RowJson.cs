using System.Text.Json;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>JSON that is kept in rows: snake_case, as at the edge.</summary>
public static class RowJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static string Of(object value) => JsonSerializer.Serialize(value, Options);
}
