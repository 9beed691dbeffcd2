using System.Text.RegularExpressions;
using Azure.Core.Amqp;
using Azure.Messaging.ServiceBus;

namespace LicenseTool;

/// <summary>Formats a dead letter for a terminal: the broker's metadata and the beginning of the body, with secrets removed.</summary>
internal static partial class DeadLetterText
{
    private const int MaxExcerpt = 200;

    public static string Of(ServiceBusReceivedMessage message)
    {
        var body = message.GetRawAmqpMessage().Body;
        var (size, text) =
            body.BodyType == AmqpMessageBodyType.Data ? ($"{message.Body.ToMemory().Length} bytes", message.Body.ToString())
            : body.TryGetValue(out var value) && value is string characters ? ($"{characters.Length} characters", characters)
            : ($"an AMQP {body.BodyType.ToString()!.ToLowerInvariant()}", "");
        return $"""
            {message.SequenceNumber}  enqueued {message.EnqueuedTime:u}  deliveries {message.DeliveryCount}  {Reason(message)}
                {size}  {Excerpt(text)}
            """;
    }

    private static string Reason(ServiceBusReceivedMessage message) =>
        Excerpt($"{message.DeadLetterReason ?? "no reason"}: {message.DeadLetterErrorDescription}".TrimEnd(' ', ':'));

    private static string Excerpt(string text)
    {
        var line = Unprintable().Replace(Secret().Replace(text, "${name}…"), " ");
        return line.Length <= MaxExcerpt ? line : line[..MaxExcerpt] + "…";
    }

    // JSON members whose names indicate secrets, credentials, and any text that looks like the hash of a token or a JWT.
    [GeneratedRegex(
        """(?<name>"[^"]*(token|secret|password|authorization)[^"]*"\s*:\s*")[^"]*""" +
        """|(?<name>\b(License|Bearer)\s+)\S+|\b[0-9A-F]{40,}\b|\beyJ[\w.-]+""",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Secret();

    // Also removes terminal control characters.
    [GeneratedRegex(@"[\s\p{C}]+")]
    private static partial Regex Unprintable();
}
