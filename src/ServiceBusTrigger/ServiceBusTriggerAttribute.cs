using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>
/// Stands in for the attribute of Microsoft.Azure.Functions.Worker.Extensions.ServiceBus where that package can't be restored. A build
/// with it has no host-side extension: under a Functions host its queue functions receive nothing, so publishing refuses it.
/// </summary>
/// <param name="queueName">The queue; <c>%NAME%</c> is the setting that names it, <c>queue/$deadletterqueue</c> its dead letters.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class ServiceBusTriggerAttribute(string queueName) : TriggerBindingAttribute, ISupportCardinality
{
    /// <summary>The queue as written, a <c>%NAME%</c> unresolved.</summary>
    public string? QueueName => queueName;

    /// <summary>Name of the setting that holds the connection.</summary>
    public string? Connection { get; set; }

    /// <summary>Whether the function takes many messages at once.</summary>
    [DefaultValue(false)]
    public bool IsBatched { get; set; }

    Cardinality ISupportCardinality.Cardinality
    {
        get => IsBatched ? Cardinality.Many : Cardinality.One;
        set => IsBatched = value == Cardinality.Many;
    }
}
