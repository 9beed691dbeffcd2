using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;

namespace LicenseFunctions.Infrastructure.Settings;

/// <summary>
/// The Service Bus of the usage-records queue, for code that queries the queue. The triggers read the same settings themselves.
/// </summary>
/// <param name="Queue">The queue's name.</param>
/// <param name="Unavailable">Message for operators if no Service Bus can be used; null if one can.</param>
/// <param name="IsOff">Whether the settings name no Service Bus on purpose: none at all, or an AMQP broker other than Service Bus.</param>
/// <param name="ConnectionString">Null if an identity is used.</param>
/// <param name="Namespace">NAME.servicebus.windows.net; null if there is a connection string.</param>
/// <param name="EmulatorPort">The port of the emulator's administration API, which differs from its AMQP port.</param>
public sealed partial record ServiceBusSettings(
    string Queue, string? Unavailable, bool IsOff, string? ConnectionString, string? Namespace, TokenCredential? Identity, int EmulatorPort)
{
    /// <param name="identity">Opens the namespace if there is no connection string.</param>
    public static ServiceBusSettings Read(SettingReader reader, TokenCredential? identity)
    {
        var text = reader.Optional("ServiceBus");
        var name = text is null ? reader.Optional("ServiceBus:fullyQualifiedNamespace") : null;
        return new ServiceBusSettings(
            reader.Text("USAGE_QUEUE", "usage-records"), WhyUnavailable(text, name, identity),
            IsOff: text is null ? name is null : IsAmqp().IsMatch(text), text, name, identity,
            reader.Whole("EMULATOR_HTTP_PORT", 5300, 1, 65535));
    }

    public ServiceBusClient Open(ServiceBusClientOptions options) => ConnectionString is { } text
        ? new ServiceBusClient(text, options)
        : new ServiceBusClient(Namespace, Identity, options);

    public ServiceBusAdministrationClient Administer(ServiceBusAdministrationClientOptions options) => ConnectionString is { } text
        ? new ServiceBusAdministrationClient(AdministrationConnectionString(text), options)
        : new ServiceBusAdministrationClient(Namespace, Identity, options);

    private static string? WhyUnavailable(string? text, string? name, TokenCredential? identity) => text switch
    {
        null when name is null => "No broker is set (ServiceBus).",
        null => identity is null ? "ServiceBus__fullyQualifiedNamespace needs an identity, but AZURE_CLIENT_ID isn't set." : null,
        _ when IsAmqp().IsMatch(text) => "The broker in ServiceBus isn't a Service Bus: use the broker's own tools.",
        _ => IsConnectionString(text) ? null : "ServiceBus is not a connection string.",
    };

    private static bool IsConnectionString(string text)
    {
        try
        {
            return ServiceBusConnectionStringProperties.Parse(text).FullyQualifiedNamespace is not null;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private string AdministrationConnectionString(string text)
    {
        if (!IsEmulator().IsMatch(text))
            return text;
        var parts = ServiceBusConnectionStringProperties.Parse(text);
        return $"Endpoint=sb://{parts.Endpoint.Host}:{EmulatorPort};SharedAccessKeyName={parts.SharedAccessKeyName};" +
            $"SharedAccessKey={parts.SharedAccessKey};UseDevelopmentEmulator=true";
    }

    [GeneratedRegex("^amqps?://", RegexOptions.IgnoreCase)]
    private static partial Regex IsAmqp();

    // The client has no public property for this option.
    [GeneratedRegex(@"(^|;)\s*UseDevelopmentEmulator\s*=\s*true\s*(;|$)", RegexOptions.IgnoreCase)]
    private static partial Regex IsEmulator();
}
