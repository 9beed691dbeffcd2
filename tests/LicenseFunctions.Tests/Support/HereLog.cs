using System.Collections.Concurrent;
using System.Text;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// The outputs of apps in the process of the tests: each line goes to the app that wrote it. The threads of an app's logger inherit the
/// asynchronous context in which the app was built.
/// </summary>
internal sealed class HereLog : TextWriter
{
    private static readonly AsyncLocal<ConcurrentQueue<string>?> Output = new();

    private readonly TextWriter console;

    static HereLog()
    {
        Console.SetOut(new HereLog(Console.Out));
        Console.SetError(new HereLog(Console.Error));
    }

    private HereLog(TextWriter console) => this.console = console;

    public override Encoding Encoding => console.Encoding;

    /// <summary>From now on, the caller's asynchronous context, and what it starts, writes to this queue.</summary>
    public static void Begin(ConcurrentQueue<string> output) => Output.Value = output;

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        if (Output.Value is { } lines) lines.Enqueue((value ?? "").TrimEnd('\n'));
        else console.Write(value);
    }

    public override void WriteLine(string? value) => Write(value + "\n");
}
