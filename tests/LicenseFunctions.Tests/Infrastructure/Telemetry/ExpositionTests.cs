using LicenseFunctions.Infrastructure.Telemetry;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

public sealed class ExpositionTests
{
    [Fact]
    public void Add_KnownLabel_IsZeroFromTheStart() =>
        Assert.Equal(
            "# HELP t Help.\n# TYPE t counter\nt{type=\"A\"} 0\nt{type=\"B\"} 2\nt{type=\"C\"} 1.5\n",
            Written(new Metric(MetricKind.Counter, "t", "Help.", "type", "A", "B"), ("C", 1.5), ("B", 2)));

    [Fact]
    public void Add_UnknownLabel_HasTypeAndHelpOnly() =>
        Assert.Equal("# HELP s Help.\n# TYPE s gauge\n", Written(new Metric(MetricKind.Gauge, "s", "Help.", "subscription_id")));

    [Fact]
    public void Add_Histogram_IsCumulativeAndEndsWithInfinity() =>
        Assert.Equal(
            """
            # HELP h Help.
            # TYPE h histogram
            h_bucket{le="1"} 2
            h_bucket{le="2"} 2
            h_bucket{le="+Inf"} 5
            h_sum 30.25
            h_count 5

            """,
            Written(new Metric(MetricKind.Histogram, "h", "Help.", "le", "1", "2"), ("1", 2), ("+Inf", 3), ("sum", 30.25)));

    [Fact]
    public void Add_SpecialCharacters_AreEscaped() =>
        Assert.Equal(
            "# HELP t a \\\\ b \\n \"c\"\n# TYPE t gauge\nt{x=\"a\\\\b\\n\\\"c\\\"\"} 1\n",
            Written(new Metric(MetricKind.Gauge, "t", "a \\ b \n \"c\"", "x"), ("a\\b\n\"c\"", 1)));

    [Theory]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(1e21, "1E+21")]
    [InlineData(0.1, "0.1")]
    public void Add_Number_IsInGoSyntax(double value, string expected) =>
        Assert.EndsWith($"t {expected}\n", Written(new Metric(MetricKind.Gauge, "t", "Help."), ("", value)), StringComparison.Ordinal);

    private static string Written(Metric metric, params (string Label, double Value)[] values)
    {
        var exposition = new Exposition();
        exposition.Add(metric, values.ToDictionary(value => value.Label, value => value.Value));
        return exposition.ToString();
    }
}
