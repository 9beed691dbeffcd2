using Azure.Messaging.ServiceBus;

namespace LicenseTool;

/// <summary>
/// Finds dead letters. A broker delivers them only in order, so other dead letters are received, too, and then abandoned. This increments
/// their delivery count.
/// </summary>
/// <param name="wanted">Sequence numbers; null for all dead letters.</param>
internal sealed class DeadLetterSearch(ServiceBusReceiver dead, HashSet<long>? wanted)
{
    // If no message arrives within this time, the queue has no more messages.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);

    public int Examined { get; private set; }

    /// <summary>Sequence numbers that were not found.</summary>
    public IReadOnlyCollection<long> Missing => [.. (wanted ?? []).Order()];

    /// <param name="limit">Maximum number of messages to examine.</param>
    /// <param name="act">Settles a message that was searched for.</param>
    public async Task RunAsync(int limit, Func<ServiceBusReceivedMessage, Task> act, CancellationToken cancellationToken)
    {
        // Kept locked until the end, because an abandoned message would be delivered again immediately.
        var held = new HashSet<ServiceBusReceivedMessage>();
        try
        {
            while (Examined < limit && wanted is not { Count: 0 })
            {
                var batch = await dead.ReceiveMessagesAsync(Math.Min(100, limit - Examined), MaxWait, cancellationToken);
                if (batch.Count == 0)
                    break;
                Examined += batch.Count;
                held.UnionWith(batch);
                foreach (var message in batch)
                {
                    if (wanted?.Contains(message.SequenceNumber) is false)
                        continue;
                    cancellationToken.ThrowIfCancellationRequested();
                    await act(message);
                    wanted?.Remove(message.SequenceNumber);
                    held.Remove(message);
                }
            }
        }
        finally
        {
            await Task.WhenAll(held.Select(GiveBackAsync));
        }
    }

    private async Task GiveBackAsync(ServiceBusReceivedMessage message)
    {
        try
        {
            await dead.AbandonMessageAsync(message);
        }
        catch (ServiceBusException)
        {
            // The message is available again when its lock expires.
        }
    }
}
