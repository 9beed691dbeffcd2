using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>A request body whose length is not known, of which at most <paramref name="limit"/> bytes are read.</summary>
internal sealed class LimitedBody(Stream body, int limit) : Stream
{
    private long count;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="BadHttpRequestException">The body is larger than the limit, or its framing or compression is wrong.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await ReadBodyAsync(buffer, cancellationToken);
        return (count += read) <= limit
            ? read
            : throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
    }

    // Kestrel reports the size of a chunk that exceeds 32 bits by an IOException of its own.
    private async ValueTask<int> ReadBodyAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException broken) when (broken is not (BadHttpRequestException or ConnectionResetException))
        {
            throw new BadHttpRequestException("The body can't be read.", broken);
        }
        catch (InvalidDataException damaged)
        {
            throw new BadHttpRequestException("The body can't be decompressed.", damaged);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }
}
