using System.IO.Compression;
using System.Security.Cryptography;

namespace LicenseFunctions.Pages;

/// <summary>A file of the dashboard's build, in memory.</summary>
public sealed class PageFile
{
    private readonly Lazy<byte[]> brotli;
    private readonly Lazy<byte[]> gzip;

    private PageFile(string name, byte[] content)
    {
        Name = name;
        Content = content;
        Type = Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".json" => "application/json",
            ".svg" => "image/svg+xml",
            ".woff2" => "font/woff2",
            _ => "application/octet-stream",
        };
        ETag = $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..20]}\"";
        brotli = new(() => Compress(content, to => new BrotliStream(to, CompressionLevel.Optimal, leaveOpen: true)));
        gzip = new(() => Compress(content, to => new GZipStream(to, CompressionLevel.SmallestSize, leaveOpen: true)));
    }

    /// <summary>Path below the folder of the build, with slashes.</summary>
    public string Name { get; }

    public string Type { get; }

    public string ETag { get; }

    public byte[] Content { get; }

    public byte[] Brotli => brotli.Value;

    public byte[] Gzip => gzip.Value;

    /// <summary>
    /// The names in assets/ contain a hash of the content, so they never change. The widget's name is fixed, and other sites use it, so it
    /// is cached for five minutes.
    /// </summary>
    public string CacheControl =>
        Name.StartsWith("assets/", StringComparison.Ordinal) ? "public, max-age=31536000, immutable"
        : Name == "widget.js" ? "public, max-age=300"
        : "no-cache";

    public static PageFile Read(string folder, string file) =>
        new(Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/'), File.ReadAllBytes(file));

    private static byte[] Compress(byte[] content, Func<Stream, Stream> compressorOf)
    {
        using var packed = new MemoryStream();
        using (var compressor = compressorOf(packed))
            compressor.Write(content);
        return packed.ToArray();
    }
}
