namespace StandaloneHost;

/// <summary>Functions that the settings disable, as for the Functions host.</summary>
public static class DisabledFunctions
{
    private static readonly string[] Separators = [".", "_", ":"];

    /// <summary>
    /// Whether <c>AzureWebJobs.NAME.Disabled</c> is true or 1. On Linux, App Service replaces the periods by <c>_</c>, and an environment
    /// variable may have <c>__</c> instead (azure-webjobs-sdk, HostListenerFactory.IsDisabledBySetting).
    /// </summary>
    /// <param name="function">The function's name.</param>
    /// <param name="settings">Returns a setting's value; null if it is missing.</param>
    public static bool Contain(string function, Func<string, string?> settings) =>
        Separators.Any(separator => settings(string.Join(separator, "AzureWebJobs", function, "Disabled"))?.ToUpperInvariant()
            is "1" or "TRUE");
}
