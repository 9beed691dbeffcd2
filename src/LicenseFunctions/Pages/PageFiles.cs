using System.Collections.Frozen;

namespace LicenseFunctions.Pages;

/// <summary>
/// The dashboard's build, in the program's folder. All files are read at the start, so no request can name a file outside of the build.
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

    /// <summary>
    /// The file for a path below /app/. A path without an extension is a route of the dashboard; its file is index.html.
    /// </summary>
    /// <returns>Null if the file doesn't exist or the dashboard isn't built.</returns>
    public PageFile? Find(string path) =>
        files.TryGetValue(path, out var file) ? file
        : Path.HasExtension(path) ? null
        : files.GetValueOrDefault(Entry);

    public bool AreBuilt => files.ContainsKey(Entry);
}
