using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Licensing.Devices;

namespace Licensing.Usage;

/// <summary>One element of a message: a record or the fault that quarantines it, with the bytes that it was read from.</summary>
/// <param name="Index">Index in the message's array; 0 for a message that is one object.</param>
/// <param name="Start">Start of its JSON in the message, in bytes.</param>
/// <param name="Length">Length of its JSON, in bytes.</param>
/// <param name="Record">Null if there is a fault.</param>
/// <param name="Fault">Null if there is a record.</param>
public readonly record struct UsageEntry(int Index, int Start, int Length, UsageRecord? Record, UsageFault? Fault);

/// <summary>Parses messages of usage records. A message is a JSON object or array in UTF-8; it is read in one pass.</summary>
public static class ReadUsage
{
    private const int MaxSignals = 1_000_000;
    private const int MaxPositions = 1_000_000;
    private const int MaxText = 100;

    private static readonly TimeSpan MaxLatency = TimeSpan.FromHours(1);
    private static readonly TimeSpan MaxSession = TimeSpan.FromDays(89);

    private static readonly SearchValues<byte> LowerHex = SearchValues.Create("0123456789abcdef"u8);
    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("0123456789abcdefABCDEF.:");

    /// <summary>
    /// Appends the message's elements, valid or not, to <paramref name="entries"/>. A byte order mark and trailing NULs are ignored.
    /// </summary>
    /// <returns>The fault of a message that is not valid JSON; then nothing is appended. Otherwise null.</returns>
    public static UsageFault? Message(ReadOnlySpan<byte> message, UsageWindow window, List<UsageEntry> entries)
    {
        var before = entries.Count;
        var json = JsonText.Trim(message, out var start);
        if (TryRead(json, start, window, entries))
            return null;

        var positions = new List<int>();
        if (NonFiniteNumbers.Quote(json, positions) is not { } quoted || !TryRead(quoted, start, window, entries))
            return new UsageFault(UsageFault.InvalidJson, "the message is not valid JSON");
        // Both are in the order of the message.
        var next = 0;
        for (var i = before; i < entries.Count; i++)
        {
            var end = entries[i].Start + entries[i].Length;
            if (next == positions.Count || positions[next] + start >= end)
                continue;
            entries[i] = entries[i] with { Record = null, Fault = NonFinite(entries[i]) };
            while (next < positions.Count && positions[next] + start < end)
                next++;
        }

        return null;
    }

    // In the copy, NaN or infinity is a string. If the first fault is a field that is not a number, that field contains it.
    private static UsageFault NonFinite(UsageEntry entry)
    {
        var field = entry.Fault is { Code: UsageFault.InvalidNumber } wrong ? wrong.Field : null;
        return new UsageFault(
            UsageFault.InvalidNumber,
            string.Create(CultureInfo.InvariantCulture, $"{field ?? "a value"} of record {entry.Index} of the message is NaN or infinite"),
            field);
    }

    /// <param name="offset">Start of the JSON in the message.</param>
    /// <returns>False if it is not valid JSON; then nothing is appended.</returns>
    private static bool TryRead(ReadOnlySpan<byte> json, int offset, UsageWindow window, List<UsageEntry> entries)
    {
        var before = entries.Count;
        var reader = new Utf8JsonReader(json);
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
                entries.Add(Element(ref reader, 0, offset, window));
            else
                for (var index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
                    entries.Add(Element(ref reader, index, offset, window));
            reader.Read();
            return true;
        }
        catch (JsonException)
        {
            entries.RemoveRange(before, entries.Count - before);
            return false;
        }
    }

    private static UsageEntry Element(ref Utf8JsonReader reader, int index, int offset, UsageWindow window)
    {
        var start = (int)reader.TokenStartIndex;
        UsageRecord? record = null;
        UsageFault? fault;
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            var fields = new Fields();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                fields.Take(ref reader);
            fault = fields.ToRecord(window, out record);
        }
        else
        {
            reader.Skip();
            fault = new UsageFault(UsageFault.NotARecord, "a record must be a JSON object");
        }

        return new UsageEntry(index, offset + start, (int)reader.BytesConsumed - start, record, fault);
    }

    /// <summary>The fields of one object. The first fault is kept; the object is read to its end.</summary>
    private ref struct Fields
    {
        private Guid? _recordId, _subscriptionId;
        private DateTime? _loggedAt;
        private string? _tokenHash, _eaInstanceId, _countryCode, _city;
        private IPAddress? _ipAddress;
        private long? _account;
        private double? _latitude, _longitude;
        private int? _received, _executed, _rejected, _latency, _duration, _opened, _closed;
        private UsageFault? _fault;
        private string? _field;

        /// <summary>
        /// Reads one property. Unknown ones are skipped, null means missing, and the last of several with the same name counts.
        /// </summary>
        public void Take(ref Utf8JsonReader reader)
        {
            try
            {
                Assign(ref reader);
            }
            catch (InvalidOperationException)
            {
                // Invalid UTF-8 or an escaped lone surrogate: the reader finds out only when the string is read.
                Fail(UsageFault.InvalidText, "is not valid Unicode", _field);
            }
        }

        private void Assign(ref Utf8JsonReader reader)
        {
            // By length first: eighteen comparisons for every name would take half of the parsing time. Escapes in names are not decoded,
            // because no serializer writes them.
            switch (reader.ValueSpan.Length)
            {
                case 4 when Is(ref reader, "city"u8): _city = City(ref reader, "city"); break;
                case 6 when Is(ref reader, "opened"u8): _opened = Int(ref reader, "opened", MaxPositions); break;
                case 6 when Is(ref reader, "closed"u8): _closed = Int(ref reader, "closed", MaxPositions); break;
                case 8 when Is(ref reader, "latitude"u8): _latitude = Degrees(ref reader, "latitude", 90); break;
                case 9 when Is(ref reader, "record_id"u8): _recordId = Uuid(ref reader, "record_id"); break;
                case 9 when Is(ref reader, "logged_at"u8): _loggedAt = Time(ref reader, "logged_at"); break;
                case 9 when Is(ref reader, "longitude"u8): _longitude = Degrees(ref reader, "longitude", 180); break;
                case 10 when Is(ref reader, "token_hash"u8): _tokenHash = Hash(ref reader, "token_hash"); break;
                case 10 when Is(ref reader, "ip_address"u8): _ipAddress = Address(ref reader, "ip_address"); break;
                case 12 when Is(ref reader, "country_code"u8): _countryCode = Country(ref reader, "country_code"); break;
                case 14 when Is(ref reader, "ea_instance_id"u8): _eaInstanceId = Ea(ref reader, "ea_instance_id"); break;
                case 14 when Is(ref reader, "avg_latency_ms"u8):
                    _latency = Int(ref reader, "avg_latency_ms", (int)MaxLatency.TotalMilliseconds);
                    break;
                case 15 when Is(ref reader, "subscription_id"u8): _subscriptionId = Uuid(ref reader, "subscription_id"); break;
                case 16 when Is(ref reader, "signals_received"u8): _received = Int(ref reader, "signals_received", MaxSignals); break;
                case 16 when Is(ref reader, "signals_executed"u8): _executed = Int(ref reader, "signals_executed", MaxSignals); break;
                case 16 when Is(ref reader, "signals_rejected"u8): _rejected = Int(ref reader, "signals_rejected", MaxSignals); break;
                case 18 when Is(ref reader, "mt5_account_number"u8):
                    _account = Whole(ref reader, "mt5_account_number", 1, long.MaxValue);
                    break;
                case 20 when Is(ref reader, "session_duration_sec"u8):
                    _duration = Int(ref reader, "session_duration_sec", (int)MaxSession.TotalSeconds);
                    break;
                default: Skip(ref reader); break;
            }
        }

        private static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) => reader.ValueSpan.SequenceEqual(name);

        public UsageFault? ToRecord(UsageWindow window, out UsageRecord? record)
        {
            record = null;
            if (_fault is not null) return _fault;
            if (_recordId is not { } recordId) return Missing("record_id");
            if (_loggedAt is not { } loggedAt) return Missing("logged_at");
            if (_tokenHash is null) return Missing("token_hash");
            if (_subscriptionId is not { } subscriptionId) return Missing("subscription_id");
            if (_ipAddress is null) return Missing("ip_address");
            if (_eaInstanceId is null) return Missing("ea_instance_id");
            if (_account is not { } account) return Missing("mt5_account_number");
            if (window.Check(loggedAt) is { } outside) return outside;
            if (SignalCounts.Check(_received ?? 0, _executed ?? 0, _rejected ?? 0) is { } contradiction) return contradiction;

            record = new UsageRecord(
                recordId, loggedAt, _tokenHash, subscriptionId, _ipAddress, _eaInstanceId, account,
                _countryCode, _city, _latitude, _longitude,
                _received ?? 0, _executed ?? 0, _rejected ?? 0, _latency, _duration, _opened, _closed);
            return null;
        }

        private static UsageFault Missing(string field) => new(UsageFault.MissingField, $"{field} is required", field);

        private void Fail(string code, string detail, string? field) => _fault ??= new UsageFault(code, $"{field} {detail}", field);

        private static void Skip(ref Utf8JsonReader reader)
        {
            reader.Read();
            reader.Skip();
        }

        /// <summary>
        /// Moves to the value. Returns false for null, and for a value of another kind, which is a fault and is skipped.
        /// </summary>
        private bool Value(ref Utf8JsonReader reader, JsonTokenType kind, string code, string detail, string field)
        {
            _field = field;
            reader.Read();
            if (reader.TokenType == kind) return true;
            if (reader.TokenType != JsonTokenType.Null) Fail(code, detail, field);
            reader.Skip();
            return false;
        }

        private Guid? Uuid(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must be a UUID of 8-4-4-4-12 hex digits";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidUuid, Detail, field)) return null;
            if (reader.TryGetGuid(out var value)) return value;
            Fail(UsageFault.InvalidUuid, Detail, field);
            return null;
        }

        private DateTime? Time(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must be an ISO 8601 time with Z or an offset";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidTime, Detail, field)) return null;
            if (HasOffset(ref reader) && reader.TryGetDateTimeOffset(out var value))
                return new DateTime(value.UtcTicks - value.UtcTicks % TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc);
            Fail(UsageFault.InvalidTime, Detail, field);
            return null;
        }

        /// <summary>Without an offset the parser would use the machine's time zone. Some serializers escape the plus sign.</summary>
        private static bool HasOffset(ref Utf8JsonReader reader)
        {
            if (reader.ValueSpan.Length is 0 or > 200) return false;
            Span<byte> time = stackalloc byte[200];
            time = time[..reader.CopyString(time)];
            return time[^1] == 'Z' || time.Length > 19 && time[^6] is (byte)'+' or (byte)'-';
        }

        private string? Hash(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must be 64 lower-case hex digits";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidTokenHash, Detail, field)) return null;
            if (reader.ValueSpan.Length == 64 && !reader.ValueSpan.ContainsAnyExcept(LowerHex))
                return Encoding.ASCII.GetString(reader.ValueSpan);
            Fail(UsageFault.InvalidTokenHash, Detail, field);
            return null;
        }

        /// <summary>A plain address. The framework's parser also accepts ports, zones, prefixes, short forms and octal numbers.</summary>
        private IPAddress? Address(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must be an IPv4 or IPv6 address";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidAddress, Detail, field)) return null;
            Span<char> text = stackalloc char[45];
            if (reader.ValueSpan.Length is > 0 and <= 45
                && Encoding.UTF8.TryGetChars(reader.ValueSpan, text, out var length)
                && !text[..length].ContainsAnyExcept(AddressCharacters)
                && IPAddress.TryParse(text[..length], out var address)
                && (address.AddressFamily == AddressFamily.InterNetworkV6 || IsDotted(address, text[..length])))
                return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            Fail(UsageFault.InvalidAddress, Detail, field);
            return null;
        }

        private static bool IsDotted(IPAddress address, ReadOnlySpan<char> text)
        {
            Span<char> canonical = stackalloc char[15];
            return address.TryFormat(canonical, out var length) && text.SequenceEqual(canonical[..length]);
        }

        private string? Ea(ref Utf8JsonReader reader, string field)
        {
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidText, EaName.Rule, field)) return null;
            if (reader.GetString() is { } text && EaName.IsValid(text)) return text;
            Fail(UsageFault.InvalidText, EaName.Rule, field);
            return null;
        }

        private string? City(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must have 1 to 100 characters of UTF-8 without U+0000";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidText, Detail, field)) return null;
            if (reader.GetString() is { Length: > 0 } text
                && (text.Length <= MaxText || text.Length <= 2 * MaxText && text.EnumerateRunes().Count() <= MaxText)
                // An earlier decoder writes U+FFFD for bytes that are not UTF-8: two different damaged names would be equal.
                && !text.AsSpan().ContainsAny('\0', '\uFFFD'))
                return text;
            Fail(UsageFault.InvalidText, Detail, field);
            return null;
        }

        private string? Country(ref Utf8JsonReader reader, string field)
        {
            const string Detail = "must be two letters (ISO 3166-1 alpha-2)";
            if (!Value(ref reader, JsonTokenType.String, UsageFault.InvalidCountry, Detail, field)) return null;
            var text = reader.ValueSpan;
            if (text.Length == 2 && char.IsAsciiLetter((char)text[0]) && char.IsAsciiLetter((char)text[1]))
                return Encoding.ASCII.GetString(text).ToUpperInvariant();
            Fail(UsageFault.InvalidCountry, Detail, field);
            return null;
        }

        private int? Int(ref Utf8JsonReader reader, string field, int max) => (int?)Whole(ref reader, field, 0, max);

        private long? Whole(ref Utf8JsonReader reader, string field, long min, long max)
        {
            if (!Value(ref reader, JsonTokenType.Number, UsageFault.InvalidNumber, "must be a whole number", field)) return null;
            if (!reader.TryGetInt64(out var value))
                Fail(UsageFault.InvalidNumber, "must be a whole number of at most 64 bits", field);
            else if (value < min || value > max)
                Fail(UsageFault.OutOfRange, string.Create(CultureInfo.InvariantCulture, $"must be from {min} to {max}"), field);
            else
                return value;
            return null;
        }

        private double? Degrees(ref Utf8JsonReader reader, string field, double limit)
        {
            if (!Value(ref reader, JsonTokenType.Number, UsageFault.InvalidNumber, "must be a number of degrees", field)) return null;
            if (reader.TryGetDouble(out var value) && Math.Abs(value) <= limit)
                return value;
            Fail(UsageFault.OutOfRange, string.Create(CultureInfo.InvariantCulture, $"must be from {-limit} to {limit} degrees"), field);
            return null;
        }
    }
}
