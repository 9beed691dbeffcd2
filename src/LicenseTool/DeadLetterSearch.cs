using Azure.Messaging.ServiceBus;

namespace LicenseTool;

/// <summary>
/// Finds dead letters. A broker delivers them only in order, so unwanted messages are received and abandoned, which raises their delivery
/// count.
/// </summary>
/// <param name="wanted">Sequence numbers; null: all.</param>
internal sealed class DeadLetterSearch(ServiceBusReceiver dead, HashSet<long>? wanted)
{
    // If nothing arrives for this long, the queue has no more messages.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public int Examined { get; private set; }

    /// <summary>Wanted sequence numbers that weren't found.</summary>
    public IReadOnlyCollection<long> Missing => [.. (wanted ?? []).Order()];

    /// <param name="limit">Maximum number of messages to examine.</param>
    /// <param name="act">Settles a wanted one.</param>
    public async Task RunAsync(int limit, Func<ServiceBusReceivedMessage, Task> act, CancellationToken cancellationToken)
    {
        // Kept locked until the end, because an abandoned message would be delivered again at once.
        var held = new HashSet<ServiceBusReceivedMessage>();
        try
        {
            while (Examined < limit && wanted is not { Count: 0 })
            {
                var batch = await dead.ReceiveMessagesAsync(Math.Min(100, limit - Examined), Patience, cancellationToken);
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
            // It comes back by itself when its lock ends.
        }
    }
}
