namespace FunctionsHost;

/// <summary>
/// An in-memory queue with Service Bus's rules: the messages of a batch are locked until they are settled; an abandoned message is
/// delivered again before all others; the tenth failed delivery moves it to the dead letters.
/// </summary>
/// <param name="deadLetters">Null for a dead-letter queue, which delivers its messages without limit.</param>
public sealed class QueuedMessages(QueuedMessages? deadLetters)
{
    public const int MaxDeliveryCount = 10;

    private readonly Lock gate = new();
    private readonly LinkedList<QueuedMessage> waiting = [];
    private int locked;
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Messages in the queue, locked ones included.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return waiting.Count + locked;
        }
    }

    public void Send(params IEnumerable<ReadOnlyMemory<byte>> bodies) => Change(() =>
    {
        foreach (var body in bodies)
            waiting.AddLast(new QueuedMessage(Guid.NewGuid().ToString("N"), body, 1));
    });

    /// <summary>Ends when every message has been completed or dead-lettered.</summary>
    public async Task EmptyAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (waiting.Count + locked == 0)
                    return;
                next = changed.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits until there is a message and returns all messages, up to <paramref name="atMost"/>.</summary>
    public async Task<IReadOnlyList<QueuedMessage>> TakeAsync(int atMost, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task next;
            lock (gate)
            {
                next = changed.Task;
                var batch = waiting.Take(atMost).ToList();
                batch.ForEach(message => waiting.Remove(message));
                locked += batch.Count;
                if (batch.Count > 0)
                    return batch;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The batch succeeded: its messages are removed.</summary>
    public void Complete(IReadOnlyList<QueuedMessage> batch) => Change(() => locked -= batch.Count);

    /// <summary>The batch failed: its messages are delivered again, or dead-lettered.</summary>
    public void Abandon(IReadOnlyList<QueuedMessage> batch) => Change(() =>
    {
        locked -= batch.Count;
        foreach (var message in batch.Reverse())
        {
            if (message.DeliveryCount >= MaxDeliveryCount && deadLetters is not null)
                deadLetters.Change(() => deadLetters.waiting.AddLast(message));
            else
                waiting.AddFirst(message with { DeliveryCount = message.DeliveryCount + 1 });
        }
    });

    private void Change(Action change)
    {
        TaskCompletionSource seen;
        lock (gate)
        {
            change();
            seen = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        seen.TrySetResult();
    }
}

/// <param name="DeliveryCount">Starts at 1 and includes this delivery.</param>
public sealed record QueuedMessage(string Id, ReadOnlyMemory<byte> Body, int DeliveryCount);
