using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>If StandaloneHost can't run the application, the process stops before it listens, with a one-line message.</summary>
public sealed class WorkerStartTests
{
    [Theory]
    [InlineData("ServiceBus", "http://broker", "Function DrainDeadLetters: setting ServiceBus")]
    [InlineData("LOCALWORKER_AMQP_PORT", "none", "LOCALWORKER_AMQP_PORT: none")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:abc", "ASPNETCORE_URLS: http://127.0.0.1:abc")]
    [InlineData("LOCALWORKER_AMQP_PORT", "+1", "LOCALWORKER_AMQP_PORT: +1")]
    [InlineData("ASPNETCORE_URLS", "nonsense", "ASPNETCORE_URLS: nonsense")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:70711", "ASPNETCORE_URLS: http://127.0.0.1:70711")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:7071/app", "ASPNETCORE_URLS: http://127.0.0.1:7071/app")]
    [InlineData("ASPNETCORE_URLS", "https://127.0.0.1:7071", "ASPNETCORE_URLS: https://127.0.0.1:7071")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:7071;", "ASPNETCORE_URLS: ")]
    public async Task Start_BindingWithAnInvalidSetting_StopsWithItsNameAndNoStackTrace(string name, string value, string message)
    {
        var (exitCode, output) = await RunningApp.StartAndFailAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1"), (name, value));

        Assert.Equal(78, exitCode);
        Assert.StartsWith(message, output.Trim(), StringComparison.Ordinal);
        Assert.Single(output.Trim().Split('\n'));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, "--functions-uri", "http://127.0.0.1:7071")]
    [InlineData(true, "--functions-uri=http://127.0.0.1:7071")]
    [InlineData(false, "--USAGE_QUEUE=usage-records")]
    public void IsStartedByFunctionsHost_CommandLine_IsASign(bool expected, params string[] args) =>
        Assert.Equal(expected, Program.IsStartedByFunctionsHost(args));

    [Fact]
    public void IsStartedByFunctionsHost_ContextOfTheNativeHost_IsASign()
    {
        AppContext.SetData("AZURE_FUNCTIONS_NATIVE_HOST", "true");
        try
        {
            Assert.True(Program.IsStartedByFunctionsHost([]));
        }
        finally
        {
            AppContext.SetData("AZURE_FUNCTIONS_NATIVE_HOST", null);
        }
    }

    [Fact]
    public async Task Start_FunctionsApplicationDirectorySet_IsTheOfficialWorker()
    {
        var (exitCode, output) = await RunningApp.StartAndFailAsync(
        [
            ("DATABASE_URL", "Host=127.0.0.1;Port=1"), ("FUNCTIONS_APPLICATION_DIRECTORY", AppContext.BaseDirectory),
            .. NamedByTriggers.Select(row => (row.Data, row.Data == "USAGE_QUEUE" ? "usage-records" : "0 0 3 * * *")),
        ]);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("HostEndpoint", output, StringComparison.Ordinal);
    }

    public static TheoryData<string> NamedByTriggers => [.. FunctionRule.Functions()
        .SelectMany(function => function.Method.GetParameters())
        .SelectMany(parameter => parameter.CustomAttributes)
        .SelectMany(attribute => attribute.ConstructorArguments.Select(argument => argument.Value as string))
        .OfType<string>().Where(text => text.StartsWith('%')).Select(text => text[1..text.IndexOf('%', 1)]).Distinct()];

    [Theory] // a Functions host reads these settings itself, and disables the function silently if one is missing
    [MemberData(nameof(NamedByTriggers))]
    public async Task Start_WithoutASettingOfATrigger_StopsWithItsName(string name)
    {
        var (exitCode, output) = await RunningApp.StartHereAndFailAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1"), (name, ""));

        Assert.Equal(78, exitCode);
        Assert.Contains($"{name} is missing. Example: {name}=", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OUTBOX_SCHEDULE", "often", "is not a six-field cron expression")]
    [InlineData("RENEWAL_SCHEDULE", "0 3 * * *", "is not a six-field cron expression")]
    [InlineData("RETENTION_SCHEDULE", "0 0 0 30 2 *", "has no run within 400 days, or none within 400 days after it")]
    public async Task Start_WithAnInvalidSchedule_StopsWithItsName(string name, string value, string fault)
    {
        var (exitCode, output) = await RunningApp.StartHereAndFailAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1"), (name, value));

        Assert.Equal(78, exitCode);
        Assert.Contains($"{name} {fault}. Example: {name}=0 0 3 * * *", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithADamagedLocationFile_StopsWithTheNameOfTheSetting()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(
            file, [.. new byte[4_096], 0xab, 0xcd, 0xef, .. "MaxMind.com"u8, 0xff, 0xff, 0xff], TestContext.Current.CancellationToken);
        var (exitCode, output) = await RunningApp.StartHereAndFailAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1"), ("GEO_DATABASE", file));
        File.Delete(file);

        Assert.Equal(78, exitCode);
        Assert.Contains("GEO_DATABASE names ", output, StringComparison.Ordinal);
    }
}
