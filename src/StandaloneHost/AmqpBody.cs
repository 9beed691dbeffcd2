using System.Collections;
using System.Globalization;
using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Types;

namespace StandaloneHost;

/// <summary>
/// The payload of a message: the bytes of its data sections, the UTF-8 of a string, or the bytes of a binary value. Of any other body, it
/// is the encoded section with its descriptor (AMQP 1.0, 3.2.7 and 3.2.8), which begins with a NUL: the function can keep it completely.
/// </summary>
internal static class AmqpBody
{
    /// <param name="message">A message that AMQPNetLite has decoded.</param>
    public static ReadOnlyMemory<byte> Of(Message message) => message.Body switch
    {
        null => default,
        byte[] bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        Data[] parts => Concat(parts.Select(part => new ReadOnlyMemory<byte>(part.Binary))),
        _ => Encode(message.BodySection),
    };

    /// <param name="value">The value of an AMQP value section that the client for Service Bus has decoded.</param>
    public static ReadOnlyMemory<byte> OfValue(object? value) =>
        Of(new Message { BodySection = new AmqpValue { Value = Encodable(value) } });

    /// <param name="sequences">The sequence sections that the client for Service Bus has decoded.</param>
    public static ReadOnlyMemory<byte> OfSequences(IEnumerable<IList<object>> sequences) => Concat(sequences.Select(
        sequence => Encode(new AmqpSequence { List = new List().With(sequence.Select(Encodable)) })));

    private static ReadOnlyMemory<byte> Encode(RestrictedDescribed section)
    {
        var buffer = new ByteBuffer(256, true);
        section.Encode(buffer);
        return new ReadOnlyMemory<byte>(buffer.Buffer, buffer.Offset, buffer.Length);
    }

    private static ReadOnlyMemory<byte> Concat(IEnumerable<ReadOnlyMemory<byte>> parts)
    {
        var all = new MemoryStream();
        foreach (var part in parts)
            all.Write(part.Span);
        return all.ToArray();
    }

    /// <summary>The client for Service Bus converts AMQP types to those of .NET. What AMQPNetLite can't encode becomes text.</summary>
    private static object? Encodable(object? value) => value switch
    {
        null or string or byte[] or bool or char or Guid or DateTime or sbyte or byte or short or ushort or int or uint or long or ulong
            or float or double => value,
        DateTimeOffset time => time.UtcDateTime,
        ReadOnlyMemory<byte> bytes => bytes.ToArray(),
        ArraySegment<byte> bytes => bytes.ToArray(),
        IDictionary entries => ToMap(entries),
        IEnumerable many => new List().With(many.Cast<object?>().Select(Encodable)),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private static Map ToMap(IDictionary entries)
    {
        var map = new Map();
        foreach (DictionaryEntry entry in entries)
            map[Encodable(entry.Key)!] = Encodable(entry.Value);
        return map;
    }

    private static List With(this List list, IEnumerable<object?> values)
    {
        foreach (var value in values)
            list.Add(value);
        return list;
    }
}
