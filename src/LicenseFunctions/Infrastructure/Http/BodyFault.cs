using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Licensing;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Says which field of a JSON object doesn't match the type of a request, and what is expected.</summary>
/// <param name="request">The type of the request.</param>
/// <param name="body">A JSON object that can't be read as <paramref name="request"/>.</param>
internal sealed partial class BodyFault(Type request, JsonElement body)
{
    private const int LongestName = 50;

    private sealed record Expected(string What, string Example);

    /// <param name="wrong">What the serializer reports.</param>
    public Refusal ToRefusal(JsonException wrong)
    {
        var path = wrong.Path is { } found && found.StartsWith("$.", StringComparison.Ordinal) ? found["$.".Length..] : "";
        return Missing().Match(wrong.Message) is { Success: true, Groups: [_, var name] }
            ? IsMissing(path.Length == 0 ? name.Value : $"{path}.{name.Value}")
            : IsWrong(path);
    }

    private Refusal IsMissing(string field)
    {
        // A field with a wrong name is usually the missing one.
        var known = Json.Options.GetTypeInfo(request).Properties.Select(property => property.Name)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var unknown = body.EnumerateObject().Select(NameOf).FirstOrDefault(name => name is not null && !known.Contains(name));
        return new Refusal(
            RefusalKind.Invalid, "MISSING_FIELD", $"{field} is missing.", field,
            unknown is null ? Send(field) : $"{unknown} is not a field of this request. {Send(field)}");
    }

    private Refusal IsWrong(string field) => field.Length == 0
        ? new(RefusalKind.Invalid, "INVALID_FIELD", "The body doesn't match this request.", "$", "Compare the body with /openapi.json.")
        : new(RefusalKind.Invalid, "INVALID_FIELD", $"{field} must be {ExpectedAt(field).What}.", field, Send(field));

    private string Send(string field)
    {
        var name = field[(field.LastIndexOf('.') + 1)..];
        return $"Send \"{name}\": {ExpectedAt(field).Example}. /openapi.json describes the body.";
    }

    /// <param name="field">Names separated by dots, and indexes in brackets.</param>
    private Expected ExpectedAt(string field)
    {
        var type = request;
        foreach (Match part in Parts().Matches(field))
        {
            var info = Json.Options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
            var next = info.ElementType
                ?? info.Properties.FirstOrDefault(one => one.Name.Equals(part.Value, StringComparison.OrdinalIgnoreCase))?.PropertyType;
            if (next is null)
                break;
            type = next;
        }

        return Of(Nullable.GetUnderlyingType(type) ?? type);
    }

    private static Expected Of(Type type)
    {
        if (type == typeof(string))
            return new("a string", "\"…\"");
        if (type == typeof(bool))
            return new("true or false", "true");
        if (type == typeof(Guid))
            return new("a UUID", "\"00000000-0000-4000-8000-000000000000\"");
        if (type == typeof(DateTime) || type == typeof(DateTimeOffset))
            return new("a time with its offset", "\"2026-03-01T00:00:00Z\"");
        if (type == typeof(short) || type == typeof(int) || type == typeof(long))
            return new("a whole number", "1");
        if (type == typeof(decimal) || type == typeof(double))
            return new("a number", "49.99");
        if (type.IsEnum)
        {
            var words = Enum.GetValues(type).Cast<object>().Select(value => JsonSerializer.Serialize(value, type, Json.Options)).ToList();
            return new($"one of {string.Join(", ", words)}", words[0]);
        }

        return Json.Options.GetTypeInfo(type).Kind is JsonTypeInfoKind.Enumerable ? new("an array", "[…]") : new("an object", "{…}");
    }

    // The serializer skips a name that is not valid UTF-8.
    private static string? NameOf(JsonProperty property)
    {
        try
        {
            return property.Name is { Length: <= LongestName } name ? name : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    // The exception names missing properties only in its text. A test notices if the text of a later version differs.
    [GeneratedRegex("missing required properties including: '([^']+)'")]
    private static partial Regex Missing();

    [GeneratedRegex(@"[^.\[\]]+")]
    private static partial Regex Parts();
}
