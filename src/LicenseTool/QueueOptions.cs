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
        Description = "The Service Bus's connection string; ServiceBus where it isn't given, else ServiceBus__fullyQualifiedNamespace " +
            "with who is signed in (az login)",
    };

    private readonly Option<string?> queue = new("--queue")
    {
        Description = "The queue's name; USAGE_QUEUE where it isn't given, else usage-records",
    };

    public QueueOptions(Command command)
    {
        this.command = command;
        command.Add(connection);
        command.Add(queue);
    }

    /// <returns>The exit code.</returns>
    public delegate Task<int> Work(ServiceBusClient client, string queue, ParseResult arguments, CancellationToken cancellationToken);

    public void Run(Work work) => command.SetAction(async (arguments, cancellationToken) =>
    {
        try
        {
            var settings = Read(arguments);
            if (settings.Absent is { } absent)
                return await FailAsync($"{absent} Example: {Example}");

            await using var client = settings.Open(new ServiceBusClientOptions
            {
                RetryOptions = { MaxRetries = 1, TryTimeout = TimeSpan.FromSeconds(30) },
            });
            return await work(client, settings.Queue, arguments, cancellationToken);
        }
        catch (SettingsException wrong)
        {
            return await FailAsync(wrong.Message);
        }
        catch (Exception failure) when (failure is ServiceBusException or UnauthorizedAccessException or AuthenticationFailedException)
        {
            return await FailAsync($"The queue: {failure.Message}");
        }
        catch (Exception failure) when (failure is NotSupportedException or SerializationException)
        {
            return await FailAsync(
                $"The queue holds a message that this client can't read ({failure.Message}); the portal's Service Bus Explorer may.");
        }
    });

    private static async Task<int> FailAsync(string why)
    {
        await Console.Error.WriteLineAsync(why);
        return 1;
    }

    private ServiceBusSettings Read(ParseResult arguments)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        configuration["ServiceBus"] = arguments.GetValue(connection) ?? configuration["ServiceBus"];
        configuration["USAGE_QUEUE"] = arguments.GetValue(queue) ?? configuration["USAGE_QUEUE"] ?? "usage-records";
        var reader = new SettingReader(configuration);
        // An operator's machine has no managed identity; use the signed-in user.
        var settings = ServiceBusSettings.Read(reader, reader.Identity() ?? new DefaultAzureCredential());
        reader.ThrowIfFaulty();
        return settings;
    }
}
