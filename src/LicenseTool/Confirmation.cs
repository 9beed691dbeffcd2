using System.CommandLine;

namespace LicenseTool;

/// <summary>Commands that can't be undone show what they change. They need --yes, or somebody at a terminal who types a word.</summary>
internal static class Confirmation
{
    public static Option<bool> Yes(string what) => new("--yes")
    {
        Description = $"Confirms {what}, which can't be undone. Without it, the command shows what it would do and, at a terminal, "
            + "asks for confirmation",
    };

    /// <param name="what">What would be done; it is printed.</param>
    /// <param name="word">What confirms it, so that a key that was pressed by mistake doesn't.</param>
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
