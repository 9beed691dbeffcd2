using System.IO.Compression;
using System.Text;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Licensing.Usage;
using StandaloneHost.Tests;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>Two licenses, a queue of the test host, and a broker for the standalone application.</summary>
public sealed class QueueSite(PostgresFixture postgres) : IAsyncLifetime
{
    public const string Queue = "usage-records";

    public BrokerDouble Broker { get; } = new(Queue);

    internal UsageScene Scene { get; private set; } = null!;

    internal HostAndStandalone Both { get; private set; } = null!;

    internal License License { get; private set; } = null!;

    internal License Other { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Scene = await UsageScene.NewAsync(postgres);
        (License, Other) = (await Scene.LicenseAsync(), await Scene.LicenseAsync());
        await Scene.Database.ExecuteAsync("alter table license_usage_log add constraint no_account_13 check (mt5_account_number <> 13)");
        Both = await HostAndStandalone.StartAsync(postgres, Scene.Database, ("ServiceBus", Broker.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await Both.DisposeAsync();
        Broker.Dispose();
        await Scene.DisposeAsync();
    }
}

/// <summary>Batches of valid and invalid usage records: both sides end with the same rows and an empty queue.</summary>
public sealed class QueueTests(QueueSite site) : IClassFixture<QueueSite>
{
    private const string Queue = QueueSite.Queue;
    private const string DeadLetters = $"{Queue}/$deadletterqueue";

    private readonly HostAndStandalone both = site.Both;
    private readonly BrokerDouble broker = site.Broker;
    private readonly UsageScene scene = site.Scene;
    private readonly License license = site.License;
    private readonly License other = site.Other;
    private readonly int before = site.Both.Invocations.Count;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Batches_ValidDuplicateInvalidAndEmpty_LeaveTheSameRows()
    {
        var record = scene.Record(license);
        var records = Enumerable.Range(1, 50).Select(i => scene.Record(license, secondsAgo: i)).ToList();
        string[] messages =
        [
            record, record, "no json", "", " ", "null", "[]", "{}", "7",
            UsageScene.Array(records), UsageScene.Array([records[3], record, "{\"record_id\":1}", scene.Record(other, secondsAgo: 7)]),
            scene.Record(license, secondsAgo: 60, account: 13),
            scene.Record(license with { TokenHash = new string('0', 64) }),
            scene.Record(license with { TokenHash = other.TokenHash }),
            scene.Record(license, secondsAgo: 90 * 24 * 3600),
            scene.Record(other, secondsAgo: 8, ea: "EA-\u0000-ü-🙂"),
            "\uFEFF" + scene.Record(other, secondsAgo: 9),
            .. records,
        ];

        await SendAsync(Queue, messages);
        await SendAsync(Queue, messages);

        await AssertAlikeAsync("IngestUsage");
        Assert.Equal(53L, await both.HostDatabase.QueryAsync<long>(
            "select count(*) from license_usage_log where mt5_account_number = 1001"));
    }

    [Fact] // both sides receive the bytes: gzip is recognized by its first bytes
    public async Task Bytes_GzipAndDamaged_AreReadOrQuarantinedUnchanged()
    {
        byte[][] messages =
        [
            Gzip(scene.Record(other, secondsAgo: 20, account: 1002)),
            [.. Gzip(scene.Record(other, secondsAgo: 21, account: 1002)).Take(40)],
            [0xFF, 0, 0xC3, 0x28],
            Gzip(new string(' ', UsageMessage.MaxDecodedBytes + 1)),
            [.. Encoding.UTF8.GetBytes(scene.Record(other, secondsAgo: 22, account: 1002)), 0],
        ];

        foreach (var message in messages)
            broker.Send(Queue, new Amqp.Framing.Data { Binary = message });
        both.Host.Queue(Queue).Send(messages.Select(message => (ReadOnlyMemory<byte>)message));
        await broker.EmptyAsync(Queue, Canceled);
        await both.Host.Queue(Queue).EmptyAsync(Canceled);

        await AssertAlikeAsync("IngestUsage");
        var kept = await both.HostDatabase.QueryAllAsync<byte[]>(
            "select payload_bytes from usage_quarantine where payload_bytes is not null");
        Assert.Equal(
            new[] { 1, 2, 3 }.Select(i => Convert.ToHexString(messages[i])).Order(),
            kept.Select(Convert.ToHexString).Intersect(messages.Select(Convert.ToHexString)).Order());
    }

    private static byte[] Gzip(string text)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return bytes.ToArray();
    }

    [Fact]
    public async Task DeadLetters_AreQuarantinedOnBothSides()
    {
        await SendAsync(DeadLetters, [scene.Record(license), "nonsense", "", "nonsense"]);

        await AssertAlikeAsync("DrainDeadLetters");
        // An empty message from the other test may already be there.
        Assert.Equal(2L, await both.HostDatabase.QueryAsync<long>(
            "select count(*) from usage_quarantine where code = 'DEAD_LETTERED' and payload <> ''"));
    }

    private async Task SendAsync(string queue, string[] messages)
    {
        broker.Send(queue, messages);
        both.Host.Queue(queue).Send(messages.Select(message => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(message)));
        await broker.EmptyAsync(queue, Canceled);
        await both.Host.Queue(queue).EmptyAsync(Canceled);
    }

    private async Task AssertAlikeAsync(string function)
    {
        await both.Host.IdleAsync(Canceled);
        Assert.Equal(await StateAsync(both.AloneDatabase), await StateAsync(both.HostDatabase));
        Assert.Equal((0, 0), (both.Host.Queue(DeadLetters).Count, broker.Count(DeadLetters)));
        Assert.NotEmpty(both.Invocations.Skip(before));
        Assert.All(both.Invocations.Skip(before), invocation => Assert.Equal((function, null), (invocation.Function, invocation.Failure)));
        Assert.Equal([], both.Logs.Where(log => log.IsError));
    }

    private static Task<IReadOnlyList<string>> StateAsync(TestDatabase database) => database.QueryAllAsync<string>(
        """
        select 'usage ' || u::text from license_usage_log u
        union all select 'sum ' || r::text from usage_sums r
        union all
        select concat_ws(' ', 'quarantined', source, code, field, detail, payload, payload_bytes, encode(payload_digest, 'hex'), state)
        from usage_quarantine
        order by 1
        """);
}

/// <summary>The rules of the in-memory queue.</summary>
public sealed class QueuedMessagesTests
{
    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Abandon_TenthTime_DeadLettersAndKeepsTheOrder()
    {
        var dead = new QueuedMessages(null);
        var queue = new QueuedMessages(dead);
        queue.Send("a"u8.ToArray(), "b"u8.ToArray(), "c"u8.ToArray());

        for (var delivery = 1; delivery <= QueuedMessages.MaxDeliveryCount; delivery++)
        {
            var batch = await queue.TakeAsync(2, Canceled);
            Assert.Equal(
                [("a", delivery), ("b", delivery)],
                batch.Select(message => (Encoding.UTF8.GetString(message.Body.Span), message.DeliveryCount)));
            Assert.Equal(3, queue.Count);
            queue.Abandon(batch);
        }

        Assert.Equal((1, 2), (queue.Count, dead.Count));
        queue.Complete(await queue.TakeAsync(2, Canceled));
        await queue.EmptyAsync(Canceled);
        for (var delivery = 1; delivery <= 2 * QueuedMessages.MaxDeliveryCount; delivery++)
            dead.Abandon(await dead.TakeAsync(100, Canceled));
        Assert.Equal(2, dead.Count);
    }
}
