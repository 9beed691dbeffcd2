using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LicenseFunctions.Tests.Infrastructure.Geolocation;

/// <summary>Writes small databases in MaxMind's format, version 2.0: a tree of 24-bit records, a data section, metadata.</summary>
internal static class MaxMindFile
{
    public static void Write(string path, int ipVersion, params (string Network, object Record)[] entries)
    {
        var nodes = new List<(int Left, int Right)> { (-1, -1) };
        var data = new MemoryStream();
        foreach (var (network, record) in entries)
        {
            var offset = (int)data.Length;
            Encode(data, record);
            Insert(nodes, IPNetwork.Parse(network), ipVersion, -2 - offset);
        }

        using var file = File.Create(path);
        foreach (var (left, right) in nodes)
        {
            Write24(file, Pointer(left, nodes.Count));
            Write24(file, Pointer(right, nodes.Count));
        }

        file.Write(new byte[16]);
        data.WriteTo(file);
        file.Write([0xab, 0xcd, 0xef, .. "MaxMind.com"u8]);
        Encode(file, new Dictionary<string, object>
        {
            ["node_count"] = (uint)nodes.Count,
            ["record_size"] = (ushort)24,
            ["ip_version"] = (ushort)ipVersion,
            ["database_type"] = "Test",
            ["languages"] = Array.Empty<object>(),
            ["binary_format_major_version"] = (ushort)2,
            ["binary_format_minor_version"] = (ushort)0,
            ["build_epoch"] = 1_790_000_000UL,
            ["description"] = new Dictionary<string, object>(),
        });
    }

    // In the tree, -1 is empty, lower values are offsets of data, and other values are nodes.
    private static int Pointer(int child, int count) => child == -1 ? count : child < -1 ? count + 16 + (-2 - child) : child;

    private static void Insert(List<(int Left, int Right)> nodes, IPNetwork network, int ipVersion, int leaf)
    {
        var bytes = network.BaseAddress.GetAddressBytes();
        var length = network.PrefixLength;
        if (ipVersion == 6 && network.BaseAddress.AddressFamily == AddressFamily.InterNetwork)
            (bytes, length) = ([.. new byte[12], .. bytes], length + 96);
        var node = 0;
        for (var bit = 0; bit < length; bit++)
        {
            var right = (bytes[bit / 8] >> (7 - (bit % 8)) & 1) == 1;
            var child = right ? nodes[node].Right : nodes[node].Left;
            if (bit == length - 1)
                child = leaf;
            else if (child == -1)
            {
                nodes.Add((-1, -1));
                child = nodes.Count - 1;
            }

            nodes[node] = right ? (nodes[node].Left, child) : (child, nodes[node].Right);
            node = child;
        }
    }

    private static void Write24(Stream to, int value) => to.Write([(byte)(value >> 16), (byte)(value >> 8), (byte)value]);

    private static void Encode(Stream to, object value)
    {
        switch (value)
        {
            case string text:
                var utf8 = Encoding.UTF8.GetBytes(text);
                Control(to, 2, utf8.Length);
                to.Write(utf8);
                break;
            case double number:
                Control(to, 3, 8);
                to.Write(BigEndian(BitConverter.GetBytes(number)));
                break;
            case ushort number:
                Control(to, 5, 2);
                to.Write(BigEndian(BitConverter.GetBytes(number)));
                break;
            case uint number:
                Control(to, 6, 4);
                to.Write(BigEndian(BitConverter.GetBytes(number)));
                break;
            case ulong number:
                Control(to, 9, 8);
                to.Write(BigEndian(BitConverter.GetBytes(number)));
                break;
            case object[] items:
                Control(to, 11, items.Length);
                foreach (var item in items)
                    Encode(to, item);
                break;
            case Dictionary<string, object> map:
                Control(to, 7, map.Count);
                foreach (var (key, item) in map)
                {
                    Encode(to, key);
                    Encode(to, item);
                }

                break;
            default:
                throw new ArgumentException($"No encoding of {value.GetType()}", nameof(value));
        }
    }

    // Types above 7 are in a second byte; all sizes are below 29.
    private static void Control(Stream to, int type, int size)
    {
        to.WriteByte((byte)((type > 7 ? 0 : type << 5) | size));
        if (type > 7)
            to.WriteByte((byte)(type - 7));
    }

    private static byte[] BigEndian(byte[] bytes)
    {
        Array.Reverse(bytes);
        return bytes;
    }
}
