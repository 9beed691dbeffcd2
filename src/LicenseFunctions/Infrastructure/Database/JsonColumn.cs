using System.Data;
using System.Text.Json;
using Dapper;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Reads a jsonb column as JSON, for answers that contain it unchanged.</summary>
internal sealed class JsonColumn : SqlMapper.TypeHandler<JsonElement>
{
    public override JsonElement Parse(object value) => JsonSerializer.Deserialize<JsonElement>((string)value);

    public override void SetValue(IDbDataParameter parameter, JsonElement value) =>
        throw new NotSupportedException("JSON is written as text with a cast.");
}
