using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>What stops the worker's start.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Start_AScheduleIsMissing_StopsTheWorkerWithItsName()
    {
        var failure = await Assert.ThrowsAsync<WorkerStartException>(() => TestHost.StartAsync(new HostOptions
        {
            AppFolder = BothWays.AppFolder,
            Settings = new Dictionary<string, string>
            {
                ["DATABASE_URL"] = "Host=127.0.0.1;Port=1", ["AUTH_SIGNING_KEY"] = RunningApp.SigningKeyText, ["OUTBOX_SCHEDULE"] = "",
            },
        }, TestContext.Current.CancellationToken));

        Assert.Contains("code 78", failure.Message, StringComparison.Ordinal);
        Assert.Contains("OUTBOX_SCHEDULE", failure.Message, StringComparison.Ordinal);
    }
}
