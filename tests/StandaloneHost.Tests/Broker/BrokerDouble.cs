using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Handler;
using Amqp.Listener;
using Amqp.Sasl;
using Amqp.Types;

namespace StandaloneHost.Tests;

/// <summary>
/// A broker with Service Bus's rules for queues (learn.microsoft.com/azure/service-bus-messaging, "Message transfers, locks, and
/// settlement" and "dead-letter queues"): peek-lock, a delivery count that grows when a message is abandoned or its lock is lost,
/// dead-lettering at the tenth delivery, <c>queue/$deadletterqueue</c>. Locks expire only when a test ends them.
/// It accepts plain AMQP 1.0, and AMQP as the official client uses it with Service Bus's emulator (SASL MSSBCBS, claims over
/// <c>$cbs</c>, requests over <c>queue/$management</c>; service-bus-amqp-protocol-guide and service-bus-amqp-request-response).
/// </summary>
public sealed class BrokerDouble : IDisposable
{
    public const int MaxDeliveryCount = 10;

    private readonly Dictionary<string, QueueDouble> queues = new(StringComparer.OrdinalIgnoreCase);
    private readonly ReservedPort plain = new();
    private readonly ReservedPort claims = new();
    private readonly TaskCompletionSource refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ContainerHost host;

    public BrokerDouble(params string[] names)
    {
        foreach (var name in names)
        {
            queues[$"{name}/$deadletterqueue"] = new QueueDouble(null);
            queues[name] = new QueueDouble(queues[$"{name}/$deadletterqueue"]);
        }

        host = Open();
    }

    /// <summary>Value of the setting <c>ServiceBus</c> for AMQPNetLite.</summary>
    public string Address => $"amqp://127.0.0.1:{plain.Number}";

    /// <summary>Value of the setting <c>ServiceBus</c> for the official client.</summary>
    public string ConnectionString =>
        $"Endpoint=sb://127.0.0.1:{claims.Number};SharedAccessKeyName=test;SharedAccessKey=dGVzdA==;UseDevelopmentEmulator=true";

    /// <summary>Whether claims are rejected, as with a wrong key or insufficient rights.</summary>
    public bool RefusesClaims { get; set; }

    /// <summary>Whether messages are rejected, as if the queue were full.</summary>
    public bool RefusesMessages { get; set; }

    public void Send(string queue, params IEnumerable<string> bodies)
    {
        foreach (var body in bodies)
            Send(queue, new Data { Binary = Encoding.UTF8.GetBytes(body) });
    }

    /// <summary>Sends a message with any kind of AMQP body, and properties.</summary>
    public void Send(string queue, RestrictedDescribed body, Properties? properties = null, ApplicationProperties? application = null) =>
        queues[queue].Add(new Message { BodySection = body, Properties = properties, ApplicationProperties = application });

    /// <summary>Adds a dead letter that has reached the maximum number of deliveries.</summary>
    public void Bury(string queue, string body) => queues[$"{queue}/$deadletterqueue"].Add(new Message
    {
        Header = new Header { DeliveryCount = MaxDeliveryCount },
        BodySection = new Data { Binary = Encoding.UTF8.GetBytes(body) },
        ApplicationProperties = QueueDouble.Reason("MaxDeliveryCountExceeded", "Delivered too often."),
    });

    public bool Has(string queue) => queues.ContainsKey(queue);

    /// <summary>Number of messages in the queue, including locked ones.</summary>
    public int Count(string queue) => queues[queue].All.Count;

    /// <summary>Messages of the queue, in order.</summary>
    public IReadOnlyList<StoredMessage> Messages(string queue) => queues[queue].All;

    /// <summary>Number of renewed locks.</summary>
    public int Renewals(string queue) => queues[queue].Renewals;

    /// <summary>Sets the reported end of the locks of future deliveries.</summary>
    public void LockUntil(string queue, DateTime until) => queues[queue].LockedUntil = until;

    /// <summary>Ends when every message of the queue has been completed or dead-lettered.</summary>
    public Task EmptyAsync(string queue, CancellationToken cancellationToken) =>
        ReachAsync(queue, messages => messages.Count == 0, cancellationToken);

    /// <summary>Ends when the queue has reached a state.</summary>
    public Task ReachAsync(string queue, Func<IReadOnlyList<StoredMessage>, bool> reached, CancellationToken cancellationToken) =>
        queues[queue].ReachAsync(it => reached(it.All), cancellationToken);

    /// <summary>Ends when a number of locks of the queue have been renewed.</summary>
    public Task RenewedAsync(string queue, int times, CancellationToken cancellationToken) =>
        queues[queue].ReachAsync(renewed => renewed.Renewals >= times, cancellationToken);

    /// <summary>Ends when claims have been rejected.</summary>
    public Task RefusedAsync(CancellationToken cancellationToken) => refused.Task.WaitAsync(cancellationToken);

    /// <summary>Expires all locks: the messages are delivered again, and settling the first delivery has no effect.</summary>
    public void ExpireLocks(string queue) => queues[queue].ExpireLocks();

    /// <summary>Stops and closes all connections. Unsettled messages are delivered again after <see cref="Return"/>.</summary>
    public void CloseConnections()
    {
        host.Close();
        foreach (var queue in queues.Values)
            queue.Disconnect();
    }

    public void Return() => host = Open();

    public void Dispose()
    {
        host.Close();
        plain.Dispose();
        claims.Dispose();
    }

    private ContainerHost Open()
    {
        var opened = new ContainerHost([new Address($"amqp://127.0.0.1:{plain.Number}"), new Address($"amqp://127.0.0.1:{claims.Number}")])
        {
            // The official client writes the queue as a path from the root.
            AddressResolver = (_, attach) => AddressOf(attach),
        };
        opened.Listeners[1].SASL.EnableMechanism("MSSBCBS", SaslProfile.Anonymous);
        foreach (var listener in opened.Listeners)
            listener.HandlerFactory = _ => LockTokens.Instance;
        opened.RegisterRequestProcessor("$cbs", new Claims(this));
        foreach (var (name, queue) in queues)
            opened.RegisterRequestProcessor($"{name}/$management", new ManagementDouble(queue, this));
        opened.RegisterLinkProcessor(new Links(this));
        opened.Open();
        return opened;
    }

    private static string AddressOf(Attach attach) =>
        (attach.Role ? ((Source)attach.Source).Address : ((Target)attach.Target).Address).TrimStart('/');

    /// <summary>Sets the tag of each delivery to its lock token.</summary>
    private sealed class LockTokens : IHandler
    {
        public static readonly LockTokens Instance = new();

        public bool CanHandle(EventId id) => id == EventId.SendDelivery;

        public void Handle(Event protocolEvent)
        {
            if (protocolEvent.Context is IDelivery { Message: LockedMessage message } delivery)
                delivery.Tag = message.Token.ToByteArray();
        }
    }

    /// <summary>Accepts every key, unless a test sets it to reject them.</summary>
    private sealed class Claims(BrokerDouble broker) : IRequestProcessor
    {
        public int Credit => 100;

        public void Process(RequestContext requestContext)
        {
            var reply = new Message { ApplicationProperties = new ApplicationProperties() };
            var (code, description) = broker.RefusesClaims ? (401, "InvalidSignature: The token is invalid.") : (202, "Accepted");
            reply.ApplicationProperties["status-code"] = code;
            reply.ApplicationProperties["status-description"] = description;
            requestContext.Complete(reply);
            if (broker.RefusesClaims)
                broker.refused.TrySetResult();
        }
    }

    private sealed class Links(BrokerDouble broker) : ILinkProcessor
    {
        public void Process(AttachContext attachContext)
        {
            var attach = attachContext.Attach;
            var name = AddressOf(attach);
            // The limit of the Standard tier; without a limit the official client sends nothing.
            attach.MaxMessageSize = 256 * 1024;
            if (!broker.queues.TryGetValue(name, out var queue))
                attachContext.Complete(new Error(ErrorCode.NotFound) { Description = $"The entity '{name}' could not be found." });
            else if (attach.Role)
                attachContext.Complete(new QueueDouble.Receiver(queue, attachContext.Link), 0);
            else
                attachContext.Complete(new QueueDouble.Sender(queue, broker), 1000);
        }
    }
}
