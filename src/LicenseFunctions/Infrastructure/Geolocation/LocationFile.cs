using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Licensing.Suspicion;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// A database in MaxMind's format, version 2, read as a whole into memory: a change of the file can't affect a lookup. The content is not
/// trusted. Every step is bounded, because MaxMind.Db overflows the stack at a pointer to itself, which ends the process.
/// <para>The format: https://maxmind.github.io/MaxMind-DB/</para>
/// </summary>
public sealed class LocationFile
{
    private const int Separator = 16;
    private const int MaxSamples = 20_000;

    /// <summary>Limit of fields in one map and of values that one step may skip; GeoIP2's largest records have a few hundred.</summary>
    private const int MaxValues = 10_000;

    private static readonly byte[] MetadataMarker = [0xab, 0xcd, 0xef, .. "MaxMind.com"u8];

    private readonly byte[] bytes;
    private readonly int nodeCount;
    private readonly int recordBits;
    private readonly int dataStart;
    private readonly int dataEnd;

    /// <summary>The first node of IPv4 addresses, which are ::/96 in an IPv6 tree.</summary>
    private readonly int firstIPv4Node;

    private LocationFile(string path, LocationFileVersion version, byte[] bytes)
    {
        (Path, Version, this.bytes) = (path, version, bytes);
        var marker = bytes.AsSpan().LastIndexOf(MetadataMarker);
        if (marker < 0)
            throw new InvalidDataException("no metadata");
        var metadata = marker + MetadataMarker.Length;
        (dataStart, dataEnd) = (metadata, bytes.Length);
        nodeCount = (int)Required(metadata, "node_count", int.MaxValue);
        recordBits = (int)Required(metadata, "record_size", 32);
        IsIPv6 = Required(metadata, "ip_version", 6) == 6;
        BuiltAt = DateTimeOffset.FromUnixTimeSeconds((long)Required(metadata, "build_epoch", 1L << 37));
        var treeSize = (long)nodeCount * recordBits / 4;
        if (nodeCount == 0 || recordBits is not (24 or 28 or 32) || treeSize + Separator > marker)
            throw new InvalidDataException("a tree that does not fit");
        (dataStart, dataEnd) = ((int)treeSize + Separator, marker);
        for (var bit = 0; IsIPv6 && bit < 96 && firstIPv4Node < nodeCount; bit++)
            firstIPv4Node = (int)Math.Min(Child(firstIPv4Node, 0), int.MaxValue);
        DamagedShare = Test();
    }

    public string Path { get; }

    public LocationFileVersion Version { get; }

    /// <summary>Whether the tree contains IPv6 addresses. IPv4 addresses are in both kinds of trees.</summary>
    public bool IsIPv6 { get; }

    public DateTimeOffset BuiltAt { get; }

    /// <summary>Share of records that can't be read, from 0 to 1, among all branches of the tree and a sample of the locations.</summary>
    public double DamagedShare { get; }

    /// <exception cref="InvalidDataException">The content is not a database, or nothing of it can be read.</exception>
    /// <exception cref="IOException">The file is missing, or can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static LocationFile Load(string path)
    {
        var version = LocationFileVersion.Of(path);
        var file = new LocationFile(path, version, File.ReadAllBytes(path));
        return version != LocationFileVersion.Of(path) ? throw new InvalidDataException("It changed while it was read.")
            : file.DamagedShare < 1 ? file
            : throw new InvalidDataException("It has no readable record.");
    }

    /// <returns>Null if the database has no location of the address.</returns>
    /// <exception cref="InvalidDataException">The record is damaged.</exception>
    public Location? Find(IPAddress address)
    {
        var isIPv4 = address.AddressFamily == AddressFamily.InterNetwork;
        if (!isIPv4 && !IsIPv6)
            return null; // in an IPv4 tree, its first 32 bits would find a wrong location
        Span<byte> bits = stackalloc byte[16];
        address.TryWriteBytes(bits, out var length);
        long node = isIPv4 ? firstIPv4Node : 0;
        for (var bit = 0; bit < length * 8 && node < nodeCount; bit++)
            node = Child((int)node, (bits[bit / 8] >> (7 - bit % 8)) & 1);
        if (node < nodeCount)
            throw Damaged("a branch without an end");
        return node == nodeCount ? null : Read(DataOf(node));
    }

    /// <summary>Nested records are GeoIP2's, flat ones DB-IP Lite's.</summary>
    private Location? Read(int record)
    {
        if (Value(record).Kind is not Kind.Map)
            throw Damaged("no fields");
        if (Field(record, "country_code") is { } flat)
        {
            return KnownLocation.Of(
                Text(flat), Text(Field(record, "city")), Number(Field(record, "latitude")), Number(Field(record, "longitude")), null);
        }

        var location = Field(record, "location");
        return KnownLocation.Of(
            Text(Field(Field(record, "country"), "iso_code")), Text(Field(Field(Field(record, "city"), "names"), "en")),
            Number(Field(location, "latitude")), Number(Field(location, "longitude")), Number(Field(location, "accuracy_radius")));
    }

    private double Test()
    {
        var step = Math.Max(1, nodeCount / MaxSamples);
        var (damaged, samples, unreadable) = (0, 0, 0);
        for (var node = 0; node < nodeCount; node++)
        {
            for (var side = 0; side < 2; side++)
            {
                var child = Child(node, side);
                // No branch returns to the root: a zero is an overwritten part.
                if (child == 0 || child - nodeCount is > 0 and < Separator || child - nodeCount - Separator >= dataEnd - dataStart)
                    damaged++;
                else if (child > nodeCount && node % step == 0)
                    (samples, unreadable) = (samples + 1, unreadable + (IsReadable(DataOf(child)) ? 0 : 1));
            }
        }

        return samples == 0 ? 1 : Math.Max(damaged / (2.0 * nodeCount), (double)unreadable / samples);
    }

    private bool IsReadable(int record)
    {
        try
        {
            Read(record);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>The position may be outside the data; every read checks that.</summary>
    private int DataOf(long child) => (int)Math.Clamp(dataStart + (child - nodeCount - Separator), -1, int.MaxValue);

    private long Child(int node, int side)
    {
        var start = (long)node * recordBits / 4;
        var at = bytes.AsSpan((int)start, recordBits / 4);
        return recordBits switch
        {
            24 => at[side * 3] << 16 | at[side * 3 + 1] << 8 | at[side * 3 + 2],
            // The middle byte has the highest four bits of both.
            28 => side == 0
                ? (at[3] & 0xf0) << 20 | at[0] << 16 | at[1] << 8 | at[2]
                : (at[3] & 0x0f) << 24 | at[4] << 16 | at[5] << 8 | at[6],
            _ => BinaryPrimitives.ReadUInt32BigEndian(at[(side * 4)..]),
        };
    }

    private double Required(int map, string name, double max) =>
        Number(Field(map, name)) is { } value && value >= 0 && value <= max ? value : throw Damaged(name);

    /// <returns>The position of the field's value; null if the value is missing or not a map.</returns>
    private int? Field(int? map, string name)
    {
        if (map is not { } start || Value(start) is not (Kind.Map, var count, var at))
            return null;
        if (count > MaxValues)
            throw Damaged("a map with too many fields");
        Span<byte> wanted = stackalloc byte[name.Length];
        Encoding.ASCII.GetBytes(name, wanted);
        for (var field = 0; field < count; field++)
        {
            if (Value(at) is not (Kind.Text, var length, var text))
                throw Damaged("a key that is not a text");
            var isWanted = Bytes(text, length).SequenceEqual(wanted);
            at = Skip(at);
            if (isWanted)
                return at;
            at = Skip(at);
        }

        return null;
    }

    /// <returns>Null if the value is missing or empty.</returns>
    private string? Text(int? value)
    {
        if (value is not { } at)
            return null;
        var (kind, length, start) = Value(at);
        return kind is not Kind.Text ? throw Damaged("a value of another type")
            : length > 0 ? Utf8TextOf(Bytes(start, length))
            : null;
    }

    private static string Utf8TextOf(ReadOnlySpan<byte> text) =>
        text.Length <= 1_000 && System.Text.Unicode.Utf8.IsValid(text)
            ? Encoding.UTF8.GetString(text)
            : throw Damaged("an invalid text");

    private double? Number(int? value)
    {
        if (value is not { } at)
            return null;
        var (kind, length, start) = Value(at);
        if (kind is Kind.Double && length == 8)
            return BinaryPrimitives.ReadDoubleBigEndian(Bytes(start, 8));
        if (kind is Kind.Float && length == 4)
            return BinaryPrimitives.ReadSingleBigEndian(Bytes(start, 4));
        if (kind is Kind.Text)
            return double.TryParse(Bytes(start, length), NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) ? parsed : null;
        if (kind is not (Kind.UInt16 or Kind.UInt32 or Kind.Int32 or Kind.UInt64) || length > 8)
            throw Damaged("a value of another type");
        var number = 0UL;
        foreach (var one in Bytes(start, length))
            number = number << 8 | one;
        return kind is Kind.Int32 && length == 4 ? (int)(uint)number : number;
    }

    /// <summary>The position after a value, without following pointers.</summary>
    private int Skip(int at)
    {
        for (int left = 1, steps = 0; left > 0; left--, steps++)
        {
            if (steps > MaxValues || left > MaxValues)
                throw Damaged("too many values");
            var (kind, size, content) = Control(at);
            at = content;
            if (kind is Kind.Map or Kind.Array)
                left += kind is Kind.Map ? 2 * size : size;
            else if (kind is not (Kind.Boolean or Kind.Pointer))
                at += size;
        }

        return at;
    }

    /// <summary>Follows a pointer. The format has no pointers to pointers; without this rule, they could form a cycle.</summary>
    private (Kind Kind, int Size, int Content) Value(int at)
    {
        var value = Control(at);
        if (value.Kind is not Kind.Pointer)
            return value;
        value = Control(dataStart + value.Size);
        return value.Kind is Kind.Pointer ? throw Damaged("a pointer to a pointer") : value;
    }

    /// <returns>The size is a pointer's target, relative to the data. The content begins after the size.</returns>
    private (Kind Kind, int Size, int Content) Control(int at)
    {
        var first = Bytes(at++, 1)[0];
        var kind = (Kind)(first >> 5);
        var size = first & 0x1f;
        if (kind is Kind.Pointer)
        {
            var length = (size >> 3) + 1;
            var target = length == 4 ? 0u : (uint)(size & 7);
            foreach (var one in Bytes(at, length))
                target = target << 8 | one;
            var relative = target + (length switch { 2 => 2_048L, 3 => 526_336L, _ => 0L });
            return (kind, (int)Math.Min(relative, bytes.Length), at + length);
        }

        if (kind is Kind.Extended)
            kind = (Kind)(Bytes(at++, 1)[0] + 7);
        if (kind is Kind.Extended or > Kind.Float or < Kind.Text)
            throw Damaged("a value of unknown type");
        if (size >= 29)
        {
            var length = size - 28;
            var more = 0;
            foreach (var one in Bytes(at, length))
                more = more << 8 | one;
            at += length;
            size = more + (length switch { 1 => 29, 2 => 285, _ => 65_821 });
        }

        return (kind, size, at);
    }

    private ReadOnlySpan<byte> Bytes(int at, int length) =>
        at >= 0 && length >= 0 && at <= dataEnd - length ? bytes.AsSpan(at, length) : throw Damaged("a value that does not fit");

    private static InvalidDataException Damaged(string what) => new("The record has " + what);

    private enum Kind
    {
        Extended,
        Pointer,
        Text,
        Double,
        Bytes,
        UInt16,
        UInt32,
        Map,
        Int32,
        UInt64,
        UInt128,
        Array,
        Container,
        EndMarker,
        Boolean,
        Float,
    }
}

/// <summary>Tells whether a file has changed.</summary>
public sealed record LocationFileVersion(DateTime WrittenAt, long Length)
{
    /// <returns>Length -1 if the file is missing or can't be accessed.</returns>
    public static LocationFileVersion Of(string path) =>
        new FileInfo(path) is { Exists: true } file ? new(file.LastWriteTimeUtc, file.Length) : new(default, -1);
}
