using System.Collections.Frozen;

namespace LicenseFunctions.Pages;

/// <summary>
/// The dashboard's build, which lies beside the program. It is all known before the first request: a path out of one leads to no file
/// but these.
/// </summary>
public sealed class PageFiles
{
    private const string Entry = "index.html";

    private readonly FrozenDictionary<string, PageFile> files;

    public PageFiles()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "dashboard");
        files = (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories) : [])
            .Select(file => PageFile.Read(folder, file))
            .ToFrozenDictionary(file => file.Name);
    }

    /// <summary>The file of a path below /app/; the page itself for what names no file, whose routes the browser knows.</summary>
    /// <returns>Null for a file that isn't there, and for everything where the dashboard isn't built.</returns>
    public PageFile? Find(string path) =>
        files.TryGetValue(path, out var file) ? file
        : Path.HasExtension(path) ? null
        : files.GetValueOrDefault(Entry);

    public bool AreBuilt => files.ContainsKey(Entry);
}
