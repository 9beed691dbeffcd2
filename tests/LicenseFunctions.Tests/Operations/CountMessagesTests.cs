using Azure;
using Azure.Core;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Messaging.ServiceBus.Administration;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Operations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using StandaloneHost.Tests;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>
/// The official client with a double of Service Bus's administration API. The client with an identity is mocked, because a test has no
/// identity that could receive a token.
/// </summary>
public sealed class CountMessagesTests : IDisposable
{
    private const string Queue = "usage-records";
    private readonly BrokerDouble broker = new(Queue);
    private readonly AdministrationDouble administration;
    private readonly FakeTimeProvider time = new();

    public CountMessagesTests() => administration = new AdministrationDouble(broker);

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        administration.Dispose();
        broker.Dispose();
    }

    [Fact]
    public async Task Count_OfTheEmulator_ReturnsWhatItsAdministrationReports()
    {
        broker.Send(Queue, "a", "b", "c");
        broker.Send($"{Queue}/$deadletterqueue", "rotten");

        Assert.Equal(new QueueState(3, 1, null), await CountAsync());
        Assert.Contains("enrich=True", administration.LastQuery, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "Manage right")]
    [InlineData(403, "Azure Service Bus Data Owner")]
    [InlineData(500, "can't be reached")]
    public async Task Count_DeniedByServiceBus_NamesTheReason(int status, string reason)
    {
        administration.Status = status;

        Assert.Contains(reason, await ReasonAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Count_OfAMissingQueue_ReportsTheError() =>
        Assert.Equal("Service Bus has no queue another.", await ReasonAsync(("USAGE_QUEUE", "another")));

    [Fact]
    public async Task Count_ConnectionRefused_ReportsTheError()
    {
        administration.Dispose();

        Assert.StartsWith("Service Bus can't be reached", await ReasonAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Count_WithoutAnAnswer_EndsAfterTwoSeconds()
    {
        administration.IsSilent = true;
        var counting = CountAsync();
        await administration.AskedAsync(Canceled);
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(counting.IsCompleted);

        time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal(new QueueState(null, null, "Service Bus did not answer within 2 seconds."), await counting);
    }

    [Fact]
    public async Task Count_CallerDisconnects_IsCanceled()
    {
        administration.IsSilent = true;
        using var caller = new CancellationTokenSource();
        var counting = Count(Settings()).RunAsync(caller.Token);
        await administration.AskedAsync(Canceled);

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => counting);
    }

    [Theory]
    [InlineData(null, "No broker is set")]
    [InlineData("amqp://127.0.0.1", "isn't a Service Bus")]
    [InlineData("AMQPS://user:secret@broker", "isn't a Service Bus")]
    public async Task Count_WithoutAServiceBusOnPurpose_IsNotConfiguredAndNotUnknown(string? value, string reason)
    {
        var state = await CountAsync(("ServiceBus", value));

        Assert.Equal((null, null, null), (state.Active, state.DeadLettered, state.UnknownBecause));
        Assert.Contains(reason, state.NotConfigured, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ServiceBus", "nonsense", "not a connection string")]
    [InlineData("ServiceBus:fullyQualifiedNamespace", "ns.servicebus.windows.net", "AZURE_CLIENT_ID isn't set")]
    public async Task Count_WithWrongSettings_ReportsTheReason(string name, string? value, string reason) =>
        Assert.Contains(reason, await ReasonAsync(("ServiceBus", null), (name, value)), StringComparison.Ordinal);

    [Fact]
    public void Settings_WithAnIdentity_OpenTheNamespace()
    {
        var settings = Settings(
            Mock.Of<TokenCredential>(), ("ServiceBus", null), ("ServiceBus:fullyQualifiedNamespace", "ns.servicebus.windows.net"));

        Assert.Null(settings.Unavailable);
        Assert.NotNull(CountMessages.Client(settings));
        Assert.Equal("ns.servicebus.windows.net", settings.Open(new()).FullyQualifiedNamespace);
    }

    [Fact]
    public async Task Count_WithAnIdentity_ReturnsWhatTheClientReports()
    {
        var properties = ServiceBusModelFactory.QueueRuntimeProperties(Queue, activeMessageCount: 7, deadLetterMessageCount: 2);
        var client = new Mock<ServiceBusAdministrationClient>();
        client.Setup(one => one.GetQueueRuntimePropertiesAsync(Queue, It.IsAny<CancellationToken>()))
            .ReturnsAsync(Response.FromValue(properties, Mock.Of<Response>()));

        Assert.Equal(new QueueState(7, 2, null), await Count(Settings(), client.Object).RunAsync(Canceled));
    }

    [Fact]
    public async Task Count_IdentityWithoutToken_ReportsTheError()
    {
        var client = new Mock<ServiceBusAdministrationClient>();
        client.Setup(one => one.GetQueueRuntimePropertiesAsync(Queue, It.IsAny<CancellationToken>()))
            .ThrowsAsync(new CredentialUnavailableException("no identity here"));

        var state = await Count(Settings(), client.Object).RunAsync(Canceled);

        Assert.Equal("The managed identity received no token for Service Bus.", state.UnknownBecause);
    }

    private async Task<string> ReasonAsync(params (string Name, string? Value)[] settings)
    {
        var state = await CountAsync(settings);
        Assert.Null(state.Active);
        Assert.Null(state.DeadLettered);
        Assert.Null(state.NotConfigured);
        return state.UnknownBecause!;
    }

    private Task<QueueState> CountAsync(params (string Name, string? Value)[] settings) =>
        Count(Settings(null, settings)).RunAsync(Canceled);

    private CountMessages Count(ServiceBusSettings settings, ServiceBusAdministrationClient? client = null) =>
        new(settings, client ?? CountMessages.Client(settings), time, NullLogger<CountMessages>.Instance);

    private ServiceBusSettings Settings(TokenCredential? identity = null, params (string Name, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection().Build();
        configuration["USAGE_QUEUE"] = Queue;
        configuration["ServiceBus"] = broker.ConnectionString;
        configuration["EMULATOR_HTTP_PORT"] = $"{administration.Port}";
        foreach (var (name, value) in settings)
            configuration[name] = value;
        return ServiceBusSettings.Read(new SettingReader(configuration), identity);
    }
}
