using System.Reflection;
using System.Text.Json;

/// <summary>
/// Runs one command of licensectl after the other in its process. .NET looks for a class with this name, and no namespace, in the assembly
/// that DOTNET_STARTUP_HOOKS names, and calls <see cref="Initialize"/> before Main.
/// </summary>
internal static class StartupHook
{
    /// <param name="Settings">Environment variables of this command.</param>
    /// <param name="End">Both outputs end with it, and the exit code on a line.</param>
    internal sealed record Command(string[] Arguments, Dictionary<string, string> Settings, string End);

    /// <summary>Reads a command from each line of the input, and ends with the input.</summary>
    public static void Initialize()
    {
        var main = Assembly.Load("licensectl").EntryPoint!;
        while (Console.In.ReadLine() is { } line)
        {
            var command = JsonSerializer.Deserialize<Command>(line)!;
            var before = command.Settings.Keys.ToDictionary(name => name, Environment.GetEnvironmentVariable);
            foreach (var (name, value) in command.Settings) Environment.SetEnvironmentVariable(name, value);
            var code = Run(main, command.Arguments);
            foreach (var (name, value) in before) Environment.SetEnvironmentVariable(name, value);
            Console.Out.WriteLine($"{command.End}{code}");
            Console.Error.WriteLine($"{command.End}{code}");
        }

        Environment.Exit(0);
    }

    private static int Run(MethodInfo main, string[] arguments)
    {
        try
        {
            return (int)main.Invoke(null, [arguments])!;
        }
        catch (TargetInvocationException unhandled)
        {
            Console.Error.WriteLine($"Unhandled exception. {unhandled.InnerException}");
            return 134;
        }
    }
}
