namespace LicenseFunctions.Infrastructure.Telemetry;

public enum MetricKind
{
    Counter,
    Gauge,

    /// <summary>Each label value is the inclusive upper bound of a bucket. Its value counts this bucket only, not the lower ones.</summary>
    Histogram,
}

/// <summary>A Prometheus metric.</summary>
/// <param name="Label">Name of the label; null if the metric has none; <c>le</c> for a histogram.</param>
/// <param name="Known">Label values that are reported from the start, with value 0.</param>
public sealed record Metric(MetricKind Kind, string Name, string Help, string? Label = null, params IReadOnlyList<string> Known);
