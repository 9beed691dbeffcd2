using System.Collections;
using System.Globalization;
using System.Text;

namespace StandaloneHost;

/// <summary>How a message is settled.</summary>
internal enum DeliveryOutcome
{
    /// <summary>The function succeeded.</summary>
    Completed,

    /// <summary>The function failed: the message is returned, and the peer counts the delivery if it can.</summary>
    Failed,

    /// <summary>The message is returned unprocessed because the process stops.</summary>
    ReturnedUnprocessed,
}

/// <summary>A message that was received and isn't settled yet.</summary>
/// <param name="Body">The payload; text is UTF-8.</param>
/// <param name="Settle">Sends the outcome to the peer.</param>
/// <param name="Hold">Renews the message's lock until the token ends.</param>
internal sealed record Delivery(ReadOnlyMemory<byte> Body, Func<DeliveryOutcome, Task> Settle, Func<CancellationToken, Task> Hold)
{
    /// <summary>
    /// The payload of a message body. Senders should not send an AMQP value or sequence. If one does, the function receives a text that it
    /// can't parse, and handles it like any other invalid message.
    /// </summary>
    public static ReadOnlyMemory<byte> BodyOf(object? value) => value switch
    {
        byte[] bytes => bytes,
        null => default,
        string text => Encoding.UTF8.GetBytes(text),
        IEnumerable many => Encoding.UTF8.GetBytes($"AMQP sequence: {string.Join(", ", many.Cast<object?>().Select(Text))}"),
        _ => Encoding.UTF8.GetBytes($"AMQP value: {Text(value)}"),
    };

    private static string? Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture);
}
