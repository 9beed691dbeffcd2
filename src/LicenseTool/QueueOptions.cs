using System.CommandLine;
using System.Runtime.Serialization;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Configuration;

namespace LicenseTool;

/// <summary>Options that select the broker and the queue, and the error messages for them.</summary>
internal sealed class QueueOptions
{
    private const string Example =
        "--servicebus 'Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…', " +
        "or ServiceBus__fullyQualifiedNamespace=NAME.servicebus.windows.net after az login";

    private readonly Command command;

    private readonly Option<string?> connection = new("--servicebus")
    {
        Description = "Connection string of the Service Bus; default: ServiceBus, else ServiceBus__fullyQualifiedNamespace " +
            "with the signed-in user (az login)",
    };

    private readonly Option<string?> queue = new("--queue")
    {
        Description = "Name of the queue; default: USAGE_QUEUE, else usage-records",
    };

    public QueueOptions(Command command)
    {
        this.command = command;
        command.Add(connection);
        command.Add(queue);
    }

    /// <summary>A client, a queue's name, and the receiver of its dead letters. Client and receiver are closed after the work.</summary>
    public sealed record Broker(ServiceBusClient Client, string Queue, ServiceBusReceiver DeadLetters);

    /// <returns>The exit code.</returns>
    public delegate Task<int> Work(Broker broker, ParseResult arguments, CancellationToken cancellationToken);

    public void Run(Work work) => command.SetAction(async (arguments, cancellationToken) =>
    {
        try
        {
            var settings = Read(arguments);
            if (settings.Unavailable is { } reason)
                return await FailAsync($"{reason} Example: {Example}");

            await using var client = settings.Open(new ServiceBusClientOptions
            {
                RetryOptions = { MaxRetries = 1, TryTimeout = TimeSpan.FromSeconds(30) },
            });
            var dead = client.CreateReceiver(settings.Queue, new ServiceBusReceiverOptions { SubQueue = SubQueue.DeadLetter });
            try
            {
                return await work(new Broker(client, settings.Queue, dead), arguments, cancellationToken);
            }
            finally
            {
                await CloseAsync(dead);
            }
        }
        catch (SettingsException wrong)
        {
            return await FailAsync(wrong.Message);
        }
        catch (Exception failure) when (failure is ServiceBusException or UnauthorizedAccessException or AuthenticationFailedException)
        {
            return await FailAsync($"The queue access failed: {failure.Message}");
        }
        catch (Exception failure) when (failure is NotSupportedException or SerializationException)
        {
            return await FailAsync(
                $"The queue contains a message that this client can't read ({failure.Message}). Use the portal's Service Bus Explorer.");
        }
    });

    /// <summary>
    /// Closes the receiver, which returns the messages that were delivered but not read. The receiver is closed before the client's other
    /// links: closing such a link can send its detach after the end of its session (Microsoft.Azure.Amqp 2.7.3), and a strict broker then
    /// closes the connection.
    /// </summary>
    private static async Task CloseAsync(ServiceBusReceiver receiver)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await receiver.CloseAsync(limit.Token);
        }
        catch (Exception failure) when (failure is ServiceBusException or TimeoutException or OperationCanceledException)
        {
            // The exit code of the work is still returned. The messages are available again when their locks expire.
        }
    }

    private static async Task<int> FailAsync(string error)
    {
        await Console.Error.WriteLineAsync(error);
        return 1;
    }

    private ServiceBusSettings Read(ParseResult arguments)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        configuration["ServiceBus"] = arguments.GetValue(connection) ?? configuration["ServiceBus"];
        configuration["USAGE_QUEUE"] = arguments.GetValue(queue) ?? configuration["USAGE_QUEUE"] ?? "usage-records";
        var reader = new SettingReader(configuration);
        // An operator's machine has no managed identity, so the signed-in user is used.
        var settings = ServiceBusSettings.Read(reader, reader.Identity() ?? new DefaultAzureCredential());
        reader.ThrowIfFaulty();
        return settings;
    }
}
