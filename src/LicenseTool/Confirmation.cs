using System.CommandLine;

namespace LicenseTool;

/// <summary>
/// Commands that can't be undone, or that print personal data, show what they would do. They require --yes, or a word that is typed at a
/// terminal.
/// </summary>
internal static class Confirmation
{
    public static Option<bool> Yes(string what) => new("--yes")
    {
        Description = $"Confirms {what}. Without it, the command shows what it would do and, at a terminal, asks for confirmation",
    };

    /// <param name="what">What would be done; it is printed.</param>
    /// <param name="word">What must be typed to confirm. A word, because a single key may be pressed by mistake.</param>
    /// <param name="nothing">What is printed if it isn't confirmed.</param>
    public static async Task<bool> IsGivenAsync(string what, string word, string nothing)
    {
        await Console.Error.WriteLineAsync(what);
        if (!Console.IsInputRedirected)
        {
            await Console.Error.WriteAsync($"To confirm, type {word}: ");
            if (Console.ReadLine()?.Trim() == word)
                return true;
        }

        await Console.Error.WriteLineAsync($"{nothing} Use --yes to confirm without a question.");
        return false;
    }
}
