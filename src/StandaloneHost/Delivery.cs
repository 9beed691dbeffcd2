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
/// <param name="Body">The payload, as <see cref="AmqpBody"/> defines it.</param>
/// <param name="ContentEncoding">The property of the message; null if the sender didn't set it.</param>
/// <param name="Settle">Sends the outcome to the peer.</param>
/// <param name="Hold">Renews the message's lock until the token ends.</param>
internal sealed record Delivery(
    ReadOnlyMemory<byte> Body, string? ContentEncoding, Func<DeliveryOutcome, Task> Settle, Func<CancellationToken, Task> Hold);
