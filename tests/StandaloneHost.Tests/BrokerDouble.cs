using System.Net;
using System.Net.Sockets;
using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Listener;

namespace StandaloneHost.Tests;

/// <summary>
/// A broker with Service Bus's rules for queues (learn.microsoft.com/azure/service-bus-messaging, "Message transfers, locks, and
/// settlement" and "dead-letter queues"): peek-lock, a delivery count that grows when a message is abandoned or its lock is lost,
/// dead-lettering at the tenth, <c>queue/$deadletterqueue</c>. Locks end when a test says so, not by a clock.
/// </summary>
public sealed class BrokerDouble : IDisposable
{
    public const int MaxDeliveryCount = 10;

    private readonly Dictionary<string, Queue> queues = [];
    private readonly int port = FreePort();
    private ContainerHost host;

    public BrokerDouble(params string[] names)
    {
        foreach (var name in names)
        {
            queues[$"{name}/$deadletterqueue"] = new Queue(null);
            queues[name] = new Queue(queues[$"{name}/$deadletterqueue"]);
        }

        host = Open();
    }

    /// <summary>What the setting <c>ServiceBus</c> is to be.</summary>
    public string Address => $"amqp://127.0.0.1:{port}";

    public void Send(string queue, params IEnumerable<string> bodies)
    {
        foreach (var body in bodies)
            queues[queue].Add(new Stored(Encoding.UTF8.GetBytes(body)));
    }

    /// <summary>Messages that are there, delivered or not.</summary>
    public int Count(string queue) => queues[queue].Count;

    /// <summary>Ends when every message of the queue has been completed or dead-lettered.</summary>
    public Task EmptyAsync(string queue, CancellationToken cancellationToken) => queues[queue].EmptyAsync().WaitAsync(cancellationToken);

    /// <summary>Ends the locks of all that is out: it is delivered again, and settling the first delivery does nothing.</summary>
    public void LoseLocks(string queue) => queues[queue].LoseLocks();

    /// <summary>Goes away, with every connection; what was out is delivered again after <see cref="Return"/>.</summary>
    public void GoAway()
    {
        host.Close();
        foreach (var queue in queues.Values)
            queue.LoseLocks();
    }

    public void Return() => host = Open();

    public void Dispose() => host.Close();

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private ContainerHost Open()
    {
        var opened = new ContainerHost(new Address(Address));
        foreach (var (name, queue) in queues)
        {
            opened.RegisterMessageSource(name, queue);
            opened.RegisterMessageProcessor(name, queue);
        }

        opened.Open();
        return opened;
    }

    private sealed class Stored(byte[] body)
    {
        public byte[] Body => body;

        public uint DeliveryCount { get; set; }

        /// <summary>Grows with each delivery: an outcome for an earlier one comes too late.</summary>
        public long Lock { get; set; }
    }

    private sealed class Queue(Queue? deadLetters) : IMessageSource, IMessageProcessor
    {
        private readonly object gate = new();
        private readonly LinkedList<Stored> waiting = [];
        private readonly HashSet<Stored> locked = [];
        private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Count
        {
            get
            {
                lock (gate)
                    return waiting.Count + locked.Count;
            }
        }

        public int Credit => 1000;

        public void Process(MessageContext messageContext)
        {
            Add(new Stored(messageContext.Message.Body as byte[] ?? Encoding.UTF8.GetBytes((string)messageContext.Message.Body)));
            messageContext.Complete();
        }

        public void Add(Stored message) => Change(() => waiting.AddLast(message));

        public async Task EmptyAsync()
        {
            while (true)
            {
                Task next;
                lock (gate)
                {
                    if (waiting.Count + locked.Count == 0)
                        return;
                    next = changed.Task;
                }

                await next;
            }
        }

        public void LoseLocks() => Change(() =>
        {
            foreach (var message in locked.ToArray())
                GiveBack(message, counted: true);
        });

        public async Task<ReceiveContext?> GetMessageAsync(ListenerLink link)
        {
            link.AddClosedCallback((_, _) => Change(() => { }));
            while (!link.IsClosed)
            {
                Task next;
                lock (gate)
                {
                    if (waiting.First?.Value is { } message)
                    {
                        waiting.RemoveFirst();
                        locked.Add(message);
                        var sent = new Message
                        {
                            Header = new Header { DeliveryCount = message.DeliveryCount },
                            BodySection = new Data { Binary = message.Body },
                        };
                        return new ReceiveContext(link, sent) { UserToken = (message, ++message.Lock) };
                    }

                    next = changed.Task;
                }

                await next;
            }

            return null;
        }

        public void DisposeMessage(ReceiveContext receiveContext, DispositionContext dispositionContext)
        {
            var (message, held) = ((Stored, long))receiveContext.UserToken;
            Change(() =>
            {
                if (message.Lock != held || !locked.Contains(message))
                    return;
                if (dispositionContext.DeliveryState is Accepted)
                    locked.Remove(message);
                else
                    // Also what the listener's library says of all that is out when a connection breaks.
                    GiveBack(message, dispositionContext.DeliveryState is Modified { DeliveryFailed: true });
            });
            dispositionContext.Complete();
        }

        private void GiveBack(Stored message, bool counted)
        {
            message.DeliveryCount += counted ? 1u : 0;
            message.Lock++;
            locked.Remove(message);
            if (message.DeliveryCount >= MaxDeliveryCount && deadLetters is not null)
                deadLetters.Add(message);
            else
                waiting.AddFirst(message);
        }

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
}
