using System.Diagnostics;
using MimeKit;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>Runs an SMTP server (npm smtp-server) as a process that stores mails in files.</summary>
public sealed class SmtpCatcher : IAsyncDisposable
{
    private readonly Process process;
    private readonly DirectoryInfo folder;

    private SmtpCatcher(Process process, DirectoryInfo folder, int port) => (this.process, this.folder, Port) = (process, folder, port);

    public int Port { get; }

    public static async Task<SmtpCatcher> StartAsync(int port = 0, string? user = null, string? password = null)
    {
        var source = Path.Combine(Repository.Root, "src/DevServices/MailCatcher");
        await NodePackages.InstallAsync(source);
        var folder = Directory.CreateTempSubdirectory("mails-");
        List<string> arguments = [Path.Combine(source, "catcher.mjs"), "--dir", folder.FullName, "--port", $"{port}"];
        if (user is not null)
            arguments.AddRange(["--user", user, "--password", password!]);
        var process = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true })!;
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)
            ?? throw new InvalidOperationException("The SMTP server did not start");
        return new SmtpCatcher(process, folder,
            int.Parse(line[(line.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>All mails that were accepted so far, in order.</summary>
    public IReadOnlyList<MimeMessage> Mails() =>
        [.. folder.GetFiles("*.eml").OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => MimeMessage.Load(file.FullName))];

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        folder.Delete(recursive: true);
    }
}
