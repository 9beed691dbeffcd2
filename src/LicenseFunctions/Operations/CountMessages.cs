using System.Runtime.CompilerServices;
using Azure;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>Message counts of the usage-records queue, as the broker reports them.</summary>
/// <param name="Active">Messages that are waiting or being processed; null if unknown.</param>
/// <param name="DeadLettered">Messages in the dead-letter queue; null if unknown.</param>
/// <param name="UnknownBecause">Why the counts are unknown; null if they are known or not expected.</param>
/// <param name="NotConfigured">Why no counts are expected: the settings name no Service Bus. Null if they name one.</param>
public sealed record QueueState(long? Active, long? DeadLettered, string? UnknownBecause, string? NotConfigured = null);

/// <summary>
/// Reads the queue's message counts from Service Bus, in at most two seconds, because an operator's page waits for them. A failure is
/// returned as a reason.
/// </summary>
/// <param name="client">Null if no Service Bus can be used with these settings.</param>
public sealed class CountMessages(
    ServiceBusSettings settings, ServiceBusAdministrationClient? client, TimeProvider time, ILogger<CountMessages> log)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <returns>A client without retries, because the page polls; null if no Service Bus can be used.</returns>
    public static ServiceBusAdministrationClient? Client(ServiceBusSettings settings) =>
        settings.Unavailable is null ? ClientOf(settings) : null;

    // If this method were inlined, the Service Bus library would be loaded even if no Service Bus is set.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ServiceBusAdministrationClient ClientOf(ServiceBusSettings settings) =>
        settings.Administer(new ServiceBusAdministrationClientOptions { Retry = { MaxRetries = 0, NetworkTimeout = Deadline } });

    /// <exception cref="OperationCanceledException">The caller has disconnected.</exception>
    public Task<QueueState> RunAsync(CancellationToken cancellationToken) =>
        client is not null ? AskAsync(client, cancellationToken)
        : Task.FromResult(
            settings.IsOff ? new QueueState(null, null, null, settings.Unavailable) : Unknown(settings.Unavailable!));

    private async Task<QueueState> AskAsync(ServiceBusAdministrationClient client, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(Deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            // WaitAsync is necessary because the client requests its token without a deadline.
            var counts = (await client.GetQueueRuntimePropertiesAsync(settings.Queue, either.Token).WaitAsync(either.Token)).Value;
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
                return "Service Bus denied access: " +
                    "reading the counts needs a key with the Manage right, or the role Azure Service Bus Data Owner.";
            case ServiceBusException { Reason: ServiceBusFailureReason.MessagingEntityNotFound }:
                return $"Service Bus has no queue {settings.Queue}.";
            case AuthenticationFailedException:
                return "The managed identity received no token for Service Bus.";
            default:
                log.LogWarning(failure, "The message counts of {Queue} could not be read; operators see them as unknown", settings.Queue);
                return "Service Bus can't be reached; the log contains the reason.";
        }
    }

    private static QueueState Unknown(string reason) => new(null, null, reason);
}
