namespace Licensing.Usage;

/// <summary>A message of usage records as it was received. Its bytes alone determine its form, so that it can be replayed.</summary>
/// <param name="Body">JSON, gzip of JSON, or the encoded AMQP section of a body that is neither data nor text.</param>
/// <param name="ContentEncoding">The sender's content encoding; null if unknown. A Functions host does not report it.</param>
public readonly record struct UsageMessage(ReadOnlyMemory<byte> Body, string? ContentEncoding = null)
{
    /// <summary>Limit of decoded bytes. A sender splits what is larger into several messages.</summary>
    public const int MaxDecodedBytes = 1024 * 1024;

    public static implicit operator UsageMessage(ReadOnlyMemory<byte> body) => new(body);

    public static implicit operator UsageMessage(byte[] body) => new(body);

    /// <summary>Decodes the body.</summary>
    /// <param name="json">The body, which may not be valid JSON; empty if there is a fault.</param>
    /// <returns>Why the body can't be read; null if it can.</returns>
    public UsageFault? Open(out ReadOnlyMemory<byte> json)
    {
        json = default;
        if (AmqpKind(Body.Span) is { } kind)
            return new UsageFault(UsageFault.UnreadableBody, $"the body is {kind}; send JSON as AMQP data or as a string");
        var encoding = Licensing.ContentEncoding.Parse(ContentEncoding);
        if (encoding.Unsupported is { } name)
            return new UsageFault(UsageFault.UnsupportedEncoding, $"the content encoding {name} is not supported; send gzip or plain JSON");
        if (!encoding.IsGzip && !Licensing.ContentEncoding.LooksLikeGzip(Body.Span))
        {
            json = Body;
            return null;
        }

        try
        {
            if (Licensing.ContentEncoding.Gunzip(Body, MaxDecodedBytes) is not { } decoded)
                return new UsageFault(UsageFault.TooLarge, $"the decompressed message is larger than {MaxDecodedBytes} bytes");
            json = decoded;
            return null;
        }
        catch (InvalidDataException)
        {
            return new UsageFault(UsageFault.InvalidGzip, "the message is not valid gzip data");
        }
    }

    // An AMQP section begins with its descriptor, and JSON never begins with a NUL: sections 3.2.7 and 3.2.8 of the AMQP 1.0 specification.
    private static string? AmqpKind(ReadOnlySpan<byte> body) => body switch
    {
        [0x00, 0x53, 0x76, ..] => "an AMQP sequence",
        [0x00, 0x53, 0x77, 0xC1 or 0xD1, ..] => "an AMQP map",
        [0x00, 0x53, 0x77, 0x45 or 0xC0 or 0xD0, ..] => "an AMQP list",
        [0x00, 0x53, 0x77, ..] => "an AMQP value that is neither text nor binary",
        _ => null,
    };
}
