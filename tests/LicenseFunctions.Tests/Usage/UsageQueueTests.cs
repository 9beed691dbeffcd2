using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Types;
using LicenseFunctions.Tests.Support;
using StandaloneHost.Tests;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>The whole backend with a broker: each record is counted once, whatever the broker does.</summary>
public sealed class UsageQueueTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Queue = "usage-records";
    private readonly BrokerDouble broker = new(Queue);
    private UsageScene scene = null!;
    private License license = null!;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        license = await scene.LicenseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        broker.Dispose();
        await scene.DisposeAsync();
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("sb")]
    public async Task Broker_ValidInvalidAndDuplicate_AllAreCompletedAndEachCountsOnce(string scheme)
    {
        var array = UsageScene.Array(Enumerable.Range(1, 50).Select(i => scene.Record(license, secondsAgo: i)));
        await using var app = await StartAsync(scheme);

        broker.Send(Queue, array, "no json", scene.Record(license), array);
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(51L, await CountAsync());
        Assert.Equal(["INVALID_JSON"], await scene.Database.QueryAllAsync<string>("select code from usage_quarantine"));
        Assert.Equal(0, broker.Count($"{Queue}/$deadletterqueue"));
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("sb")]
    public async Task Broker_LocksLostAndConnectionsBroken_CountsEachOnce(string scheme)
    {
        await using var app = await StartAsync(scheme);

        for (var round = 0; round < 4; round++)
        {
            broker.Send(Queue, Enumerable.Range(0, 25).Select(i => scene.Record(license, secondsAgo: round * 25 + i)));
            while (await CountAsync() <= round * 25)
                Canceled.ThrowIfCancellationRequested();
            broker.ExpireLocks(Queue);
            if (round % 2 == 1)
            {
                broker.CloseConnections();
                broker.Return();
            }
        }

        await broker.EmptyAsync(Queue, Canceled);
        Assert.Equal(100L, await CountAsync());
        Assert.Equal(100L, await scene.Database.QueryAsync<long>("select sum(sessions)::bigint from usage_rollups"));
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("sb")]
    public async Task Broker_WhileTheDatabaseFails_KeepsTheMessagesAndCountsNoDelivery(string scheme)
    {
        await using var app = await StartAsync(scheme);
        await scene.Database.ExecuteAsync("alter table license_usage_log rename to license_usage_log_away");
        broker.Send(Queue, scene.Record(license));
        while (!app.Log.Contains("the next attempt for this batch is in", StringComparison.Ordinal))
        {
            Canceled.ThrowIfCancellationRequested();
            await scene.Database.QueryAsync<int>("select 1");
        }

        await scene.Database.ExecuteAsync("alter table license_usage_log_away rename to license_usage_log");
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(1L, await CountAsync());
        Assert.Equal(0, broker.Count($"{Queue}/$deadletterqueue"));
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("sb")]
    public async Task DeadLetters_AreDrainedIntoQuarantine(string scheme)
    {
        await using var app = await StartAsync(scheme);

        broker.Send($"{Queue}/$deadletterqueue", scene.Record(license), "nonsense");
        await broker.EmptyAsync($"{Queue}/$deadletterqueue", Canceled);

        Assert.Equal((2L, 2L), await scene.Database.QueryAsync<(long, long)>(
            "select count(*), count(*) filter (where source = 'dead_letter' and code = 'DEAD_LETTERED') from usage_quarantine"));
    }

    [Theory] // in the queue and among the dead letters, together with valid records, which are counted
    [InlineData("amqp", Queue)]
    [InlineData("amqp", $"{Queue}/$deadletterqueue")]
    [InlineData("sb", Queue)]
    [InlineData("sb", $"{Queue}/$deadletterqueue")]
    public async Task Body_ThatIsNeitherDataNorText_IsQuarantined(string scheme, string queue)
    {
        await using var app = await StartAsync(scheme);

        broker.Send(queue, new AmqpValue { Value = 42L });
        broker.Send(queue, new AmqpSequence { List = new object[] { 1, "two" } });
        broker.Send(queue, scene.Record(license));
        await broker.EmptyAsync(queue, Canceled);

        Assert.Equal(["AMQP sequence: 1, two", "AMQP value: 42"], await scene.Database.QueryAllAsync<string>(
            "select payload from usage_quarantine where payload like 'AMQP %' order by 1"));
        Assert.Equal(queue == Queue ? 1L : 0, await CountAsync());
        Assert.Equal(0, broker.Count($"{Queue}/$deadletterqueue"));
    }

    [Fact] // an AMQP described type, which the official client can't read either
    public async Task DeadLetter_ThatTheClientCannotRead_DoesNotBlockTheOthers()
    {
        const string deadLetters = $"{Queue}/$deadletterqueue";
        broker.Send(deadLetters, new AmqpValue { Value = new DescribedValue(new Symbol("example:unknown"), "x") });
        broker.Send(deadLetters, "nonsense");
        await using var app = await StartAsync("sb");

        await broker.ReachAsync(deadLetters, messages => messages.Count == 1, Canceled);

        Assert.IsType<AmqpValue>(Assert.Single(broker.Messages(deadLetters)).Body);
        Assert.Equal(["nonsense"], await scene.Database.QueryAllAsync<string>("select payload from usage_quarantine"));
    }

    [Fact]
    public async Task System_ShowsTheBrokersCounts()
    {
        using var administration = new AdministrationDouble(broker);
        await scene.Database.ExecuteAsync("alter table license_usage_log rename to license_usage_log_away");
        await using var app = await StartAsync("sb", administration.Port);
        broker.Send(Queue, scene.Record(license), scene.Record(license));

        var (status, body, _) = await app.GetAsync("/api/v1/system", "Bearer " + RunningApp.Token("operator"));

        await scene.Database.ExecuteAsync("alter table license_usage_log_away rename to license_usage_log");
        Assert.Equal(200, status);
        Assert.Equal("""{"active":2,"dead_lettered":0,"unknown_because":null}""", body!["queue"]!.ToJsonString());
    }

    [Fact] // a real RabbitMQ
    public async Task RabbitMQ_ArraysAndDuplicates_CountEachOnce()
    {
        var url = Environment.GetEnvironmentVariable("RABBITMQ_URL");
        Assert.SkipWhen(url is null,
            "RABBITMQ_URL is missing: ./dev test starts RabbitMQ with AMQP 1.0 and sets it. Example: amqp://guest:guest@127.0.0.1:5672");
        var queue = $"usage-{Guid.NewGuid():N}";
        await using var app = await RunningApp.StartAsync(scene.Database, ("ServiceBus", url), ("USAGE_QUEUE", queue));
        var connection = await new ConnectionFactory().CreateAsync(new Address(url));
        var sender = new SenderLink(new Session(connection), "usage", queue);
        var messages = Enumerable.Range(0, 20).Select(i => UsageScene.Array(
            Enumerable.Range(0, 10).Select(j => scene.Record(license, secondsAgo: i * 10 + j)))).ToList();

        foreach (var message in messages.Concat(messages.Take(5)).Append(scene.Record(license, secondsAgo: 9999)))
            await sender.SendAsync(new Message { BodySection = new Data { Binary = Encoding.UTF8.GetBytes(message) } });
        while (await CountAsync() < 201)
            Canceled.ThrowIfCancellationRequested();
        await connection.CloseAsync();

        Assert.Equal(201L, await scene.Database.QueryAsync<long>("select sum(sessions)::bigint from usage_rollups"));
    }

    /// <param name="scheme">amqp: received by AMQPNetLite; sb: by the official client.</param>
    private Task<RunningApp> StartAsync(string scheme, int administrationPort = 5300) => RunningApp.StartAsync(
        scene.Database, ("ServiceBus", scheme == "amqp" ? broker.Address : broker.ConnectionString), ("USAGE_QUEUE", Queue),
        ("EMULATOR_HTTP_PORT", $"{administrationPort}"));

    private Task<long> CountAsync() => scene.Database.QueryAsync<long>("select count(*) from license_usage_log");
}
