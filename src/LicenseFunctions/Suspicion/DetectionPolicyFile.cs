using System.Text.Json;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <summary>A detection policy as a JSON file: <see cref="DetectionPolicy"/> defines its fields, their units and ranges.</summary>
public static class DetectionPolicyFile
{
    /// <summary>
    /// Reads a policy. Missing fields keep their default. It does not check ranges; <see cref="DetectionPolicy.Faults"/> does.
    /// </summary>
    /// <exception cref="JsonException">The file is not a policy in JSON, or it has an unknown field.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public static DetectionPolicy Read(string path) =>
        JsonSerializer.Deserialize<DetectionPolicy>(File.ReadAllText(path), SuspicionStore.Json)
        ?? throw new JsonException("The file has no policy.");
}
