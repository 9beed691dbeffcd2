using Amqp;
using Amqp.Framing;
using Amqp.Listener;
using Amqp.Types;

namespace StandaloneHost.Tests;

/// <summary>A message in a queue, with the broker's data about it.</summary>
public sealed record StoredMessage(long SequenceNumber, RestrictedDescribed Body, Properties? Properties)
{
    /// <summary>Properties from the sender, and the reason of a dead letter.</summary>
    public ApplicationProperties? ApplicationProperties { get; set; }

    /// <summary>Deliveries that ended without success.</summary>
    public uint DeliveryCount { get; set; }

    /// <summary>Whether the message is delivered and not settled yet.</summary>
    public bool IsLocked { get; set; }

    public static DateTime EnqueuedAt { get; } = new(2026, 11, 26, 12, 0, 0, DateTimeKind.Utc);

    public Message Encode(DateTime? lockedUntil) => Fill(new Message(), lockedUntil);

    internal LockedMessage Lock(Guid token, DateTime until) => (LockedMessage)Fill(new LockedMessage(token), until);

    private Message Fill(Message message, DateTime? lockedUntil)
    {
        message.Header = new Header { DeliveryCount = DeliveryCount };
        message.MessageAnnotations = new MessageAnnotations();
        message.MessageAnnotations[new Symbol("x-opt-sequence-number")] = SequenceNumber;
        message.MessageAnnotations[new Symbol("x-opt-enqueued-time")] = EnqueuedAt;
        if (lockedUntil is { } until)
            message.MessageAnnotations[new Symbol("x-opt-locked-until")] = until;
        message.Properties = Properties;
        message.ApplicationProperties = ApplicationProperties;
        message.BodySection = Body;
        return message;
    }
}

internal sealed class LockedMessage(Guid token) : Message
{
    public Guid Token => token;
}

internal sealed class QueueDouble(QueueDouble? deadLetters)
{
    private readonly Lock gate = new();
    private readonly LinkedList<StoredMessage> waiting = [];
    private readonly Dictionary<Guid, StoredMessage> locked = [];
    private readonly List<Receiver> receivers = [];
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long lastSequenceNumber;

    public int Renewals { get; private set; }

    /// <summary>In the far future, so that no lock is renewed unless a test needs that.</summary>
    public DateTime LockedUntil { get; set; } = new(2999, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public IReadOnlyList<StoredMessage> All
    {
        get
        {
            lock (gate)
                return [.. waiting.Concat(locked.Values).OrderBy(message => message.SequenceNumber)];
        }
    }

    /// <returns>The message's sequence number.</returns>
    public long Add(Message message)
    {
        var number = 0L;
        Change(() => waiting.AddLast(new StoredMessage(number = ++lastSequenceNumber, message.BodySection, message.Properties)
        {
            ApplicationProperties = message.ApplicationProperties,
            // A dead letter keeps its delivery count.
            DeliveryCount = message.Header?.DeliveryCount ?? 0,
        }));
        return number;
    }

    public static ApplicationProperties Reason(string reason, string description) =>
        new() { Map = { ["DeadLetterReason"] = reason, ["DeadLetterErrorDescription"] = description } };

    public async Task ReachAsync(Func<QueueDouble, bool> reached, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (reached(this))
                    return;
                next = changed.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>All clients are disconnected, although their links may not be closed yet.</summary>
    public void Disconnect()
    {
        Change(receivers.Clear);
        ExpireLocks();
    }

    public void ExpireLocks() => Change(() =>
    {
        foreach (var token in locked.Keys.ToArray())
            GiveBack(token, counted: true);
    });

    /// <returns>The new end of the lock; null if the lock is lost.</returns>
    public DateTime? Renew(Guid token)
    {
        DateTime? until = null;
        Change(() =>
        {
            if (!locked.ContainsKey(token))
                return;
            Renewals++;
            until = LockedUntil;
        });
        return until;
    }

    /// <returns>False if the lock is lost.</returns>
    public bool Settle(Guid token, DeliveryState outcome)
    {
        var holds = false;
        Change(() =>
        {
            if (!(holds = locked.ContainsKey(token)))
                return;
            switch (outcome)
            {
                case Accepted:
                    locked.Remove(token);
                    break;
                case Rejected { Error: { } error } when (string)error.Condition == "com.microsoft:dead-letter":
                    DeadLetter(token, (string?)error.Info?[new Symbol("DeadLetterReason")] ?? "Rejected");
                    break;
                default:
                    // The listener's library reports any other rejection or release for all delivered messages when a connection breaks.
                    GiveBack(token, counted: outcome is Modified);
                    break;
            }
        });
        return holds;
    }

    private void GiveBack(Guid token, bool counted)
    {
        var message = locked[token];
        message.DeliveryCount += counted ? 1u : 0;
        if (message.DeliveryCount >= BrokerDouble.MaxDeliveryCount && deadLetters is not null)
        {
            DeadLetter(token, "MaxDeliveryCountExceeded");
            return;
        }

        locked.Remove(token);
        message.IsLocked = false;
        waiting.AddFirst(message);
    }

    private void DeadLetter(Guid token, string reason)
    {
        locked.Remove(token, out var message);
        var moved = message!.Encode(null);
        moved.ApplicationProperties = Reason(reason, $"Delivered {message.DeliveryCount} times.");
        foreach (var (name, value) in message.ApplicationProperties?.Map ?? [])
            moved.ApplicationProperties.Map[name] = value;
        deadLetters!.Add(moved);
    }

    private void Change(Action change)
    {
        TaskCompletionSource seen;
        lock (gate)
        {
            change();
            Deliver();
            seen = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        seen.TrySetResult();
    }

    private void Deliver()
    {
        foreach (var receiver in receivers)
        {
            while (waiting.First?.Value is { } message && receiver.Credit > 0)
            {
                var token = Guid.NewGuid();
                waiting.RemoveFirst();
                locked.Add(token, message);
                message.IsLocked = true;
                if (!receiver.TrySend(message.Lock(token, LockedUntil)))
                    GiveBack(token, counted: false);
            }

            receiver.EndDrain();
        }
    }

    /// <summary>A link that sends messages to a client.</summary>
    public sealed class Receiver : LinkEndpoint
    {
        private readonly QueueDouble queue;
        private readonly ListenerLink link;

        public Receiver(QueueDouble queue, ListenerLink link)
        {
            (this.queue, this.link) = (queue, link);
            queue.Change(() => queue.receivers.Add(this));
        }

        public int Credit { get; private set; }

        public override void OnFlow(FlowContext flowContext) => queue.Change(() => Credit += Math.Max(0, flowContext.Messages));

        public override void OnDisposition(DispositionContext dispositionContext)
        {
            var holds = queue.Settle(((LockedMessage)dispositionContext.Message).Token, dispositionContext.DeliveryState);
            if (holds)
                link.DisposeMessage(dispositionContext.Message, dispositionContext.DeliveryState, true);
            else
                dispositionContext.Complete(new Error(new Symbol("com.microsoft:message-lock-lost"))
                {
                    Description = "The lock supplied is invalid.",
                });
        }

        public override void OnLinkClosed(ListenerLink link, Error error) => queue.Change(() => queue.receivers.Remove(this));

        public bool TrySend(Message message)
        {
            try
            {
                Credit--;
                link.SendMessage(message);
                return true;
            }
            catch (AmqpException)
            {
                // The link is closing and receives no more messages.
                Credit = 0;
                return false;
            }
        }

        public void EndDrain()
        {
            if (!link.IsDraining)
                return;
            Credit = 0;
            link.CompleteDrain();
        }
    }

    /// <summary>A link that receives messages from a client.</summary>
    public sealed class Sender(QueueDouble queue, BrokerDouble broker) : LinkEndpoint
    {
        public override void OnMessage(MessageContext messageContext)
        {
            if (broker.RefusesMessages)
            {
                messageContext.Complete(new Error(ErrorCode.ResourceLimitExceeded) { Description = "The queue is full." });
                return;
            }

            queue.Add(messageContext.Message);
            messageContext.Complete();
        }

        public override void OnFlow(FlowContext flowContext)
        {
        }

        public override void OnDisposition(DispositionContext dispositionContext)
        {
        }
    }
}
