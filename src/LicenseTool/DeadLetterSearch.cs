using Azure.Messaging.ServiceBus;

namespace LicenseTool;

/// <summary>Finds dead letters. A broker gives them only in their order: those that aren't wanted are received and given back.</summary>
/// <param name="wanted">Sequence numbers; null: all.</param>
internal sealed class DeadLetterSearch(ServiceBusReceiver dead, HashSet<long>? wanted)
{
    // Nothing for so long: there is no more.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public int LookedThrough { get; private set; }

    /// <summary>Those that are wanted and weren't found.</summary>
    public IReadOnlyCollection<long> Missing => [.. (wanted ?? []).Order()];

    /// <param name="limit">So many are looked through at most.</param>
    /// <param name="act">Settles a wanted one.</param>
    public async Task RunAsync(int limit, Func<ServiceBusReceivedMessage, Task> act, CancellationToken cancellationToken)
    {
        // Locked until the end: given back at once they would come again.
        var held = new HashSet<ServiceBusReceivedMessage>();
        try
        {
            while (LookedThrough < limit && wanted is not { Count: 0 })
            {
                var batch = await dead.ReceiveMessagesAsync(Math.Min(100, limit - LookedThrough), Patience, cancellationToken);
                if (batch.Count == 0)
                    break;
                LookedThrough += batch.Count;
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
