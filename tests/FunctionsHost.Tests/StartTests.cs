using System.Collections.Concurrent;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>The worker's start, and the faults that stop it.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Start_LeavesNothingInTheHomeFolderAndLogsNoWarning()
    {
        var home = Directory.CreateTempSubdirectory("home-");
        var logs = new ConcurrentQueue<WorkerLog>();
        try
        {
            await using var host = await TestHost.StartAsync(new HostOptions
            {
                AppFolder = HostAndStandalone.AppFolder,
                Settings = new Dictionary<string, string>(
                    RunningApp.Schedules.Select(name => KeyValuePair.Create(name, RunningApp.Never)))
                {
                    ["DATABASE_URL"] = "Host=127.0.0.1;Port=1",
                    ["AUTH_SIGNING_KEY"] = RunningApp.SigningKeyText,
                    ["USAGE_QUEUE"] = "usage-records",
                    ["HOME"] = home.FullName,
                },
                OnLog = logs.Enqueue,
            }, TestContext.Current.CancellationToken);
            using var client = new HttpClient { BaseAddress = host.Address };
            Assert.Equal("ok", await client.GetStringAsync("/healthz", TestContext.Current.CancellationToken));

            Assert.Empty(home.EnumerateFileSystemInfos());
            Assert.DoesNotContain(logs, log => log.Category.StartsWith("Microsoft.", StringComparison.Ordinal));
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Start_ScheduleIsMissing_StopsTheWorkerWithItsName()
    {
        var failure = await Assert.ThrowsAsync<WorkerStartException>(() => TestHost.StartAsync(new HostOptions
        {
            AppFolder = HostAndStandalone.AppFolder,
            Settings = new Dictionary<string, string>
            {
                ["DATABASE_URL"] = "Host=127.0.0.1;Port=1",
                ["AUTH_SIGNING_KEY"] = RunningApp.SigningKeyText,
                ["OUTBOX_SCHEDULE"] = "",
            },
        }, TestContext.Current.CancellationToken));

        Assert.Contains("code 78", failure.Message, StringComparison.Ordinal);
        Assert.Contains("OUTBOX_SCHEDULE", failure.Message, StringComparison.Ordinal);
    }
}
