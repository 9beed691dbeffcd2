using System.Buffers;
using System.Text;
using System.Text.Json;
using Licensing;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Validation;

/// <summary>The answer to a license check.</summary>
/// <param name="License">Null for a token that no license has.</param>
/// <param name="Device">The device that checks; null if it isn't registered.</param>
/// <param name="IsNew">This check registered the device.</param>
/// <param name="IsStale">The database didn't answer; the license was read at most VALIDATION_STALE_SECONDS ago.</param>
/// <param name="CloseOnlyUntil">Until when a refused device may manage and close its positions; null if it may not.</param>
/// <param name="Lease">The signed lease in ASCII; null if the device gets none.</param>
public sealed record CheckReply(
    LicenseVerdict Verdict, CheckedLicense? License, KnownDevice? Device, bool IsNew, int MaxDevices, DateTimeOffset CheckedAt,
    bool IsStale = false, DateTimeOffset? CloseOnlyUntil = null, byte[]? Lease = null)
{
    public Entitlement Entitlement => Entitlements.Of(Verdict.IsValid, CloseOnlyUntil);

    /// <summary>Writes the JSON without a serializer: a process writes twenty thousand answers per second.</summary>
    public void Write(Utf8JsonWriter json, string? nonce)
    {
        json.WriteStartObject();
        json.WriteBoolean("valid"u8, Verdict.IsValid);
        json.WriteString("code"u8, Codes[(int)Verdict.Code]);
        json.WriteString("detail"u8, Verdict.Detail);
        json.WriteStartArray("reasons"u8);
        foreach (var reason in Verdict.Reasons)
            json.WriteStringValue(Codes[(int)reason]);
        json.WriteEndArray();
        json.WriteString("entitlement"u8, EntitlementWords[(int)Entitlement]);
        WriteTime(json, "close_only_until"u8, CloseOnlyUntil);
        if (License is { } license)
        {
            json.WriteString("subscription_id"u8, license.SubscriptionId);
            json.WriteString("status"u8, Statuses[(int)LicenseStatuses.Of(Verdict, license.Facts.ExpiresAt, CheckedAt)]);
        }
        else
        {
            json.WriteNull("subscription_id"u8);
            json.WriteNull("status"u8);
        }

        WriteTime(json, "expires_at"u8, License?.Facts.ExpiresAt);
        if (Device is { } device)
        {
            json.WriteStartObject("device"u8);
            json.WriteString("device_id"u8, device.DeviceId);
            WriteTime(json, "first_seen"u8, device.FirstSeenAt);
            WriteTime(json, "last_seen"u8, device.LastSeenAt);
            json.WriteBoolean("is_new"u8, IsNew);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("device"u8);
        }

        if (License is not null)
        {
            json.WriteStartObject("devices"u8);
            json.WriteNumber("used"u8, License.DevicesUsed);
            json.WriteNumber("max"u8, MaxDevices + License.DevicesBeyondLimit);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("devices"u8);
        }

        if (Lease is null)
            json.WriteNull("lease"u8);
        else
            json.WriteString("lease"u8, Lease);
        json.WriteString("nonce"u8, nonce);
        if (IsStale)
            json.WriteBoolean("stale"u8, true);
        WriteTime(json, "checked_at"u8, CheckedAt);
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset? time)
    {
        if (time is { } known)
            json.WriteString(name, known.UtcDateTime);
        else
            json.WriteNull(name);
    }

    // The words by the value of the enum, as JSON needs them.
    private static readonly byte[][] Codes = Bytes(EnumWords.AllUpper<LicenseCode>());
    private static readonly byte[][] EntitlementWords = Bytes(EnumWords.AllUpper<Entitlement>());
    private static readonly byte[][] Statuses = Bytes(EnumWords.AllUpper<LicenseStatus>());

    private static byte[][] Bytes(IEnumerable<string> words) => [.. words.Select(Encoding.UTF8.GetBytes)];
}

/// <summary>The HTTP response of a license check.</summary>
internal sealed class CheckResult(CheckReply reply, string? nonce) : IResult
{
    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Json)? kept;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "application/json; charset=utf-8";
        Fill(response);
        await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
    }

    // A response of known length isn't chunked. There is no await while the thread's buffer is in use.
    private void Fill(HttpResponse response)
    {
        var (buffer, json) = kept ??= (new ArrayBufferWriter<byte>(1024), new Utf8JsonWriter(Stream.Null));
        buffer.ResetWrittenCount();
        json.Reset(buffer);
        reply.Write(json, nonce);
        json.Flush();
        response.ContentLength = buffer.WrittenCount;
        response.BodyWriter.Write(buffer.WrittenSpan);
    }
}
