using System.Runtime.CompilerServices;
using Amqp;
using Azure.Messaging.ServiceBus;
using Microsoft.Extensions.Configuration;

namespace StandaloneHost;

/// <summary>
/// The address of a broker: <c>amqp(s)://user:password@host:port</c>, or the connection string of Service Bus or its emulator:
/// <c>Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…</c>.
/// </summary>
/// <param name="Host">Host name for logs; contains no secret.</param>
/// <param name="Amqp">Address for AMQPNetLite; null for a Service Bus.</param>
/// <param name="ServiceBus">Connection string of a Service Bus; null for another broker.</param>
internal sealed record BrokerAddress(string Host, Address? Amqp, string? ServiceBus)
{
    private const string Example =
        "amqps://user:password@broker:5671 or Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…";

    /// <returns>Null if the setting isn't set: there is no broker.</returns>
    /// <exception cref="StartRefusedException">The setting is not the address of a broker.</exception>
    public static BrokerAddress? Read(string function, string setting, IConfiguration settings)
    {
        if (settings[setting] is not { Length: > 0 } text)
        {
            return settings[$"{setting}:fullyQualifiedNamespace"] is null ? null : throw new StartRefusedException(
                $"Function {function}: {setting}__fullyQualifiedNamespace needs a managed identity, which exists only on Azure. " +
                $"Example without one: {setting}={Example}");
        }

        // The message must not contain the value, because the value contains a password.
        return Parse(text) ?? throw new StartRefusedException(
            $"Function {function}: setting {setting} is not the address of a broker. Example: {setting}={Example}");
    }

    public static BrokerAddress? Parse(string text)
    {
        try
        {
            if (!text.StartsWith("amqp://", StringComparison.OrdinalIgnoreCase)
                && !text.StartsWith("amqps://", StringComparison.OrdinalIgnoreCase))
                return ParseServiceBus(text);
            var address = new Address(text);
            return new BrokerAddress(address.Host, address, null);
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException)
        {
            return null;
        }
    }

    // Not inlined, so that the library of the official client is loaded only if a Service Bus is used.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static BrokerAddress? ParseServiceBus(string text)
    {
        var parts = ServiceBusConnectionStringProperties.Parse(text);
        return parts.FullyQualifiedNamespace is { } host
            && (parts.SharedAccessSignature is not null || (parts.SharedAccessKeyName is not null && parts.SharedAccessKey is not null))
            ? new BrokerAddress(host, null, text)
            : null;
    }
}
