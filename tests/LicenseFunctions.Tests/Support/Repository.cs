namespace LicenseFunctions.Tests.Support;

/// <summary>Files of the project's root, for tests that hold documents to the code.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(new DirectoryInfo(AppContext.BaseDirectory));

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string FindRoot(DirectoryInfo folder) =>
        File.Exists(Path.Combine(folder.FullName, "LicenseFunctions.sln"))
            ? folder.FullName
            : FindRoot(folder.Parent ?? throw new InvalidOperationException("The tests don't lie within the project."));
}
