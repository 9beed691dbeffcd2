using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LicenseTool;

/// <summary>
/// Options and arguments that are no plain text. An invalid value is refused with what is expected and an example: the messages of the
/// standard parser name types of .NET.
/// </summary>
internal static class Values
{
    public delegate bool TryRead<T>(string text, out T value);

    private const string AnyId = "00000000-0000-4000-8000-000000000001";

    /// <param name="expected">With its article, such as "a time".</param>
    public static Option<T?> Option<T>(string name, string description, string expected, string example, TryRead<T> read)
        where T : struct => new(name)
        {
            Description = description,
            CustomParser = result => Read(result, $"{name} is not {expected}. Example: {name} {example}", read),
        };

    /// <param name="expected">With its article, such as "a user_id".</param>
    public static Option<Guid?> Id(string name, string description, string expected) =>
        Option(name, description, expected, AnyId, (string text, out Guid id) => Guid.TryParse(text, out id));

    /// <param name="example">The sentence after the error: an ID, or where IDs are found.</param>
    public static Argument<Guid> IdArgument(string name, string description, string expected, string example) => new(name)
    {
        Description = description,
        CustomParser = result => Read(
            result, $"'{string.Concat(result.Tokens.Select(token => token.Value))}' is not {expected}. {example}",
            (string text, out Guid id) => Guid.TryParse(text, out id)) ?? default,
    };

    public static Option<int> Number(string name, string description, int min, int max, int byDefault) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => byDefault,
        CustomParser = result => ReadNumber(result, name, min, max, byDefault),
    };

    /// <param name="example">Also the value of an invalid number, which is refused.</param>
    public static int ReadNumber(ArgumentResult result, string name, int min, int max, int example)
    {
        var range = max == int.MaxValue ? $"of {min} or more" : $"from {min} to {max}";
        return Read(
            result, $"{name} is not a whole number {range}. Example: {name} {example}",
            (string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
                && number >= min && number <= max) ?? example;
    }

    /// <summary>A place in a sequence.</summary>
    public static bool TryReadPosition(string text, out long position) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out position);

    private static T? Read<T>(ArgumentResult result, string error, TryRead<T> read)
        where T : struct
    {
        if (result.Tokens is [{ Value: var text }] && read(text, out var value))
            return value;
        result.AddError(error);
        return null;
    }
}
