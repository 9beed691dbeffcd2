using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>What StandaloneHost can't run stops the process, before it listens, in one line.</summary>
public sealed class WorkerStartTests
{
    [Theory]
    [InlineData("OUTBOX_SCHEDULE", "often", "Function DrainOutbox: schedule 'often'")]
    [InlineData("ServiceBus", "http://broker", "Function IngestUsage: setting ServiceBus")]
    [InlineData("LOCALWORKER_AMQP_PORT", "none", "LOCALWORKER_AMQP_PORT: none")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:abc", "ASPNETCORE_URLS: http://127.0.0.1:abc")]
    [InlineData("ASPNETCORE_URLS", "nonsense", "ASPNETCORE_URLS: nonsense")]
    public async Task Start_BindingWithAWrongSetting_StopsWithItsNameAndNoStackTrace(string name, string value, string message)
    {
        var (exitCode, output) = await RunningApp.StartAndFailAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1"), (name, value));

        Assert.Equal(78, exitCode);
        Assert.StartsWith(message, output.Trim(), StringComparison.Ordinal);
        Assert.Single(output.Trim().Split('\n'));
    }
}
