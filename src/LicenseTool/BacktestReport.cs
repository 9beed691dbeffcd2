using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Fluid;
using LicenseFunctions.Suspicion;
using Licensing;
using Licensing.Suspicion;

namespace LicenseTool;

/// <summary>
/// A backtest's comparison of two policies as one HTML file without scripts and without references to other files. The texts of customers
/// (names of EAs, cities) are escaped by the template's encoder.
/// </summary>
internal static class BacktestReport
{
    private const int MostSteps = 20;
    private const int MostDevices = 12;

    // The length of a timeline's rows, in units of its view box.
    private const double Length = 1000;

    private static readonly (FindingAction? Action, string Text)[] Actions =
    [
        (null, "Nothing"), (FindingAction.Alert, "Alert only"), (FindingAction.Notify, "Customer notified"),
        (FindingAction.Ask, "Customer asked"), (FindingAction.Refuse, "New devices refused"), (FindingAction.Suspend, "License suspended"),
    ];

    private static readonly Dictionary<PolicyChange, string> Changes = new()
    {
        [PolicyChange.NewlySuspended] = "Newly suspended",
        [PolicyChange.NoLongerSuspended] = "No longer suspended",
        [PolicyChange.Stronger] = "Stronger measure",
        [PolicyChange.Weaker] = "Weaker measure",
        [PolicyChange.Sooner] = "Same measure, sooner",
        [PolicyChange.Later] = "Same measure, later",
    };

    public static string Write(PolicyComparison comparison, DetectionPolicy inForce, DetectionPolicy tried)
    {
        using var reader = new StreamReader(typeof(BacktestReport).Assembly.GetManifestResourceStream("report/backtest.html")!);
        var template = new FluidParser().Parse(reader.ReadToEnd());
        var options = new TemplateOptions { CultureInfo = CultureInfo.InvariantCulture, TimeZone = TimeZoneInfo.Utc };
        var context = new TemplateContext(Model(comparison, inForce, tried), options, allowModelMembers: false);
        return template.Render(context, HtmlEncoder.Default);
    }

    private static JsonObject Model(PolicyComparison comparison, DetectionPolicy inForce, DetectionPolicy tried)
    {
        var fields = DetectionPolicyFile.Differences(inForce, tried).ToList();
        return new JsonObject
        {
            ["records"] = Number(comparison.Records),
            ["licenses"] = Number(comparison.Licenses.Values.Sum()),
            ["changed"] = Number(comparison.Changes.Values.Sum()),
            ["shown"] = Number(comparison.Changed.Count),
            ["limits_in_force"] = BacktestCommand.Limits(inForce),
            ["limits_tried"] = BacktestCommand.Limits(tried),
            ["pairs"] = string.Join(',', fields.Select(field => $"{field.Name}={field.After}")),
            ["fields"] = Array(fields, field => new JsonObject
            {
                ["name"] = field.Name,
                ["before"] = field.Before,
                ["after"] = field.After,
            }),
            ["changes"] = Array(comparison.Changes.OrderBy(pair => pair.Key), pair => new JsonObject
            {
                ["text"] = Changes[pair.Key],
                ["count"] = Number(pair.Value),
            }),
            ["actions"] = Array(Actions, action => action.Text),
            ["rows"] = Array(Actions, row => new JsonObject
            {
                ["text"] = row.Text,
                ["counts"] = Array(Actions, column => new JsonObject
                {
                    ["count"] = Number(comparison.Licenses.GetValueOrDefault((row.Action, column.Action))),
                    ["same"] = row.Action == column.Action,
                }),
            }),
            ["customers"] = Array(comparison.Changed, Customer),
        };
    }

    private static JsonObject Customer(ChangedLicense license)
    {
        var all = license.InForce.Concat(license.Tried).ToList();
        var begin = all.Min(step => step.Finding.Evidence.From < step.DetectedAt ? step.Finding.Evidence.From : step.DetectedAt);
        var end = all.Max(step => step.DetectedAt);
        var steps = license.InForce.Select(step => (Policy: "In force", Step: step))
            .Concat(license.Tried.Select(step => (Policy: "Tried", Step: step)))
            .OrderBy(one => one.Step.DetectedAt).ToList();
        var decisive = all.MaxBy(step => step.Finding.Action)!.Finding.Evidence;
        return new JsonObject
        {
            ["id"] = license.SubscriptionId.ToString(),
            ["change"] = Changes[license.Change],
            ["before"] = Text(Strongest(license.InForce)),
            ["after"] = Text(Strongest(license.Tried)),
            ["records"] = Number(license.Records),
            ["begin"] = Time(begin),
            ["end"] = Time(end),
            ["in_force"] = Array(Marks(license.InForce), step => Mark(step, begin, end)),
            ["tried"] = Array(Marks(license.Tried), step => Mark(step, begin, end)),
            ["steps"] = Array(steps.Take(MostSteps), one => new JsonObject
            {
                ["at"] = Time(one.Step.DetectedAt),
                ["policy"] = one.Policy,
                ["action"] = Text(one.Step.Finding.Action),
                ["rule"] = EnumWords.UpperOf(one.Step.Finding.Evidence.Rule),
                ["measured"] = Number(one.Step.Finding.Evidence.Measured),
                ["limit"] = Number(one.Step.Finding.Evidence.Limit),
                ["description"] = one.Step.Finding.Description,
            }),
            ["more_steps"] = Math.Max(0, steps.Count - MostSteps),
            ["devices"] = Array(decisive.Devices.Take(MostDevices), device => new JsonObject
            {
                ["ea"] = device.EaInstanceId ?? "",
                ["account"] = device.Account?.ToString(CultureInfo.InvariantCulture) ?? "",
                ["network"] = device.Network ?? "",
                ["location"] = string.Join(", ", new[] { device.City, device.Country }.OfType<string>()),
                ["first"] = Time(device.FirstAt),
                ["last"] = Time(device.LastAt),
                ["records"] = Number(device.Records),
                ["minutes"] = Number(device.Minutes),
            }),
            ["more_devices"] = Math.Max(0, decisive.Devices.Count - MostDevices),
        };
    }

    // The strongest action is drawn last, so that it stays visible above others at the same place.
    private static IEnumerable<BacktestFinding> Marks(IEnumerable<BacktestFinding> steps) => steps.OrderBy(step => step.Finding.Action);

    private static JsonObject Mark(BacktestFinding step, DateTimeOffset begin, DateTimeOffset end) => new()
    {
        ["x"] = Math.Round(end == begin ? 0 : Length * (step.DetectedAt - begin).Ticks / (end - begin).Ticks, 1),
        ["action"] = (int)step.Finding.Action,
        ["text"] = $"{Time(step.DetectedAt)} {Text(step.Finding.Action)}",
    };

    private static FindingAction? Strongest(IReadOnlyList<BacktestFinding> steps) =>
        steps.Count == 0 ? null : steps.Max(step => step.Finding.Action);

    private static string Text(FindingAction? action) => Actions.Single(one => one.Action == action).Text;

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("#,0.#", CultureInfo.InvariantCulture);

    private static JsonArray Array<T>(IEnumerable<T> items, Func<T, JsonNode> toNode) => [.. items.Select(toNode)];
}
