namespace LicenseFunctions.Infrastructure.Telemetry;

public enum MetricKind
{
    Counter,
    Gauge,

    /// <summary>Each label value is the upper bound of a bucket, inclusive, and its value what lies in that bucket alone.</summary>
    Histogram,
}

/// <summary>A metric as Prometheus knows it.</summary>
/// <param name="Label">The name of its one label; null where it has none. A histogram's is <c>le</c>.</param>
/// <param name="Known">Label values that are there from the start, at 0.</param>
public sealed record Metric(MetricKind Kind, string Name, string Help, string? Label = null, params IReadOnlyList<string> Known);
