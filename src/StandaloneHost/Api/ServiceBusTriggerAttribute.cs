using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>
/// Calls the function with messages of a queue. StandaloneHost binds batches (<see cref="IsBatched"/>) to <c>string[]</c>,
/// <c>byte[][]</c> or <c>ReadOnlyMemory&lt;byte&gt;[]</c> and single messages to the element; the function's success completes all of them,
/// an exception gives all of them back.
/// </summary>
/// <param name="queueName">The queue; <c>%NAME%</c> is the setting that names it, <c>queue/$deadletterqueue</c> its dead letters.</param>
public sealed class ServiceBusTriggerAttribute(string queueName) : TriggerBindingAttribute
{
    /// <summary>The queue as written, a <c>%NAME%</c> unresolved.</summary>
    public string? QueueName { get; } = queueName;

    /// <summary>Name of the setting that holds the broker's address.</summary>
    public string? Connection { get; set; }

    /// <summary>Whether the function takes many messages at once.</summary>
    public bool IsBatched { get; set; }
}
