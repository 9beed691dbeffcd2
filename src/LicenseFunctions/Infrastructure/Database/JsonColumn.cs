using System.Data;
using System.Text.Json;
using Dapper;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Reads a jsonb column as it is, for answers that pass it on.</summary>
internal sealed class JsonColumn : SqlMapper.TypeHandler<JsonElement>
{
    public override JsonElement Parse(object value) => JsonSerializer.Deserialize<JsonElement>((string)value);

    public override void SetValue(IDbDataParameter parameter, JsonElement value) => throw new NotSupportedException("JSON is written as text with a cast.");
}
