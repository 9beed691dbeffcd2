using System.Globalization;
using System.Text;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Collects what a bench prints, and writes it into that bench's section of docs/benchmarks.md, between
/// <c>&lt;!-- bench:NAME --&gt;</c> and <c>&lt;!-- /bench:NAME --&gt;</c>. The other sections and the text around them stay.
/// </summary>
internal sealed class BenchReport : TextWriter
{
    /// <summary>Columns of the longest line in the document; docs/*.md may not have longer ones.</summary>
    public const int Columns = 160;

    private readonly TextWriter console;
    private readonly StringBuilder printed = new();

    public BenchReport(TextWriter console)
        : base(CultureInfo.InvariantCulture) => this.console = console;

    public override Encoding Encoding => console.Encoding;

    public override void Write(char value)
    {
        console.Write(value);
        printed.Append(value);
    }

    public override void Write(string? value)
    {
        console.Write(value);
        printed.Append(value);
    }

    public override void WriteLine(string? value) => Write(value + NewLine);

    public override void Flush() => console.Flush();

    /// <summary>Replaces the section of <paramref name="name"/>, or appends one. Nothing is written outside of a checkout.</summary>
    /// <param name="command">The command line that ran it, after <c>./dev</c>.</param>
    /// <param name="isWithinLimits">False if the bench missed one of the limits that its table names in brackets.</param>
    public async Task SaveAsync(string name, string command, bool isWithinLimits, BenchContext context)
    {
        if (FindDocument() is not { } file)
            return;
        var machine = $"{Processor()}, {Environment.ProcessorCount} cores, PostgreSQL {await ServerVersionAsync(context.DatabaseUrl)}";
        var measured = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        var section = $"`./dev {command}`, measured on {measured} UTC. Machine: {machine}."
            + $"{(isWithinLimits ? "" : " A limit was missed.")}\n\n{Body(printed.ToString())}\n";
        await File.WriteAllTextAsync(file, Replace(await File.ReadAllTextAsync(file), name, section));
        console.WriteLine($"written to docs/benchmarks.md, section {name}");
    }

    /// <summary>The document with the section of one bench replaced.</summary>
    public static string Replace(string document, string name, string section)
    {
        var (begin, end) = ($"<!-- bench:{name} -->\n", $"<!-- /bench:{name} -->");
        var from = document.IndexOf(begin, StringComparison.Ordinal);
        if (from < 0)
            return $"{document.TrimEnd()}\n\n## {name}\n\n{begin}{section}{end}\n";
        var to = document.IndexOf(end, from, StringComparison.Ordinal);
        return to < 0
            ? throw new InvalidOperationException($"docs/benchmarks.md has no {end} after its {begin.Trim()}.")
            : document[..from] + begin + section + document[to..];
    }

    // A printed Markdown table stays a table; aligned columns need a code block. Progress ("… 20 of 220 killed") is left out.
    private static string Body(string text)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n')
            .Where(line => !line.StartsWith('…'))
            .SelectMany(line => line.TrimEnd().Chunk(Columns).Select(part => new string(part)).DefaultIfEmpty(""))
            .ToList();
        var body = string.Join('\n', lines).Trim('\n');
        return lines.Exists(line => line.StartsWith('|')) ? body : $"```text\n{body}\n```";
    }

    private static string? FindDocument()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "LicenseFunctions.sln")))
                return Path.Combine(folder.FullName, "docs", "benchmarks.md");
        return null;
    }

    private static string Processor()
    {
        const string Cpus = "/proc/cpuinfo";
        var model = File.Exists(Cpus)
            ? File.ReadLines(Cpus).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        return model ?? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static async Task<string> ServerVersionAsync(string databaseUrl)
    {
        await using var source = NpgsqlDataSource.Create(databaseUrl);
        await using var command = source.CreateCommand("show server_version");
        return ((string)(await command.ExecuteScalarAsync())!).Split(' ')[0];
    }
}
