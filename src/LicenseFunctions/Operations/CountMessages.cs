using Azure;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>The queue of usage records as its broker counts it.</summary>
/// <param name="Active">Messages that wait or are being written; null where it isn't known.</param>
/// <param name="DeadLettered">Messages that the broker gave up; null where it isn't known.</param>
/// <param name="UnknownBecause">Why neither is known; null where both are.</param>
public sealed record QueueState(long? Active, long? DeadLettered, string? UnknownBecause);

/// <summary>Asks Service Bus how long the queue is. It never fails and never takes long: an operator's page waits for it.</summary>
/// <param name="open">Makes the client; called once, and only where there is a Service Bus.</param>
public sealed class CountMessages(
    ServiceBusSettings settings, Func<ServiceBusAdministrationClient> open, TimeProvider time, ILogger<CountMessages> log)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly Lazy<ServiceBusAdministrationClient> client = new(open);

    /// <summary>One try: the page asks again by itself.</summary>
    public static ServiceBusAdministrationClientOptions Options => new() { Retry = { MaxRetries = 0, NetworkTimeout = Deadline } };

    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public async Task<QueueState> RunAsync(CancellationToken cancellationToken)
    {
        if (settings.Absent is { } absent)
            return Unknown(absent);

        using var deadline = new CancellationTokenSource(Deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            // The client asks for its token without any deadline.
            var counts = (await client.Value.GetQueueRuntimePropertiesAsync(settings.Queue, either.Token).WaitAsync(either.Token)).Value;
            return new QueueState(counts.ActiveMessageCount, counts.DeadLetterMessageCount, null);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception failure)
        {
            return Unknown(Reason(failure));
        }
    }

    private string Reason(Exception failure)
    {
        switch (failure)
        {
            case OperationCanceledException:
                return $"Service Bus did not answer within {Deadline.TotalSeconds} seconds.";
            case UnauthorizedAccessException or ServiceBusException { InnerException: RequestFailedException { Status: 403 } }:
                return "Service Bus refuses: counting takes a key with the right Manage, or the role Azure Service Bus Data Owner.";
            case ServiceBusException { Reason: ServiceBusFailureReason.MessagingEntityNotFound }:
                return $"Service Bus has no queue {settings.Queue}.";
            case AuthenticationFailedException:
                return "The identity got no token for Service Bus.";
            default:
                log.LogWarning(failure, "The messages of {Queue} couldn't be counted", settings.Queue);
                return "Service Bus can't be reached; the log has the reason.";
        }
    }

    private static QueueState Unknown(string reason) => new(null, null, reason);
}
