namespace StandaloneHost;

/// <summary>Functions that the settings disable, as for the Functions host.</summary>
public static class DisabledFunctions
{
    /// <summary>
    /// Whether <c>AzureWebJobs.NAME.Disabled</c> is true or 1. In an environment variable, <c>__</c> may replace the periods.
    /// </summary>
    /// <param name="function">The function's name.</param>
    /// <param name="settings">Returns a setting's value; null if it is missing.</param>
    public static bool Contain(string function, Func<string, string?> settings) =>
        (settings($"AzureWebJobs.{function}.Disabled") ?? settings($"AzureWebJobs:{function}:Disabled"))?.ToUpperInvariant()
            is "1" or "TRUE";
}
