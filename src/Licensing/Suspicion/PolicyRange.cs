using System.Text.Json;
using System.Text.Json.Serialization;

namespace Licensing.Suspicion;

/// <summary>The range of a field of <see cref="DetectionPolicy"/>, in the unit of the policy file. Both ends are allowed.</summary>
internal interface IPolicyRange
{
    double Least { get; }

    double Most { get; }

    /// <summary>The field's value in the unit of the policy file.</summary>
    double InUnit(object value);
}

/// <summary>The range of a number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NumberAttribute(double least, double most) : Attribute, IPolicyRange
{
    public double Least => least;

    public double Most => most;

    double IPolicyRange.InUnit(object value) => Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The range of a duration, and the unit in which the policy file writes it as a number.</summary>
public abstract class DurationAttribute : JsonConverterAttribute, IPolicyRange
{
    private readonly TimeSpan unit;

    private protected DurationAttribute(TimeSpan unit, double least, double most) => (this.unit, Least, Most) = (unit, least, most);

    public double Least { get; }

    public double Most { get; }

    double IPolicyRange.InUnit(object value) => ((TimeSpan)value).Ticks / (double)unit.Ticks;

    public override JsonConverter CreateConverter(Type typeToConvert) => new Converter(unit);

    private sealed class Converter(TimeSpan unit) : JsonConverter<TimeSpan>
    {
        /// <summary>Values that are too large for TimeSpan become its largest value, which every range refuses.</summary>
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.Number)
                throw new JsonException();
            var ticks = reader.GetDouble() * unit.Ticks;
            return Math.Abs(ticks) < TimeSpan.MaxValue.Ticks ? new TimeSpan((long)Math.Round(ticks)) : TimeSpan.MaxValue;
        }

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value.Ticks / (double)unit.Ticks);
    }
}

/// <summary>A duration that the policy file writes in seconds.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecondsAttribute(double least, double most) : DurationAttribute(TimeSpan.FromSeconds(1), least, most);

/// <summary>A duration that the policy file writes in minutes.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class MinutesAttribute(double least, double most) : DurationAttribute(TimeSpan.FromMinutes(1), least, most);

/// <summary>A duration that the policy file writes in hours.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class HoursAttribute(double least, double most) : DurationAttribute(TimeSpan.FromHours(1), least, most);

/// <summary>A duration that the policy file writes in days.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DaysAttribute(double least, double most) : DurationAttribute(TimeSpan.FromDays(1), least, most);
