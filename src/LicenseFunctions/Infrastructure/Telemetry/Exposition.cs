using System.Globalization;
using System.Text;
using Licensing;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>
/// Writes metrics in Prometheus' text format 0.0.4. A client library can't be used: it stores the values of one process, but these values
/// come from the database.
/// </summary>
public sealed class Exposition
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder text = new();

    /// <param name="values">By label value; "" for a metric without a label, <c>sum</c> for the sum of a histogram.</param>
    public void Add(Metric metric, IReadOnlyDictionary<string, double> values)
    {
        text.Append("# HELP ").Append(metric.Name).Append(' ').Append(Escape(metric.Help)).Append('\n');
        text.Append("# TYPE ").Append(metric.Name).Append(' ').Append(EnumWords.Of(metric.Kind)).Append('\n');
        if (metric.Kind == MetricKind.Histogram)
            AddHistogram(metric, values);
        else if (metric.Label is null)
            AddSample(metric.Name, null, "", values.GetValueOrDefault(""));
        else
            AddSeries(metric, values);
    }

    public override string ToString() => text.ToString();

    private void AddSeries(Metric metric, IReadOnlyDictionary<string, double> values)
    {
        foreach (var label in metric.Known.Concat(values.Keys.Except(metric.Known).Order(StringComparer.Ordinal)))
            AddSample(metric.Name, metric.Label, label, values.GetValueOrDefault(label));
    }

    private void AddHistogram(Metric metric, IReadOnlyDictionary<string, double> values)
    {
        var count = 0.0;
        foreach (var bound in metric.Known.Append("+Inf"))
        {
            count += values.GetValueOrDefault(bound);
            AddSample(metric.Name + "_bucket", "le", bound, count);
        }

        AddSample(metric.Name + "_sum", null, "", values.GetValueOrDefault("sum"));
        AddSample(metric.Name + "_count", null, "", count);
    }

    private void AddSample(string name, string? label, string labelValue, double value)
    {
        text.Append(name);
        if (label is not null)
        {
            var escaped = Escape(labelValue).Replace("\"", "\\\"", StringComparison.Ordinal);
            text.Append('{').Append(label).Append("=\"").Append(escaped).Append("\"}");
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN"
        : double.IsInfinity(value) ? (value > 0 ? "+Inf" : "-Inf")
        : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
