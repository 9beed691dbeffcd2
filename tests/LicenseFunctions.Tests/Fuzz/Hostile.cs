using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace LicenseFunctions.Tests.Fuzz;

/// <summary>
/// Values of one case: valid ones, nearly valid ones, and unexpected ones. The same seed makes the same case, except for database ids.
/// </summary>
internal sealed class Hostile(int seed, IReadOnlyList<string> known)
{
    private static readonly string[] Texts =
    [
        "", " ", "x", "null", "true", "0", "-1", "1e400", "NaN", "Infinity", "9223372036854775808", "99999999999999999999999999",
        "\0", "a\0b", "\u0001\u001f", "\u007f\u0080\uffff", "\u202e\u200f\ufeff", "🙂👩‍👩‍👧", "Ünïcödé", "\r\nX-Injected: 1", "\t", "\\",
        "\"", "'", "`",
        "' or 1=1 --", "'; drop table users; --", "%", "%00", "%2e%2e%2f", "%s%n", "_", "../../../etc/passwd", "${jndi:ldap://x}",
        "{{7*7}}", "<script>", "=1+1",
        "2026-11-23T00:00:00Z", "2026-11-23", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "-infinity",
        "now()",
        "2026-11-23T00:00:00+14:00", "2026-02-29T00:00:00", "1", "7", "30", "100", "1001", "2147483648", "-9223372036854775808", "0x10",
        "1.5", "1,5",
        "127.0.0.1", "::1", "fe80::1%eth0", "300.1.1.1", "198.51.100.4/24", "::ffff:198.51.100.4", "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-4000-8000-000000000301}", "EA-1", "OPEN", "open", "RESOLVED", "HIGH", "ACTIVE", "hour", "day", "license", "country",
        "csv",
        "a@x.test", "pm_card_visa", "stripe", "deadbeef",
    ];

    private static readonly string[] Numbers =
    [
        "0", "-0", "1", "-1", "2", "7", "100", "1000", "1001", "2147483647", "2147483648", "-2147483649", "9223372036854775807",
        "9223372036854775808", "-9223372036854775809",
        "0.1", "1.0", "1e2", "1e-400", "1e308", "1e400", "123456789012345678901234567890", "0.00000000000000000000000000001",
    ];

    private readonly Random random = new(seed);

    public bool OneIn(int n) => random.Next(n) == 0;

    public int Below(int n) => random.Next(n);

    public T Of<T>(IReadOnlyList<T> all) => all[random.Next(all.Count)];

    public string Known() => Of(known);

    public string Text() => random.Next(12) switch
    {
        0 => new string("aé\0 /&"[random.Next(6)], 1 + random.Next(300)),
        1 when OneIn(40) => new string('x', 70_000),
        2 => new string([.. Enumerable.Range(0, random.Next(20)).Select(_ => (char)random.Next(0x10000))]),
        3 or 4 or 5 => Of(known),
        _ => Of(Texts),
    };

    public Guid Guid()
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return new(bytes);
    }

    /// <summary>JSON text for a schema of /openapi.json; about a third of the values have another type than the schema.</summary>
    public string Json(JsonNode? schema, int depth = 0)
    {
        if (schema is not JsonObject asked || OneIn(12) || depth > 6)
            return AnyJson(depth);
        if (asked["enum"] is JsonArray words)
            return words[random.Next(words.Count)]?.ToJsonString() ?? "null";
        var types = asked["type"] switch
        {
            JsonArray several => several.Select(type => (string)type!).ToArray(),
            JsonValue one => [(string)one!],
            _ => [],
        };
        return types.Length == 0 ? AnyJson(depth) : Of<string>(types) switch
        {
            "object" => Object(asked, depth),
            "array" => "[" + string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Json(asked["items"], depth + 1))) + "]",
            "string" => OneIn(2) ? Quoted(Of(known)) : Quoted(Text()),
            "integer" or "number" => Of(Numbers),
            "boolean" => OneIn(2) ? "true" : "false",
            _ => "null",
        };
    }

    /// <summary>The bytes of the text; sometimes truncated, with invalid UTF-8, or replaced by random ones.</summary>
    public byte[] Bytes(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        switch (random.Next(20))
        {
            case 0:
                return bytes[..random.Next(bytes.Length + 1)];
            case 1 when bytes.Length > 0:
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return bytes;
            case 2:
                return [.. bytes, .. bytes];
            case 3:
                return [0xEF, 0xBB, 0xBF, .. bytes];
            case 4:
                random.NextBytes(bytes);
                return bytes;
            default:
                return bytes;
        }
    }

    private string Object(JsonObject asked, int depth)
    {
        var members = new List<string>();
        foreach (var (name, schema) in asked["properties"] as JsonObject ?? [])
        {
            if (OneIn(8))
                continue;
            members.Add($"{Quoted(OneIn(30) ? name.ToUpperInvariant() : name)}:{Json(schema, depth + 1)}");
            if (OneIn(40))
                members.Add(members[^1]);
        }

        if (OneIn(10))
            members.Add($"{Quoted(Text())}:{AnyJson(depth + 1)}");
        return "{" + string.Join(',', members) + "}";
    }

    private string AnyJson(int depth) => random.Next(9) switch
    {
        0 => "null",
        1 => "true",
        2 or 3 => Of(Numbers),
        4 or 5 => Quoted(Text()),
        6 when OneIn(10) => new string('[', 200) + new string(']', random.Next(201)),
        6 when depth < 4 => $"[{AnyJson(depth + 1)},{AnyJson(depth + 1)}]",
        7 when depth < 4 => $"{{{Quoted(Text())}:{AnyJson(depth + 1)}}}",
        8 => Of<string>(["\"\\ud800\"", "\"\\u0000\"", "'x'", "{", "]", "\"", "01", "+1", "//", "undefined", ""]),
        _ => "{}",
    };

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c is '"' or '\\' or < ' ' || char.IsSurrogate(c))
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }
}
