using System.Globalization;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class BacktestCommandTests : IDisposable
{
    private static readonly Guid Alone = Guid.Parse("00000000-0000-0000-0000-000000000001");
    private static readonly Guid Three = Guid.Parse("00000000-0000-0000-0000-000000000002");

    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Report_OfTwoPolicies_NamesWhoChangesAndWhy()
    {
        var (code, output) = await RunAsync("--change", "device_limit=5,notify_share=0.3");

        Assert.True(code == 0, output);
        var page = await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken);
        foreach (var text in (string[])[
            "168 records of 2 licenses", "1 of them change under the policy",
            "<td>device_limit</td><td class=\"number\">2</td><td class=\"number\">5</td>",
            "SHADOW_DETECTION_POLICY=device_limit=5,notify_share=0.3", "<strong>No longer suspended</strong>", Three.ToString(),
            "License suspended → Nothing", "PEOPLE_AT_ONCE", "the license allows 2", "198.51.3"])
        {
            Assert.Contains(text, page, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Alone.ToString(), page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_TextsOfCustomers_AreEscapedAndNothingIsLoaded()
    {
        var (code, output) = await RunAsync("--change", "device_limit=5");

        Assert.True(code == 0, output);
        var page = await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("<img|<script|<link|href=|https?://", page);
    }

    [Fact]
    public async Task Report_OfTheSamePolicies_SaysSo()
    {
        var (code, output) = await RunAsync();

        Assert.True(code == 0, output);
        var page = await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken);
        Assert.Contains("Nothing: both policies are the same.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<details>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--change", "device_limits=5", "--change has a name that the policy does not have, number 1")]
    [InlineData("--change", "device_limit=0", "device_limit must be from 1 to 100")]
    [InlineData("--top", "0", "--top must be from 1 to 10000.")]
    [InlineData("--report", "/no/such/folder/page.html", "--report: there is no folder for /no/such/folder/page.html.")]
    public async Task Backtest_WrongOption_SaysWhich(string option, string value, string message)
    {
        var usage = await UsageAsync();

        var (code, output) = await Licensectl.RunAsync([], "backtest", "--usage", usage, option, value);

        Assert.NotEqual(0, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.False(File.Exists(Report));
    }

    private string Report => Path.Combine(folder, "report.html");

    private async Task<(int Code, string Output)> RunAsync(params string[] options) =>
        await Licensectl.RunAsync([], ["backtest", "--usage", await UsageAsync(), "--report", Report, .. options]);

    /// <summary>Two days of one device, and of two devices that a third one with an evil name joins on the second day.</summary>
    private async Task<string> UsageAsync()
    {
        var lines = new List<string>
        {
            "subscription_id,logged_at,ea_instance_id,mt5_account_number,ip_address,session_duration_sec",
        };
        for (var hour = 1; hour <= 48; hour++)
        {
            Add(Alone, hour, 1, "EA-1");
            Add(Three, hour, 1, "EA-1");
            Add(Three, hour, 2, "EA-2");
            if (hour > 24)
                Add(Three, hour, 3, "<img src=x onerror=alert(1)>");
        }

        var file = Path.Combine(folder, "usage.csv");
        await File.WriteAllLinesAsync(file, lines, TestContext.Current.CancellationToken);
        return file;

        void Add(Guid license, int hour, int device, string ea) => lines.Add(string.Create(CultureInfo.InvariantCulture,
            $"{license},{new DateTime(2026, 9, 7).AddHours(hour):yyyy-MM-ddTHH:mm:ssZ},{ea},{1000 + device},198.51.{device}.4,3500"));
    }
}
