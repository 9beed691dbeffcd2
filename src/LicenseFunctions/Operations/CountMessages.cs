using Azure;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>Message counts of the usage-records queue, as the broker reports them.</summary>
/// <param name="Active">Messages waiting or being processed; null if unknown.</param>
/// <param name="DeadLettered">Messages in the dead-letter queue; null if unknown.</param>
/// <param name="UnknownBecause">Why the counts are unknown; null if they are known.</param>
public sealed record QueueState(long? Active, long? DeadLettered, string? UnknownBecause);

/// <summary>
/// Reads the queue's message counts from Service Bus. Failures are returned as a reason, and it takes at most two seconds: an operator's
/// page waits for it.
/// </summary>
/// <param name="open">Creates the client; called at most once, and only if a Service Bus is set.</param>
public sealed class CountMessages(
    ServiceBusSettings settings, Func<ServiceBusAdministrationClient> open, TimeProvider time, ILogger<CountMessages> log)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly Lazy<ServiceBusAdministrationClient> client = new(open);

    /// <summary>No retries: the page polls.</summary>
    public static ServiceBusAdministrationClientOptions Options => new() { Retry = { MaxRetries = 0, NetworkTimeout = Deadline } };

    /// <exception cref="OperationCanceledException">The caller has disconnected.</exception>
    public async Task<QueueState> RunAsync(CancellationToken cancellationToken)
    {
        if (settings.Absent is { } absent)
            return Unknown(absent);

        using var deadline = new CancellationTokenSource(Deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            // WaitAsync: the client's request for its own token has no deadline.
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
                return "Service Bus denied access: reading the counts needs a key with the Manage right, or the role Azure Service Bus Data Owner.";
            case ServiceBusException { Reason: ServiceBusFailureReason.MessagingEntityNotFound }:
                return $"Service Bus has no queue {settings.Queue}.";
            case AuthenticationFailedException:
                return "The identity got no token for Service Bus.";
            default:
                log.LogWarning(failure, "The message counts of {Queue} could not be read", settings.Queue);
                return "Service Bus can't be reached; the log has the reason.";
        }
    }

    private static QueueState Unknown(string reason) => new(null, null, reason);
}
