using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>A request for a route.</summary>
/// <param name="Id">From the path; empty if the route has none.</param>
/// <param name="Forced">A scripted fault that changes the bank's answer; null if the card's behavior decides.</param>
public sealed record StripeCall(Account Account, FormBody Form, string Id, string Path, Fault? Forced)
{
    /// <summary>Copies text parameters of the request to the object.</summary>
    public void Copy(JsonObject onto, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Form.Text(name) is { } text)
                onto[name] = text.Length == 0 ? null : text;
        }
    }

    /// <summary>Merges metadata as Stripe does; an empty value removes the key.</summary>
    public void CopyMetadata(JsonObject onto)
    {
        if (Form.Nested("metadata") is not { } given)
            return;
        var metadata = onto["metadata"]!.AsObject();
        foreach (var (key, value) in given)
        {
            metadata.Remove(key);
            if (value!.GetValue<string>() is { Length: > 0 } text)
                metadata[key] = text;
        }
    }

    public void CopyAutomaticMethods(JsonObject onto)
    {
        if (Form.Nested("automatic_payment_methods") is { } given)
        {
            onto["automatic_payment_methods"] = new JsonObject
            {
                ["allow_redirects"] = given["allow_redirects"]?.GetValue<string>() ?? "always",
                ["enabled"] = given["enabled"]?.GetValue<string>() == "true",
            };
        }
    }

    /// <summary>One page of a list, the newest first. Parameters: limit, starting_after, created[gte|gt|lt|lte].</summary>
    public JsonObject Page(IEnumerable<JsonObject> all)
    {
        var limit = Form.Whole("limit") ?? 10;
        if (limit is < 1 or > 100)
            throw StripeErrorException.Invalid("This value must be between 1 and 100.", "parameter_invalid_integer", "limit");

        var items = all.Reverse().Where(InRange).ToList();
        if (Form.Text("starting_after") is { } after)
        {
            var at = items.FindIndex(item => item.Id() == after);
            items = at < 0 ? throw StripeErrorException.Missing("object", after, "starting_after") : items[(at + 1)..];
        }

        return Shapes.List(Path, items.Take((int)limit), items.Count > limit);
    }

    private bool InRange(JsonObject item)
    {
        if (Form.Nested("created") is not { } range)
            return Form.Whole("created") is not { } exact || item.Number("created") == exact;
        var at = item.Number("created");
        return range.All(bound =>
        {
            var edge = long.Parse(bound.Value!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture);
            return bound.Key switch
            {
                "gte" => at >= edge,
                "gt" => at > edge,
                "lte" => at <= edge,
                "lt" => at < edge,
                _ => throw StripeErrorException.UnknownParameter($"created[{bound.Key}]")
            };
        });
    }
}
