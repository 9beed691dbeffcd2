using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class DetectionPolicyTests
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper) },
    };

    /// <summary>The fields that policy files had before durations became TimeSpan, with the defaults of that time in their units.</summary>
    public static TheoryData<string, double> FirstFields => new()
    {
        { "device_limit", 2 }, { "networks_in_day", 3 }, { "network_changes_in_hour", 6 }, { "speed_kmh", 900 }, { "place_radius_km", 50 },
        { "far_km", 300 }, { "people_minutes", 35 }, { "far_people_minutes", 30 }, { "one_line_people_minutes", 90 },
        { "handover_minutes", 15 }, { "work_minutes", 35 }, { "stranger_minutes", 30 }, { "device_minutes", 1_920 },
        { "established_hours", 20 }, { "clone_minutes", 65 }, { "twin_minutes", 1_800 }, { "twin_share", 0.13 },
        { "turn_gap_minutes", 180 },
        { "session_gap_minutes", 20 }, { "record_gap_minutes", 95 }, { "record_minutes", 30 }, { "memory_days", 21 }, { "overlap_days", 7 },
        { "notify_share", 0.4 }, { "refuse_share", 0.75 }, { "update_hours", 1 },
    };

    public static TheoryData<string, double, double> Ranges => new(
        Numbers().Select(number => (number.Name, number.Range.Least, number.Range.Most)));

    [Theory]
    [MemberData(nameof(FirstFields))]
    public void File_FieldOfTheFirstFormat_IsReadInItsUnit(string name, double byDefault)
    {
        var read = JsonSerializer.Deserialize<DetectionPolicy>(Field(name, byDefault), Json)!;

        Assert.Equal(new DetectionPolicy(), read);
        Assert.Equal(byDefault, JsonSerializer.SerializeToElement(read, Json).GetProperty(name).GetDouble());
    }

    [Fact]
    public void File_WrittenAndRead_IsTheSamePolicy()
    {
        var policy = new DetectionPolicy { PeopleDuration = TimeSpan.FromSeconds(90), TurnsAtMost = FindingAction.Notify };

        Assert.Equal(policy, JsonSerializer.Deserialize<DetectionPolicy>(JsonSerializer.Serialize(policy, Json), Json));
    }

    [Fact]
    public void Faults_OfTheDefaults_AreNone() => Assert.Empty(new DetectionPolicy().Faults());

    [Fact]
    public void Ranges_CoverEveryNumber() => Assert.Equal(
        typeof(DetectionPolicy).GetProperties().Where(property => !property.PropertyType.IsEnum).Select(property => property.Name),
        Numbers().Select(number => number.Property.Name));

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Faults_AtTheEndsOfARange_AreNone(string name, double least, double most)
    {
        Assert.Empty(JsonSerializer.Deserialize<DetectionPolicy>(WithoutContradiction(name, least), Json)!.Faults());
        Assert.Empty(JsonSerializer.Deserialize<DetectionPolicy>(WithoutContradiction(name, most), Json)!.Faults());
    }

    [Theory]
    [InlineData("""{"alert_share":0.41}""", "alert_share must be at most notify_share, such as 0.1 and 0.4")]
    [InlineData("""{"notify_share":0.09}""", "alert_share must be at most notify_share, such as 0.1 and 0.4")]
    [InlineData("""{"notify_share":0.76}""", "notify_share must be at most refuse_share, such as 0.4 and 0.75")]
    [InlineData("""{"max_sessions":5}""", "max_sessions_on_one_network must be at most max_sessions, such as 6 and 96")]
    public void Faults_TwoFieldsThatContradictEachOther_NameBoth(string json, string expected) =>
        Assert.Equal(expected, Assert.Single(JsonSerializer.Deserialize<DetectionPolicy>(json, Json)!.Faults()));

    [Theory]
    [InlineData("""{"alert_share":0.4}""")]
    [InlineData("""{"notify_share":0.75}""")]
    [InlineData("""{"alert_share":1,"notify_share":1,"refuse_share":1}""")]
    [InlineData("""{"max_sessions":6}""")]
    public void Faults_EqualFields_AreNoContradiction(string json) =>
        Assert.Empty(JsonSerializer.Deserialize<DetectionPolicy>(json, Json)!.Faults());

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Faults_OutsideARange_NameTheFieldAndTheRange(string name, double least, double most)
    {
        var range = string.Create(CultureInfo.InvariantCulture, $"{name} must be from {least} to {most}, such as ");

        foreach (var value in (double[])[least - 1, most + 1])
        {
            var fault = Assert.Single(JsonSerializer.Deserialize<DetectionPolicy>(Field(name, value), Json)!.Faults());
            Assert.StartsWith(range, fault, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"people_minutes":1e300}""")]
    [InlineData("""{"turns_at_most":17}""")]
    public void Faults_ValuesThatNoTypeRefuses_AreFound(string json) =>
        Assert.Single(JsonSerializer.Deserialize<DetectionPolicy>(json, Json)!.Faults());

    [Theory]
    [InlineData("""{"people_minuets":40}""")]
    [InlineData("""{"people_minutes":"40"}""")]
    [InlineData("""{"people_minutes":"00:40:00"}""")]
    public void File_WrongNameOrType_IsRefused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<DetectionPolicy>(json, Json));

    [Fact]
    public void Observe_MoreIdentitiesThanAnyPolicyAllows_Throws()
    {
        var state = new DetectionState
        {
            Identities = [.. Enumerable.Range(0, 65).Select(i => new IdentityUse { Ea = $"EA-{i}", Account = i + 1 })],
        };

        Assert.Throws<ArgumentException>(() => Detector.Observe(state, [], new DetectionPolicy()));
    }

    /// <summary>The field, with values of other fields that don't restrict its range.</summary>
    private static string WithoutContradiction(string name, double value)
    {
        var others = name switch
        {
            "alert_share" => ""","notify_share":1,"refuse_share":1""",
            "notify_share" => ""","alert_share":0,"refuse_share":1""",
            "refuse_share" => ""","alert_share":0,"notify_share":0""",
            "max_sessions" => ""","max_sessions_on_one_network":1""",
            "max_sessions_on_one_network" => ""","max_sessions":192""",
            _ => "",
        };
        return Field(name, value)[..^1] + others + "}";
    }

    private static string Field(string name, double value) => string.Create(CultureInfo.InvariantCulture, $$"""{"{{name}}":{{value}}}""");

    private static IEnumerable<(PropertyInfo Property, string Name, (double Least, double Most) Range)> Numbers()
    {
        foreach (var property in typeof(DetectionPolicy).GetProperties())
        {
            var name = property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name
                ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            foreach (var attribute in property.GetCustomAttributes())
            {
                if (attribute is NumberAttribute number)
                    yield return (property, name, (number.Least, number.Most));
                else if (attribute is DurationAttribute duration)
                    yield return (property, name, (duration.Least, duration.Most));
            }
        }
    }
}
