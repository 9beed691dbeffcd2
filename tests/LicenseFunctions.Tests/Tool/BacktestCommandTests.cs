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
    public async Task Report_OfTwoPolicies_NamesTheLicensesThatChangeAndWhy()
    {
        var (code, output) = await RunAsync("--change", "device_limit=5,notify_share=0.3");

        Assert.True(code == 0, output);
        var page = await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken);
        foreach (var text in (string[])[
            "168 records of 2 licenses", "Licenses that change under the policy that was tried: 1.",
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
    public async Task Report_OfMoreChangesThanShown_CountsAllAndSaysSo()
    {
        var usage = await UsageAsync(licenses: 5);

        var (code, output) = await Licensectl.RunAsync(
            [], ["backtest", "--usage", usage, "--report", Report, "--change", "device_limit=5", "--top", "2"]);

        Assert.True(code == 0, output);
        var page = await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken);
        Assert.Equal(2, page.Split("<details>").Length - 1);
        Assert.Contains("2 of 5 changed licenses", page, StringComparison.Ordinal);
        Assert.Contains("The tables above count all of them", page, StringComparison.Ordinal);
        Assert.Contains("<td>No longer suspended</td><td class=\"number\">5</td>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MAX_DEVICES_PER_LICENSE", "5", "5 devices, any number of accounts, 3 networks a day", "nothing")]
    [InlineData("ACCOUNTS_PER_LICENSE", "2", "2 devices, 2 accounts, 3 networks a day", "SUSPENDED 1")]
    [InlineData("SUSPICIOUS_ACTIVITY_THRESHOLD", "9", "2 devices, any number of accounts, 9 networks a day", "SUSPENDED 1")]
    public async Task Backtest_LimitsOfTheSettings_ApplyToBothPolicies(string setting, string value, string limits, string actions)
    {
        var (code, output) = await Licensectl.RunAsync(
            [(setting, value)], ["backtest", "--usage", await UsageAsync(), "--report", Report]);

        Assert.True(code == 0, output);
        Assert.Contains($"In force: {limits}. Tried: {limits}.", output, StringComparison.Ordinal);
        Assert.Contains(actions, output, StringComparison.Ordinal);
        Assert.Contains(
            $"Limits in force: {limits}. Tried: {limits}.",
            await File.ReadAllTextAsync(Report, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backtest_PolicyThatNamesALimit_KeepsIt()
    {
        var policy = Path.Combine(folder, "policy.json");
        await File.WriteAllTextAsync(policy, """{ "device_limit": 4 }""", TestContext.Current.CancellationToken);

        var (code, output) = await Licensectl.RunAsync(
            [("ACCOUNTS_PER_LICENSE", "6")], ["backtest", "--usage", await UsageAsync(), "--policy", policy]);

        Assert.True(code == 0, output);
        Assert.Contains(
            "In force: 2 devices, 6 accounts, 3 networks a day. Tried: 4 devices, 6 accounts, 3 networks a day.", output,
            StringComparison.Ordinal);
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
    [InlineData("--top", "0", "--top is not a whole number from 1 to 2000. Example: --top 200")]
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

    /// <summary>Two days of one device, and of two devices that a third one, whose name contains HTML, joins on the second day.</summary>
    private async Task<string> UsageAsync(int licenses = 1)
    {
        var lines = new List<string>
        {
            "subscription_id,logged_at,ea_instance_id,mt5_account_number,ip_address,session_duration_sec",
        };
        for (var hour = 1; hour <= 48; hour++)
        {
            Add(Alone, hour, 1, "EA-1");
            foreach (var three in Enumerable.Range(2, licenses).Select(i => Guid.Parse($"00000000-0000-0000-0000-{i:000000000000}")))
            {
                Add(three, hour, 1, "EA-1");
                Add(three, hour, 2, "EA-2");
                if (hour > 24)
                    Add(three, hour, 3, "<img src=x onerror=alert(1)>");
            }
        }

        var file = Path.Combine(folder, "usage.csv");
        await File.WriteAllLinesAsync(file, lines, TestContext.Current.CancellationToken);
        return file;

        void Add(Guid license, int hour, int device, string ea) => lines.Add(string.Create(CultureInfo.InvariantCulture,
            $"{license},{new DateTime(2026, 9, 7).AddHours(hour):yyyy-MM-ddTHH:mm:ssZ},{ea},{1000 + device},198.51.{device}.4,3500"));
    }
}
