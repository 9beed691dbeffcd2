using System.Globalization;
using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;
using NCrontab;

namespace LicenseFunctions.Infrastructure.Settings;

/// <summary>Reads settings and collects their faults, so that one failed start names all of them.</summary>
public sealed class SettingReader(IConfiguration configuration)
{
    private const string DailyAtThree = "0 0 3 * * *";

    private static readonly CrontabSchedule.ParseOptions SixFields = new() { IncludingSeconds = true };

    private readonly List<string> faults = [];

    public string? Optional(string name) => configuration[name] is { Length: > 0 } text ? text : null;

    public string Text(string name, string example) =>
        Optional(name) ?? Fault(name, "is missing", example, "");

    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public int Whole(string name, int byDefault, int min, int max) =>
        Optional(name) is not { } text ? byDefault
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
        : Fault(name, $"is not a whole number from {min} to {max}", byDefault.ToString(CultureInfo.InvariantCulture), byDefault);

    /// <summary>A duration in whole seconds.</summary>
    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public TimeSpan Seconds(string name, int byDefault, int min, int max) => TimeSpan.FromSeconds(Whole(name, byDefault, min, max));

    /// <summary>A duration in whole days.</summary>
    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public TimeSpan Days(string name, int byDefault, int min, int max) => TimeSpan.FromDays(Whole(name, byDefault, min, max));

    /// <param name="min">Inclusive.</param>
    /// <param name="max">Inclusive.</param>
    public decimal Number(string name, decimal byDefault, decimal min, decimal max) =>
        Optional(name) is not { } text ? byDefault
        : decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max ? value
        : Fault(name, $"is not a number from {min} to {max}", byDefault.ToString(CultureInfo.InvariantCulture), byDefault);

    public bool Flag(string name, bool byDefault) =>
        Optional(name) is not { } text ? byDefault
        : bool.TryParse(text, out var value) ? value
        : Fault(name, "is neither true nor false", byDefault ? "true" : "false", byDefault);

    /// <summary>One of <paramref name="words"/>; the first is the default.</summary>
    public string Choice(string name, params string[] words) =>
        Optional(name) is not { } text ? words[0]
        : Array.Find(words, word => word.Equals(text, StringComparison.OrdinalIgnoreCase))
          ?? Fault(name, $"is not one of {string.Join(", ", words)}", words[0], words[0]);

    public Uri? Address(string name, string example, params string[] schemes) =>
        Optional(name) is not { } text ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme) ? uri
        : Fault<Uri?>(name, $"is not an address with the scheme {string.Join(" or ", schemes)}", example, null);

    /// <summary>
    /// A required six-field cron expression; the first field is seconds. It has no default, because the Functions host would not read it.
    /// </summary>
    public CrontabSchedule Schedule(string name) =>
        Optional(name) is not { } text ? Fault(name, "is missing", DailyAtThree, CrontabSchedule.Parse(DailyAtThree, SixFields))
        : CrontabSchedule.TryParse(text, SixFields) is { } schedule ? schedule
        : Fault(name, "is not a six-field cron expression", DailyAtThree, CrontabSchedule.Parse(DailyAtThree, SixFields));

    /// <summary>A comma-separated list; empty if the setting is missing.</summary>
    public IReadOnlyList<string> Words(string name) =>
        Optional(name)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>The managed identity of the process on Azure; null elsewhere.</summary>
    public TokenCredential? Identity() => Optional("AZURE_CLIENT_ID") is { } client
        ? new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(client))
        : null;

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
