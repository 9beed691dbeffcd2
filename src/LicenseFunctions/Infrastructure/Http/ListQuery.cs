using System.Globalization;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Reads the query parameters of a list. The first invalid one is the refusal; later ones are read as missing.</summary>
public sealed class ListQuery(IQueryCollection query)
{
    /// <summary>The most rows of a list as CSV.</summary>
    public const int MostCsvRows = 10_000;

    /// <summary>Null if all parameters that were read are valid.</summary>
    public Refusal? Refusal { get; private set; }

    /// <returns>Null if the parameter is missing or empty.</returns>
    public string? Text(string name) => query[name].ToString() is { Length: > 0 } text && Refusal is null
        ? text.Contains('\0', StringComparison.Ordinal) ? Refuse<string?>(name, $"{name} contains a control character.") : text
        : null;

    /// <param name="of">What the ID is of, for the refusal.</param>
    public Guid? Id(string name, string of = "an id") => Text(name) is not { } text ? null
        : Guid.TryParse(text, out var id) ? id : Refuse<Guid?>(name, $"{name} must be {of}.");

    /// <summary>The ID of the last row of the previous page.</summary>
    public Guid? After() => Id("after", "the value of next in the previous page");

    public DateTime? Time(string name) => Text(name) is not { } text ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime
            : Refuse<DateTime?>(name, $"{name} must be a time such as 2026-09-01T00:00:00Z.");

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public int Number(string name, int least, int most, int otherwise, string? hint = null) => Text(name) is not { } text ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : Refuse<int>(name, $"{name} must be from {least} to {most}.", hint);

    /// <summary>A whole number of 0 or more; 0 if the parameter is missing.</summary>
    public long Position(string name, string hint) => Text(name) is not { } text ? 0
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : Refuse<long>(name, $"{name} must be a whole number of 0 or more.", hint);

    public string? OneOf(string name, IReadOnlyCollection<string> words) => Text(name) is not { } text ? null
        : words.Contains(text) ? text : Refuse<string?>(name, $"{name} must be one of {string.Join(", ", words)}.");

    /// <summary>One of <paramref name="codes"/>, in capital letters or not.</summary>
    public string? Code(string name, IReadOnlyCollection<string> codes) => Text(name)?.ToUpperInvariant() is not { } code ? null
        : codes.Contains(code) ? code : Refuse<string?>(name, $"{name} must be one of {string.Join(", ", codes)}.");

    /// <param name="read">Returns null for a text that is no cursor.</param>
    public T? Cursor<T>(Func<string, T?> read) where T : class => Text("cursor") is not { } text ? null
        : read(text) ?? Refuse<T?>("cursor", "cursor must be the value of next in the previous page.");

    private T Refuse<T>(string name, string detail, string? hint = null)
    {
        Refusal ??= new Refusal(RefusalKind.Invalid, "INVALID_QUERY", detail, name, hint);
        return default!;
    }
}
