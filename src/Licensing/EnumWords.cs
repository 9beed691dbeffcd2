using System.Text.Json;
using System.Text.Json.Serialization;

namespace Licensing;

/// <summary>
/// The only converter between enums and their words in tables, JSON and mails: SoftDeclined is soft_declined, or SOFT_DECLINED in
/// columns with upper-case words.
/// </summary>
public static class EnumWords
{
    /// <summary>The same words in JSON, in upper snake case. Numbers are refused.</summary>
    public static readonly JsonConverter Json = new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper, allowIntegerValues: false);

    /// <summary>In lower snake case.</summary>
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>In lower snake case; null for null.</summary>
    public static string? Of<T>(T? value) where T : struct, Enum => value is { } named ? Of(named) : null;

    /// <summary>In upper snake case, as in the contract of the platform and in JSON.</summary>
    public static string UpperOf<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseUpper.ConvertName(value.ToString());

    /// <summary>The words of all values in upper snake case, in the order of the enum.</summary>
    public static IReadOnlyList<string> AllUpper<T>() where T : struct, Enum => Array.ConvertAll(Enum.GetValues<T>(), UpperOf);

    /// <summary>Reads a word in lower or upper snake case.</summary>
    /// <param name="word">The word.</param>
    /// <param name="source">Where the word comes from, such as a column; for the exception's message.</param>
    /// <exception cref="InvalidOperationException">The enum has no such value.</exception>
    public static T Parse<T>(string word, string? source = null) where T : struct, Enum =>
        Words<T>.Values.TryGetValue(word, out var value)
            ? value
            : throw new InvalidOperationException($"{source ?? typeof(T).Name} has no value {word}");

    private static class Words<T> where T : struct, Enum
    {
        public static readonly Dictionary<string, T> Values = Enum.GetValues<T>()
            .SelectMany(value => new[] { KeyValuePair.Create(Of(value), value), KeyValuePair.Create(UpperOf(value), value) })
            .DistinctBy(pair => pair.Key)
            .ToDictionary(StringComparer.Ordinal);
    }
}
