using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace StripeStandIn;

/// <summary>
/// The parameters of one request in Stripe's encoding: <c>metadata[order]=1</c>, <c>types[0]=a</c> or <c>types[]=a</c>.
/// All values are text.
/// </summary>
public sealed class FormBody
{
    private readonly JsonObject root = [];

    /// <summary>The same text for the same parameters in any order; idempotency keys compare it.</summary>
    public string Canonical { get; }

    private FormBody(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var all = pairs.ToList();
        foreach (var (name, value) in all)
            Put(name, value);
        Canonical = string.Join(
            '&', all.Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}").Order(StringComparer.Ordinal));
    }

    public static async Task<FormBody> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = request.Query.SelectMany(entry => entry.Value.Select(value => KeyValuePair.Create(entry.Key, value ?? "")));
        if (!request.HasFormContentType)
            return new FormBody(query);
        var form = await request.ReadFormAsync(cancellationToken);
        return new FormBody(
            query.Concat(form.SelectMany(entry => entry.Value.Select(value => KeyValuePair.Create(entry.Key, value ?? "")))));
    }

    public IEnumerable<string> Names => root.Select(entry => entry.Key);

    public string? Text(string name) => root[name] is JsonValue value ? value.GetValue<string>() : null;

    public string Required(string name) => Text(name) is { Length: > 0 } text ? text : throw StripeErrorException.MissingParameter(name);

    public bool Flag(string name) => Text(name) == "true";

    public long? Whole(string name)
    {
        if (Text(name) is not { } text)
            return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw StripeErrorException.Invalid($"Invalid integer: {text}", "parameter_invalid_integer", name);
    }

    public JsonObject? Nested(string name) => root[name] as JsonObject;

    public IReadOnlyList<string> List(string name) =>
        root[name] is JsonObject items ? [.. items.Select(item => item.Value!.GetValue<string>())] : [];

    private void Put(string name, string value)
    {
        var parts = name.Replace("]", "", StringComparison.Ordinal).Split('[');
        var node = root;
        foreach (var part in parts[..^1])
        {
            if (node[part] is not JsonObject child)
                node[part] = child = [];
            node = child;
        }

        // "types[]" repeats one empty index: number it.
        var last = parts[^1].Length == 0 ? node.Count.ToString(CultureInfo.InvariantCulture) : parts[^1];
        node[last] = value;
    }
}
