using System.Data.Common;
using Amqp;
using Microsoft.Extensions.Configuration;

namespace StandaloneHost;

/// <summary>
/// The address of a broker: <c>amqp(s)://user:password@host:port</c>, or Service Bus's
/// <c>Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…</c>, which is SASL PLAIN with the key's name and the key over TLS.
/// </summary>
internal static class BrokerAddress
{
    private const string Example =
        "amqps://user:password@broker:5671 or Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…";

    /// <returns>Null where the setting isn't set: there is no broker.</returns>
    /// <exception cref="StartRefusedException">It is set to something else.</exception>
    public static Address? Read(string function, string setting, IConfiguration settings)
    {
        if (settings[setting] is not { Length: > 0 } text)
        {
            return settings[$"{setting}:fullyQualifiedNamespace"] is null ? null : throw new StartRefusedException(
                $"Function {function}: {setting}__fullyQualifiedNamespace takes an identity, which only Azure has. Example here: " +
                $"{setting}={Example}");
        }

        // The text itself is never repeated: it holds a password.
        return Parse(text) ?? throw new StartRefusedException(
            $"Function {function}: setting {setting} is no broker's address. Example: {setting}={Example}");
    }

    public static Address? Parse(string text)
    {
        try
        {
            if (text.StartsWith("amqp://", StringComparison.OrdinalIgnoreCase)
                || text.StartsWith("amqps://", StringComparison.OrdinalIgnoreCase))
                return new Address(text);

            var parts = new DbConnectionStringBuilder { ConnectionString = text };
            return parts.TryGetValue("Endpoint", out var endpoint) && Uri.TryCreate((string)endpoint, UriKind.Absolute, out var uri)
                && parts.TryGetValue("SharedAccessKeyName", out var name) && parts.TryGetValue("SharedAccessKey", out var key)
                ? new Address(uri.Host, 5671, (string)name, (string)key, "/", "amqps")
                : null;
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException)
        {
            return null;
        }
    }
}
