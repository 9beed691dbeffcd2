using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>
/// Replaces the attribute of Microsoft.Azure.Functions.Worker.Extensions.ServiceBus if that package can't be restored. A build with this
/// attribute lacks the host's part of the extension: under a Functions host its queue functions receive nothing, so it can't be published.
/// </summary>
/// <param name="queueName">
/// The queue. <c>%NAME%</c> is replaced by the setting NAME; <c>queue/$deadletterqueue</c> is the queue's dead-letter queue.
/// </param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class ServiceBusTriggerAttribute(string queueName) : TriggerBindingAttribute, ISupportCardinality
{
    /// <summary>The queue as written; <c>%NAME%</c> is not resolved.</summary>
    public string? QueueName => queueName;

    /// <summary>Name of the setting that contains the connection.</summary>
    public string? Connection { get; set; }

    /// <summary>Whether one run receives many messages.</summary>
    [DefaultValue(false)]
    public bool IsBatched { get; set; }

    Cardinality ISupportCardinality.Cardinality
    {
        get => IsBatched ? Cardinality.Many : Cardinality.One;
        set => IsBatched = value == Cardinality.Many;
    }
}
