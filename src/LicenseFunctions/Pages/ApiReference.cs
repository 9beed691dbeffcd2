using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Fluid;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Pages;

/// <summary>Shows /openapi.json as a web page. The page is generated once, from that document, and has no script.</summary>
public sealed class ApiReference
{
    private const string Template = "pages/docs.html";
    private const string Styles = "pages/docs.css";

    private readonly Lazy<byte[]> html;

    public ApiReference()
    {
        var styles = Read(Styles);
        ContentSecurityPolicy = string.Join("; ",
            "default-src 'none'",
            $"style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(styles)))}'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'");
        html = new(() => Encoding.UTF8.GetBytes(Render(OpenApiDocument.Build(), styles)));
    }

    public byte[] Html => html.Value;

    /// <summary>Allows the page's own style sheet, by its hash, and nothing else.</summary>
    public string ContentSecurityPolicy { get; }

    private static string Render(JsonObject document, string styles)
    {
        var operations =
            from path in document["paths"]!.AsObject()
            from verb in path.Value!.AsObject()
            select Operation(verb.Key, path.Key, verb.Value!.AsObject());
        var groups = operations
            .GroupBy(operation => (string)operation["tag"]!, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (JsonNode)new JsonObject { ["name"] = group.Key, ["operations"] = new JsonArray([.. group]) });
        var model = new JsonObject
        {
            ["version"] = document["info"]!["version"]!.DeepClone(),
            ["groups"] = new JsonArray([.. groups]),
            ["problem"] = Fields("Fields of a problem", document["components"]!["schemas"]!["Problem"]!),
        };
        var context = new TemplateContext(model, new TemplateOptions(), allowModelMembers: false);
        var page = new FluidParser().Parse(Read(Template)).Render(context, HtmlEncoder.Default);
        // Inserted after rendering: the template would escape the style sheet, and its hash in the policy would no longer match.
        return page.Replace("<style></style>", $"<style>{styles}</style>", StringComparison.Ordinal);
    }

    private static JsonObject Operation(string verb, string path, JsonObject operation)
    {
        var roles = operation["x-roles"]!.AsArray().Select(role => (string)role!).ToList();
        return new JsonObject
        {
            ["id"] = operation["operationId"]!.DeepClone(),
            ["name"] = operation["operationId"]!.DeepClone(),
            ["tag"] = operation["tags"]![0]!.DeepClone(),
            ["method"] = verb.ToUpperInvariant(),
            ["path"] = path,
            ["summary"] = operation["summary"]!.DeepClone(),
            ["callers"] = roles.Contains(nameof(CallerRole.Anonymous)) ? "Anyone, without a token" : string.Join(", ", roles),
            ["tables"] = new JsonArray([.. Tables(operation)]),
        };
    }

    private static IEnumerable<JsonNode> Tables(JsonObject operation)
    {
        var parameters = operation["parameters"]!.AsArray();
        if (parameters.Count > 0)
        {
            yield return Table("Parameters", ["name", "in", "type", "required"], parameters.Select(parameter => new JsonArray(
                parameter!["name"]!.DeepClone(), parameter["in"]!.DeepClone(), TypeOf(parameter["schema"]!),
                (bool)parameter["required"]! ? "yes" : "no")));
        }

        if (operation["requestBody"]?["content"]?["application/json"]?["schema"] is { } body)
            yield return Fields("Body", body);
        foreach (var (status, reply) in operation["responses"]!.AsObject().Where(reply => reply.Key != "default"))
        {
            if (reply!["content"] is null)
                yield return Table($"Answer {status}, no body", [], []);
            foreach (var (media, described) in reply["content"] as JsonObject ?? [])
                yield return Fields($"Answer {status}, {media}", described!["schema"]!);
        }
    }

    private static JsonObject Fields(string title, JsonNode schema) =>
        Table(title, ["field", "type"], Flatten("", schema).Select(field => new JsonArray(field.Name, field.Type)));

    private static JsonObject Table(string title, string[] columns, IEnumerable<JsonArray> rows) => new()
    {
        ["title"] = title,
        ["columns"] = new JsonArray([.. columns.Select(column => (JsonNode)column)]),
        ["rows"] = new JsonArray([.. rows]),
    };

    // A nested field is listed with its full path, such as devices[].device_id.
    private static IEnumerable<(string Name, string Type)> Flatten(string prefix, JsonNode schema)
    {
        if (schema is not JsonObject described)
            return [];
        if (described["items"] is { } items)
            return Flatten(prefix + "[]", items);
        return (described["properties"] as JsonObject ?? []).SelectMany(property => Flatten(prefix, property));
    }

    private static IEnumerable<(string Name, string Type)> Flatten(string prefix, KeyValuePair<string, JsonNode?> property)
    {
        var name = prefix.Length == 0 ? property.Key : $"{prefix}.{property.Key}";
        return property.Value is { } schema ? Flatten(name, schema).Prepend((name, TypeOf(schema))) : [(name, "any")];
    }

    private static string TypeOf(JsonNode schema)
    {
        if (schema is not JsonObject described)
            return "any";
        var types = described["type"] switch
        {
            JsonArray several => several.Select(type => (string)type!).ToList(),
            { } one => [(string)one!],
            null => [described["enum"] is null ? "any" : "string"],
        };
        var name = string.Join(" or ", types.Where(type => type != "null"));
        var format = described["format"] is { } known ? $" ({known})" : "";
        return types.Contains("null") ? $"{name}{format}, may be null" : name + format;
    }

    private static string Read(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
