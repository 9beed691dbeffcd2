using System.Text.Json.Nodes;

namespace LicenseFunctions.Tests.Support;

/// <summary>Mails with realistic values, which tests render and tests/dashboard/mails.test.mjs sends.</summary>
internal static class MailSamples
{
    /// <summary>The samples by their names.</summary>
    public static readonly Dictionary<string, JsonObject> All = JsonNode.Parse(
            Repository.Read("tests/dashboard/support/mails.json"))!.AsArray()
        .ToDictionary(sample => (string)sample!["name"]!, sample => sample!.AsObject());

    public static JsonObject Model(string name) => All[name]["model"]!.DeepClone().AsObject();
}
