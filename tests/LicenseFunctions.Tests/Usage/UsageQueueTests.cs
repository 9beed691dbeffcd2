using System.IO.Compression;
using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Types;
using LicenseFunctions.Tests.Support;
using Licensing.Usage;
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
                await Task.Delay(20, Canceled);
            broker.ExpireLocks(Queue);
            if (round % 2 == 1)
            {
                broker.CloseConnections();
                broker.Return();
            }
        }

        await broker.EmptyAsync(Queue, Canceled);
        Assert.Equal(100L, await CountAsync());
        await scene.SumAsync();
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
            await Task.Delay(20, Canceled);

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
    public async Task Body_ThatIsNeitherDataNorText_IsQuarantinedWithItsBytes(string scheme, string queue)
    {
        await using var app = await StartAsync(scheme);

        broker.Send(queue, new AmqpValue { Value = 42L });
        broker.Send(queue, new AmqpSequence { List = new object[] { 1, "two" } });
        broker.Send(queue, new AmqpValue { Value = new Map { ["a"] = "x" } });
        broker.Send(queue, scene.Record(license));
        await broker.EmptyAsync(queue, Canceled);

        Assert.Equal(
            [("005376C008025401A10374776F", "an AMQP sequence"), ("005377552A", "an AMQP value that is neither text nor binary"),
                ("005377C10702A10161A10178", "an AMQP map")],
            (await scene.Database.QueryAllAsync<(string Bytes, string Detail)>(
                "select upper(encode(payload_bytes, 'hex')), detail from usage_quarantine where payload_bytes is not null order by 1"))
            .Select((row, i) => queue == Queue
                ? (row.Bytes, row.Detail.Replace("the body is ", "").Replace("; send JSON as AMQP data or as a string", ""))
                : (row.Bytes, new[] { "an AMQP sequence", "an AMQP value that is neither text nor binary", "an AMQP map" }[i])));
        Assert.Equal(queue == Queue ? 1L : 0, await CountAsync());
        Assert.Equal(0, broker.Count($"{Queue}/$deadletterqueue"));
    }

    [Theory]
    [InlineData("amqp")]
    [InlineData("sb")]
    public async Task ContentEncoding_Gzip_IsDecodedAndOtherContentIsQuarantinedUnchanged(string scheme)
    {
        await using var app = await StartAsync(scheme);
        byte[] br = [0x8B, 0x00, 0x80, 0xFF];
        var bomb = Gzip(new string(' ', 4 * UsageMessage.MaxDecodedBytes));
        var damaged = Gzip(scene.Record(license, secondsAgo: 5));
        damaged[^8] ^= 1;

        Send(Gzip("\uFEFF" + scene.Record(license) + "\0"), "gzip");
        Send(Gzip(scene.Record(license, secondsAgo: 1)), null);
        Send(Encoding.UTF8.GetBytes("\uFEFF" + scene.Record(license, secondsAgo: 2) + "\0"), "identity");
        Send(Gzip(UsageScene.Array([scene.Record(license, secondsAgo: 3), "7"])), "GZIP");
        Send(br, "br");
        Send(bomb, "gzip");
        Send(damaged, "x-gzip");
        Send("plain"u8.ToArray(), "gzip");
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(4L, await CountAsync());
        Assert.Equal(
            new[]
            {
                ("INVALID_GZIP", "the message is not valid gzip data", Convert.ToHexString(damaged)),
                ("INVALID_GZIP", "the message is not valid gzip data", Convert.ToHexString("plain"u8)),
                ("MESSAGE_TOO_LARGE", "the decompressed message is larger than 1048576 bytes", Convert.ToHexString(bomb)),
                ("NOT_A_RECORD", "a record must be a JSON object", Convert.ToHexString("7"u8)),
                ("UNSUPPORTED_CONTENT_ENCODING", "the content encoding br is not supported; send gzip or plain JSON",
                    Convert.ToHexString(br)),
            }.Order(),
            (await scene.Database.QueryAllAsync<(string, string, string)>(
                """
                select code, detail, upper(encode(coalesce(payload_bytes, convert_to(payload, 'UTF8')), 'hex')) from usage_quarantine
                """)).Order());

        void Send(byte[] body, string? encoding) => broker.Send(
            Queue, new Data { Binary = body }, encoding is null ? null : new Properties { ContentEncoding = encoding });
    }

    private static byte[] Gzip(string text)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return bytes.ToArray();
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
        Assert.Equal("""{"active":2,"dead_lettered":0,"unknown_because":null,"not_configured":null}""", body!["queue"]!.ToJsonString());
    }

    [Fact] // a real RabbitMQ
    public async Task RabbitMQ_ArraysAndDuplicates_CountEachOnce()
    {
        var url = Environment.GetEnvironmentVariable("RABBITMQ_URL");
        Assert.SkipWhen(url is null,
            "RABBITMQ_URL is missing: ./dev test starts RabbitMQ with AMQP 1.0 and sets it. Example: amqp://guest:guest@127.0.0.1:5672");
        var queue = $"usage-{Guid.NewGuid():N}";
        await using var app = await RunningApp.StartHereAsync(scene.Database, ("ServiceBus", url), ("USAGE_QUEUE", queue));
        var connection = await new ConnectionFactory().CreateAsync(new Address(url));
        var sender = new SenderLink(new Session(connection), "usage", queue);
        var messages = Enumerable.Range(0, 20).Select(i => UsageScene.Array(
            Enumerable.Range(0, 10).Select(j => scene.Record(license, secondsAgo: i * 10 + j)))).ToList();

        foreach (var message in messages.Concat(messages.Take(5)).Append(scene.Record(license, secondsAgo: 9999)))
            await sender.SendAsync(new Message { BodySection = new Data { Binary = Encoding.UTF8.GetBytes(message) } });
        while (await CountAsync() < 201)
            await Task.Delay(20, Canceled);
        await connection.CloseAsync();
        await scene.SumAsync();

        Assert.Equal(201L, await scene.Database.QueryAsync<long>("select sum(sessions)::bigint from usage_rollups"));
    }

    /// <param name="scheme">amqp: received by AMQPNetLite; sb: by the official client.</param>
    private Task<RunningApp> StartAsync(string scheme, int administrationPort = 5300) => RunningApp.StartHereAsync(
        scene.Database, ("ServiceBus", scheme == "amqp" ? broker.Address : broker.ConnectionString), ("USAGE_QUEUE", Queue),
        ("EMULATOR_HTTP_PORT", $"{administrationPort}"));

    private Task<long> CountAsync() => scene.Database.QueryAsync<long>("select count(*) from license_usage_log");
}
