using System.Globalization;
using System.Runtime.CompilerServices;
using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;
using NCrontab;

namespace LicenseFunctions.Infrastructure.Settings;

/// <summary>Reads settings and collects their faults, so that one failed start names all of them.</summary>
public sealed class SettingReader(IConfiguration configuration)
{
    /// <summary>Length of a key of HMAC-SHA-256.</summary>
    public const int MinKeyBytes = 32;

    private const string DailyAtThree = "0 0 3 * * *";

    /// <summary>A schedule with a longer time between two runs is a mistake, such as 30 February.</summary>
    private static readonly TimeSpan LongestInterval = TimeSpan.FromDays(400);

    private static readonly CrontabSchedule.ParseOptions SixFields = new() { IncludingSeconds = true };

    private readonly List<string> faults = [];

    public string? Optional(string name) => configuration[name] is { Length: > 0 } text ? text : null;

    /// <summary>A secret that is sent in a header. A space or line break, often copied with it, would be rejected there.</summary>
    public string? Secret(string name, string example) =>
        Optional(name) is not { } text || text.All(sign => sign is > ' ' and < '\x7f')
            ? Optional(name)
            : Fault<string?>(name, "contains a space, a control character or a character that is not ASCII", example, null);

    public string Text(string name, string example) =>
        Optional(name) ?? Fault(name, "is missing", example, "");

    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public int Whole(string name, int byDefault, int min, int max) =>
        Optional(name) is not { } text ? byDefault
        : TryParseWhole(text, min, max) is { } value ? value
        : Fault(name, $"is not a whole number from {min} to {max}", byDefault.ToString(CultureInfo.InvariantCulture), byDefault);

    /// <summary>ASCII digits only: no sign, space or separator.</summary>
    /// <returns>Null if the text is not such a number, or outside the range.</returns>
    public static int? TryParseWhole(string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max ? value : null;

    /// <summary>A duration in whole seconds.</summary>
    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public TimeSpan Seconds(string name, int byDefault, int min, int max) => TimeSpan.FromSeconds(Whole(name, byDefault, min, max));

    /// <summary>A duration in whole days.</summary>
    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public TimeSpan Days(string name, int byDefault, int min, int max) => TimeSpan.FromDays(Whole(name, byDefault, min, max));

    /// <summary>
    /// A number with a decimal point. A comma is rejected: in some languages it is the decimal sign, in others a separator.
    /// </summary>
    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public decimal Number(string name, decimal byDefault, decimal min, decimal max) =>
        Optional(name) is not { } text ? byDefault
        : decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value >= min && value <= max ? value
        : Fault(
            name, string.Create(CultureInfo.InvariantCulture, $"is not a number from {min} to {max} with a decimal point"),
            byDefault.ToString(CultureInfo.InvariantCulture), byDefault);

    /// <returns>The bytes of a key in base64; null if it is not base64 of at least <see cref="MinKeyBytes"/> bytes.</returns>
    public static byte[]? TryParseKey(string text)
    {
        var key = new byte[text.Length];
        return Convert.TryFromBase64String(text, key, out var length) && length >= MinKeyBytes ? key[..length] : null;
    }

    public bool Flag(string name, bool byDefault) =>
        Optional(name) is not { } text ? byDefault
        : bool.TryParse(text, out var value) ? value
        : Fault(name, "is neither true nor false", byDefault ? "true" : "false", byDefault);

    /// <summary>One of <paramref name="words"/>; the first is the default.</summary>
    public string Choice(string name, params string[] words) =>
        Optional(name) is not { } text ? words[0]
        : Array.Find(words, word => word.Equals(text, StringComparison.OrdinalIgnoreCase))
          ?? Fault(name, $"is not one of {string.Join(", ", words)}", words[0], words[0]);

    /// <summary>The address of one resource; it may have a query.</summary>
    public Uri? Address(string name, string example, params string[] schemes) =>
        Optional(name) is not { } text ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme) && uri.Host.Length > 0
            && text.StartsWith(uri.Scheme + "://", StringComparison.OrdinalIgnoreCase)
            ? Complete(name, uri, example)
        : Fault<Uri?>(name, $"is not an address with the scheme {string.Join(" or ", schemes)}", example, null);

    /// <summary>An address to which paths are appended.</summary>
    public Uri? BaseAddress(string name, string example, params string[] schemes) =>
        Address(name, example, schemes) is { Query.Length: > 0 }
            ? Fault<Uri?>(name, "must not have a query, because paths are appended to it", example, null)
            : Address(name, example, schemes);

    /// <summary>Rejects parts that HTTP clients silently leave out.</summary>
    private Uri? Complete(string name, Uri uri, string example) =>
        uri.Fragment.Length > 0 ? Fault<Uri?>(name, "must not have a part after #", example, null)
        : uri.UserInfo.Length > 0 && uri.Scheme is "http" or "https"
            ? Fault<Uri?>(name, "must not have a user or a password", example, null)
        : uri;

    /// <summary>
    /// A required six-field cron expression; the first field is seconds. It has no default, because the Functions host would not read it.
    /// </summary>
    public CrontabSchedule Schedule(string name) =>
        Optional(name) is not { } text ? Fault(name, "is missing", DailyAtThree, CrontabSchedule.Parse(DailyAtThree, SixFields))
        : CrontabSchedule.TryParse(text, SixFields) is not { } schedule
            ? Fault(name, "is not a six-field cron expression", DailyAtThree, CrontabSchedule.Parse(DailyAtThree, SixFields))
        : !Recurs(schedule)
            ? Fault(name, "has no run within 400 days, or none within 400 days after it", DailyAtThree,
                CrontabSchedule.Parse(DailyAtThree, SixFields))
        : schedule;

    private static bool Recurs(CrontabSchedule schedule)
    {
        var slot = TimeProvider.System.GetUtcNow().UtcDateTime;
        for (var run = 0; run < 2; run++)
        {
            var end = slot + LongestInterval;
            slot = schedule.GetNextOccurrence(slot, end);
            if (slot >= end)
                return false;
        }

        return true;
    }

    /// <summary>A comma-separated list; empty if the setting is missing.</summary>
    public IReadOnlyList<string> Words(string name) =>
        Optional(name)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>The managed identity of the process on Azure; null elsewhere.</summary>
    public TokenCredential? Identity() => Optional("AZURE_CLIENT_ID") is { } client ? IdentityOf(client) : null;

    // If this method were inlined, Azure's libraries would be loaded even without an identity.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ManagedIdentityCredential IdentityOf(string client) => new(ManagedIdentityId.FromUserAssignedClientId(client));

    /// <summary>Records a fault and returns <paramref name="standIn"/>, so that the remaining settings are also checked.</summary>
    /// <param name="what">Completes a sentence that begins with the name. It must not contain the value, which may be a secret.</param>
    public T Fault<T>(string name, string what, string example, T standIn)
    {
        var fault = $"{name} {what}. Example: {name}={example}";
        if (!faults.Contains(fault)) faults.Add(fault);
        return standIn;
    }

    /// <exception cref="SettingsException">At least one setting is wrong or missing.</exception>
    public void ThrowIfFaulty()
    {
        if (faults.Count > 0)
            throw new SettingsException(faults);
    }
}

public sealed class SettingsException(IReadOnlyList<string> faults)
    : Exception("The application can't start with these settings:\n" + string.Join('\n', faults.Select(fault => "  " + fault)))
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
