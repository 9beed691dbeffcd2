using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>The OpenAPI 3.1 document of the routes. It is generated from the functions' attributes, so it always matches them.</summary>
public static partial class OpenApiDocument
{
    private static readonly Lazy<byte[]> Document = new(() => System.Text.Encoding.UTF8.GetBytes(Build().ToJsonString()));

    // Numbers are described as numbers, although a body may also contain them as text.
    private static readonly JsonSerializerOptions Described = new(Http.Json.Options) { NumberHandling = JsonNumberHandling.Strict };

    private static readonly JsonSchemaExporterOptions Exported = new() { TreatNullObliviousAsNonNullable = true };

    public static byte[] Json => Document.Value;

    public static JsonObject Build()
    {
        var paths = new JsonObject();
        foreach (var (name, method) in FunctionRule.Functions().OrderBy(function => function.Name, StringComparer.Ordinal))
        {
            var trigger = method.GetParameters()
                .Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>())
                .FirstOrDefault(found => found is not null);
            if (trigger?.Route is not { } route)
                continue;
            // A route parameter with a default value is documented as that value.
            var path = "/" + Constraint().Replace(Default().Replace(route, "$1"), "{$1}");
            var item = paths[path] as JsonObject;
            if (item is null)
                paths[path] = item = [];
            // An operation's id is unique: the verbs after the first one are part of it.
            foreach (var (index, verb) in (trigger.Methods ?? ["get", "post"]).Index())
                item[verb.ToLowerInvariant()] = Describe(name, index == 0 ? name : $"{name}_{verb.ToLowerInvariant()}", method, route);
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "License functions",
                ["version"] = typeof(OpenApiDocument).Assembly.GetName().Version!.ToString(3),
            },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["bearerFormat"] = "JWT" },
                    ["license"] = new JsonObject
                    {
                        ["type"] = "apiKey",
                        ["in"] = "header",
                        ["name"] = "Authorization",
                        ["description"] = "License <license token>",
                    },
                },
                ["schemas"] = new JsonObject
                {
                    ["Problem"] = new JsonObject
                    {
                        ["type"] = "object",
                        ["description"] = "RFC 9457 problem details",
                        ["properties"] = new JsonObject
                        {
                            ["type"] = Text("string"),
                            ["title"] = Text("string"),
                            ["status"] = Text("integer"),
                            ["detail"] = Text("string"),
                            ["code"] = Text("string"),
                            ["field"] = Text("string"),
                            ["hint"] = Text("string"),
                        },
                    },
                },
            },
        };
    }

    private static JsonObject Describe(string name, string operationId, MethodInfo method, string route)
    {
        var operation = method.GetCustomAttribute<OperationAttribute>();
        var rule = FunctionRule.Of(name, method);
        var parameters = new JsonArray();
        foreach (Match match in Constraint().Matches(Default().Replace(route, "")))
            parameters.Add(Parameter(match.Groups[1].Value, "path", match.Groups[2].Value == "guid" ? "uuid" : null));
        foreach (var query in operation?.Query ?? [])
            parameters.Add(Parameter(query, "query", null));

        var described = new JsonObject
        {
            ["operationId"] = operationId,
            ["tags"] = new JsonArray(method.DeclaringType!.Namespace!.Split('.')[^1]),
            ["summary"] = operation?.Summary,
            ["parameters"] = parameters,
            ["security"] = Security(rule),
            ["x-roles"] = new JsonArray([.. Enum.GetValues<CallerRole>().Where(rule.Allows).Select(role => (JsonNode)role.ToString())]),
            ["responses"] = Responses(operation),
        };
        if (operation?.Body is { } body)
            described["requestBody"] = new JsonObject { ["required"] = !operation.IsBodyOptional, ["content"] = Content(body) };
        return described;
    }

    private static JsonObject Responses(OperationAttribute? operation)
    {
        var responses = new JsonObject();
        foreach (var status in (int[])[operation?.Status ?? 200, .. operation?.OtherStatuses ?? []])
            responses[status.ToString(CultureInfo.InvariantCulture)] = Reply(operation);
        responses["default"] = new JsonObject
        {
            ["description"] = "A problem",
            ["content"] = new JsonObject
            {
                ["application/problem+json"] = new JsonObject
                {
                    ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/Problem" },
                },
            },
        };
        return responses;
    }

    private static JsonObject Reply(OperationAttribute? operation)
    {
        var reply = new JsonObject { ["description"] = operation is { Status: 204 } ? "Done; no body" : "Done" };
        var content = operation?.Reply is { } type ? Content(type) : [];
        if (operation?.Media is { } media)
        {
            content[media] = new JsonObject
            {
                ["schema"] = media == "application/json" ? new JsonObject { ["type"] = "object" } : Text("string"),
            };
        }

        if (content.Count > 0)
            reply["content"] = content;
        return reply;
    }

    private static JsonObject Content(Type type) =>
        new() { ["application/json"] = new JsonObject { ["schema"] = Described.GetJsonSchemaAsNode(type, Exported) } };

    private static JsonArray Security(FunctionRule rule)
    {
        var schemes = new JsonArray();
        if (rule.Allows(CallerRole.Anonymous))
            return schemes;
        if (rule.Allows(CallerRole.License))
            schemes.Add(new JsonObject { ["license"] = new JsonArray() });
        if (rule.Allows(CallerRole.Subscriber) || rule.Allows(CallerRole.Operator) || rule.Allows(CallerRole.Service))
            schemes.Add(new JsonObject { ["bearer"] = new JsonArray() });
        return schemes;
    }

    private static JsonObject Parameter(string name, string location, string? format)
    {
        var schema = Text("string");
        if (format is not null)
            schema["format"] = format;
        return new JsonObject { ["name"] = name, ["in"] = location, ["required"] = location == "path", ["schema"] = schema };
    }

    private static JsonObject Text(string type) => new() { ["type"] = type };

    [GeneratedRegex(@"\{\*?([A-Za-z_]+)(?::([a-z]+))?\??\}")]
    private static partial Regex Constraint();

    [GeneratedRegex(@"\{[A-Za-z_]+(?::[^{}]*)?=([A-Za-z]+)\}")]
    private static partial Regex Default();
}
