using System.Globalization;
using System.Net;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The order of events, and how they are read.</summary>
public sealed class EventFeedTests(PostgresFixture postgres)
{
    private const string Add = "select add_license_event(@license, 'price.agreed', jsonb_build_object('n', @n))";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_InPages_ReturnsEachEventOnceInOrder()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        for (var n = 1; n <= 5; n++)
            await database.ExecuteAsync(Add, new { license = n % 2 == 0 ? second : first, n });
        var feed = Feed(database);

        var one = (await feed.RunAsync(Query(("limit", "2")), Stop)).Value;
        var two = (await feed.RunAsync(Query(("limit", "2"), ("after", $"{one.Next}")), Stop)).Value;
        var three = (await feed.RunAsync(Query(("after", $"{two.Next}")), Stop)).Value;
        var end = (await feed.RunAsync(Query(("after", $"{three.Next}")), Stop)).Value;

        Assert.Equal([2, 2, 1, 0], new[] { one, two, three, end }.Select(page => page.Events.Count));
        Assert.Equal(
            [(1L, first, 1L, 1), (2L, second, 1L, 2), (3L, first, 2L, 3), (4L, second, 2L, 4), (5L, first, 3L, 5)],
            one.Events.Concat(two.Events).Concat(three.Events)
                .Select(item => (item.Id, item.SubscriptionId, item.Sequence, item.Data.GetProperty("n").GetInt32())));
        Assert.Equal((2L, 4L, 5L, 5L), (one.Next, two.Next, three.Next, end.Next));
    }

    /// <summary>The events of the open transaction have the lowest ids. No reader waits for them, and they get later places.</summary>
    [Fact]
    public async Task Read_DuringAnOpenTransaction_ReturnsItsEventsAfterItsCommit()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var (license, other) = (Guid.NewGuid(), Guid.NewGuid());
        var feed = Feed(database);
        await using var connection = await database.Source.OpenConnectionAsync(Stop);
        var open = await connection.BeginTransactionAsync(Stop);
        await connection.ExecuteAsync(Add, new { license, n = 1 });
        await database.ExecuteAsync(Add, new { license = other, n = 2 });
        await connection.ExecuteAsync(Add, new { license, n = 3 });

        var during = (await feed.RunAsync(Query(), Stop)).Value;
        await open.CommitAsync(Stop);
        var after = (await feed.RunAsync(Query(("after", $"{during.Next}")), Stop)).Value;

        Assert.Equal([(1L, 2)], during.Events.Select(item => (item.Id, item.Data.GetProperty("n").GetInt32())));
        Assert.Equal(
            [(2L, 1L, 1), (3L, 2L, 3)],
            after.Events.Select(item => (item.Id, item.Sequence, item.Data.GetProperty("n").GetInt32())));
    }

    /// <summary>The older transaction gets the license's lock later, so its change is the later one.</summary>
    [Fact]
    public async Task Read_AnOlderTransactionChangesTheLicenseLater_KeepsTheOrderOfTheChanges()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var license = scene.SubscriptionId;
        var feed = Feed(scene.Database);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        var older = await connection.BeginTransactionAsync(Stop);
        await connection.ExecuteAsync("select pg_current_xact_id()::text");

        await scene.Database.Database.InTransactionAsync(async (other, token) =>
        {
            await SuspensionStore.LockAsync(other, license, token);
            await other.ExecuteAsync(Add, new { license, n = 1 });
        }, Stop);
        await SuspensionStore.LockAsync(connection, license, Stop);
        await connection.ExecuteAsync(Add, new { license, n = 2 });
        var during = (await feed.RunAsync(Query(), Stop)).Value;
        await older.CommitAsync(Stop);
        var after = (await feed.RunAsync(Query(("after", $"{during.Next}")), Stop)).Value;

        Assert.Equal([(1L, 1)], during.Events.Select(item => (item.Sequence, item.Data.GetProperty("n").GetInt32())));
        Assert.Equal([(2L, 2)], after.Events.Select(item => (item.Sequence, item.Data.GetProperty("n").GetInt32())));
    }

    [Fact]
    public async Task Number_ConcurrentlyByMany_LeavesNoGaps()
    {
        await using var database = await postgres.NewDatabaseAsync();
        Guid[] licenses = [Guid.NewGuid(), Guid.NewGuid()];
        var store = new EventStore(database.Database);

        await Task.WhenAll(Enumerable.Range(0, 4).SelectMany(writer => (Task[])
        [
            Task.Run(async () =>
            {
                for (var n = 0; n < 50; n++)
                    await database.ExecuteAsync(Add, new { license = licenses[n % 2], n });
            }, Stop),
            Task.Run(async () =>
            {
                for (var n = 0; n < 50; n++)
                    await store.NumberAsync(Stop);
            }, Stop),
        ]));
        await store.NumberAsync(Stop);

        var events = await store.ListAsync(0, 1_000, Stop);
        Assert.Equal(Enumerable.Range(1, 200).Select(n => (long)n), events.Select(item => item.Id));
        foreach (var license in licenses)
        {
            Assert.Equal(
                Enumerable.Range(1, 100).Select(n => (long)n),
                events.Where(item => item.SubscriptionId == license).Select(item => item.Sequence));
        }
    }

    [Fact]
    public async Task Read_WithWait_AnswersWhenAnEventComes_AndHoldsNoConnection()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var time = new FakeTimeProvider();
        var connectionString = new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1, Timeout = 5 };
        await using var one = NpgsqlDataSource.Create(connectionString.ConnectionString);
        var feed = new ReadEvents(new EventStore(new LicenseDatabase(one)), new Lifetime(), time);

        var waiting = feed.RunAsync(Query(("wait", "20")), Stop);
        await PassAsync(time, ReadEvents.Pause, waiting, times: 3);
        Assert.False(waiting.IsCompleted);
        await using (var connection = await one.OpenConnectionAsync(Stop))
            await connection.ExecuteAsync(Add, new { license = Guid.NewGuid(), n = 1 });
        await PassAsync(time, ReadEvents.Pause / 10, waiting);

        Assert.Single((await waiting).Value.Events);
    }

    [Fact]
    public async Task Read_WithWait_EndsWithoutEventsAfterIt()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var time = new FakeTimeProvider();
        var began = time.GetUtcNow();

        var feed = new ReadEvents(new EventStore(database.Database), new Lifetime(), time);

        var waiting = feed.RunAsync(Query(("wait", "2")), Stop);
        await PassAsync(time, ReadEvents.Pause / 10, waiting);

        Assert.Equal(0, (await waiting).Value.Next);
        Assert.True(time.GetUtcNow() - began >= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Read_WithWait_EndsWithItsCaller()
    {
        await using var database = await postgres.NewDatabaseAsync();
        using var caller = new CancellationTokenSource();

        var feed = new ReadEvents(new EventStore(database.Database), new Lifetime(), new FakeTimeProvider());

        var waiting = feed.RunAsync(Query(("wait", "20")), caller.Token);
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task Read_WithWait_EndsWithTheApp()
    {
        await using var database = await postgres.NewDatabaseAsync();
        using var stopping = new CancellationTokenSource();
        var feed = new ReadEvents(new EventStore(database.Database), new Lifetime(stopping.Token), new FakeTimeProvider());

        var waiting = feed.RunAsync(Query(("wait", "20")), Stop);
        await stopping.CancelAsync();

        Assert.Empty((await waiting).Value.Events);
    }

    [Theory]
    [InlineData("after", "-1")]
    [InlineData("after", "x")]
    [InlineData("after", "1.5")]
    [InlineData("after", "9223372036854775808")]
    [InlineData("wait", "21")]
    [InlineData("wait", "-1")]
    [InlineData("wait", "x")]
    [InlineData("limit", "0")]
    [InlineData("limit", "1001")]
    [InlineData("limit", "x")]
    [InlineData("after", "1", "AFTER_BEYOND_LAST_EVENT")]
    public async Task Read_WithABadParameter_NamesItAndSaysWhatToSend(string name, string value, string code = "INVALID_QUERY")
    {
        await using var database = await postgres.NewDatabaseAsync();

        var refusal = (await Feed(database).RunAsync(Query((name, value)), Stop)).Refusal;

        Assert.Equal((RefusalKind.Invalid, code, name), (refusal!.Kind, refusal.Code, refusal.Field));
        Assert.NotEmpty(refusal.Hint!);
    }

    [Theory]
    [InlineData("wait", "0")]
    [InlineData("limit", "1")]
    [InlineData("limit", "1000")]
    [InlineData("after", "0")]
    [InlineData("after", "")]
    public async Task Read_WithABoundaryValue_IsAllowed(string name, string value)
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Null((await Feed(database).RunAsync(Query((name, value)), Stop)).Refusal);
    }

    [Fact]
    public async Task Retention_DeletesEventsAfter90Days_AndReadersContinueWithTheOldest()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = Guid.NewGuid();
        for (var n = 1; n <= 4; n++)
            await database.ExecuteAsync(Add, new { license, n });
        var feed = Feed(database);
        await feed.RunAsync(Query(("limit", "1")), Stop);
        await database.ExecuteAsync(
            """
            update license_events set occurred_at = now() - interval '91 days' where position <= 2;
            update license_events set occurred_at = now() - interval '89 days' where position = 3;
            select add_license_event(gen_random_uuid(), 'price.agreed', '{}');
            update license_events set occurred_at = now() - interval '91 days' where position is null;
            """);

        var counts = await new RetainData(
            new RetentionStore(database.Database), new MetricStore(database.Database), NullLogger<RetainData>.Instance).RunAsync(Stop);
        await database.ExecuteAsync(Add, new { license, n = 5 });

        Assert.Equal(3, counts.Events);
        Assert.Empty(counts.Overdue);
        Assert.Equal(
            [(3L, 3L), (4L, 4L), (5L, 5L)],
            (await feed.RunAsync(Query(("after", "1")), Stop)).Value.Events.Select(item => (item.Id, item.Sequence)));
    }

    /// <summary>
    /// Devices, suspensions and alerts of a few licenses change concurrently, with and without the licenses' locks. A reader that is
    /// stopped again and again, and keeps its place together with what it has read, ends with what the tables have.
    /// </summary>
    [Fact]
    public async Task Read_WhileManyWrite_ReturnsWhatTheTablesHave_WithoutDeadlocks()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into users (email, role) select 'm' || n || '@x.test', 'master' from generate_series(1, 2) n;
            insert into subscriptions (subscriber_id, master_id)
            select (select user_id from users where role = 'subscriber'), user_id from users where email in ('m1@x.test', 'm2@x.test');
            insert into license_tokens (subscription_id, token_hash)
            select subscription_id, subscription_id::text from subscriptions s
            where not exists (select from license_tokens t where t.subscription_id = s.subscription_id);
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            select subscription_id, subscriber_id, now(), 'auto', 'due', now() from subscriptions;
            """);
        var licenses = await scene.Database.QueryAllAsync<Guid>("select subscription_id from subscriptions");
        using var written = new CancellationTokenSource();

        var reading = ReadUntilAsync(Feed(scene.Database), written.Token);
        await Task.WhenAll(Enumerable.Range(1, 6).Select(seed => Task.Run(() => WriteAsync(scene, licenses, seed), Stop)));
        await written.CancelAsync();
        var read = await reading;

        Assert.Equal(
            await scene.Database.QueryAllAsync<Guid>("select device_id from license_devices where removed_at is null order by 1"),
            Sorted(read.Devices));
        Assert.Equal(
            await scene.Database.QueryAllAsync<Guid>("select suspension_id from license_suspensions where closed_at is null order by 1"),
            Sorted(read.Suspensions));
        Assert.Equal(
            await scene.Database.QueryAllAsync<(Guid, string)>("select alert_id, status from suspicious_activity_alerts order by 1"),
            read.Alerts.Select(alert => (alert.Key, alert.Value)).OrderBy(alert => alert.Key.ToString()));
        Assert.True(read.Events > 300, $"{read.Events}");
        Assert.Equal(read.Events, await scene.CountAsync("license_events"));
    }

    private static IEnumerable<Guid> Sorted(IEnumerable<Guid> ids) => ids.OrderBy(id => id.ToString(), StringComparer.Ordinal);

    /// <summary>Not by InTransactionAsync, which repeats after a deadlock.</summary>
    private static async Task WriteAsync(LicenseScene scene, IReadOnlyList<Guid> licenses, int seed)
    {
        var random = new Random(seed);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        for (var n = 0; n < 120; n++)
        {
            var license = licenses[random.Next(licenses.Count)];
            await using var transaction = await connection.BeginTransactionAsync(Stop);
            switch (random.Next(7))
            {
                case 0:
                    await SuspensionStore.LockAsync(connection, license, Stop);
                    var claim = new DeviceClaim($"EA-{random.Next(4)}", 1, IPAddress.Parse("198.51.100.1"));
                    await DeviceStore.AdmitAsync(
                        connection, license, claim.Key(DeviceIdentity.EaAccount), claim, null, scene.Time.GetUtcNow(), Stop);
                    break;
                case 1:
                    await SuspensionStore.LockAsync(connection, license, Stop);
                    var device = await connection.ExecuteScalarAsync<Guid?>(
                        "select device_id from license_devices where subscription_id = @license and removed_at is null limit 1",
                        new { license });
                    if (device is { } removed)
                        await DeviceStore.RemoveAsync(connection, license, removed, scene.Time.GetUtcNow(), Stop);
                    break;
                case 2:
                    var alert = await connection.ExecuteScalarAsync<Guid?>(
                        "select alert_id from suspicious_activity_alerts where subscription_id = @license and status <> 'FALSE_POSITIVE'",
                        new { license });
                    await scene.Suspensions.SuspendAsync(connection, new NewSuspension(
                        license, SuspensionCause.Operator, SuspensionTexts.ByOperator("x"), Actor.System, AlertId: alert,
                        MailTemplate: null), Stop);
                    break;
                case 3:
                    await scene.Suspensions.ReinstateAsync(connection, new Reinstatement(
                        license, SuspensionCause.Liftable, ClosedHow.FalsePositive, Actor.System, MailTemplate: null), Stop);
                    break;
                case 4:
                    await SuspensionStore.LockAsync(connection, license, Stop);
                    await connection.ExecuteAsync(
                        "update renewals set price_accepted = not price_accepted where subscription_id = @license", new { license });
                    break;
                case 5:
                    await connection.ExecuteAsync(
                        "select create_suspicious_activity_alert(@license, 'MULTIPLE_IPS', 'LOW', null)", new { license });
                    break;
                default:
                    await connection.ExecuteAsync(
                        """
                        update suspicious_activity_alerts set status = 'INVESTIGATING'
                        where alert_id = (select alert_id from suspicious_activity_alerts
                                          where subscription_id = @license and status = 'OPEN' order by alert_id limit 1)
                        """,
                        new { license });
                    break;
            }

            await transaction.CommitAsync(Stop);
        }
    }

    private sealed record Replica(HashSet<Guid> Devices, HashSet<Guid> Suspensions, Dictionary<Guid, string> Alerts)
    {
        private readonly Dictionary<Guid, long> sequences = [];

        public int Events { get; private set; }

        public long Next { get; private set; }

        public void Apply(EventPage page)
        {
            foreach (var item in page.Events)
            {
                Assert.Equal(++Events, item.Id);
                Assert.Equal(sequences[item.SubscriptionId] = sequences.GetValueOrDefault(item.SubscriptionId) + 1, item.Sequence);
                Guid Id(string name) => item.Data.GetProperty(name).GetGuid();
                switch (item.Type)
                {
                    case "device.added":
                        Assert.True(Devices.Add(Id("device_id")));
                        break;
                    case "device.removed":
                        Assert.True(Devices.Remove(Id("device_id")));
                        break;
                    case "license.suspended":
                        Assert.True(Suspensions.Add(Id("suspension_id")));
                        break;
                    case "license.reinstated":
                        Assert.True(Suspensions.Remove(Id("suspension_id")));
                        break;
                    case "alert.opened":
                        Alerts.Add(Id("alert_id"), "OPEN");
                        break;
                    case "alert.reviewed":
                        Assert.True(Alerts.ContainsKey(Id("alert_id")));
                        Alerts[Id("alert_id")] = item.Data.GetProperty("status").GetString()!;
                        break;
                }
            }

            Next = page.Next;
        }
    }

    private static async Task<Replica> ReadUntilAsync(ReadEvents feed, CancellationToken written)
    {
        var random = new Random(1);
        var replica = new Replica([], [], []);
        while (true)
        {
            var isLast = written.IsCancellationRequested;
            using var killed = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            if (!isLast && random.Next(3) == 0)
                killed.CancelAfter(random.Next(5));
            try
            {
                var limit = random.Next(1, 20).ToString(CultureInfo.InvariantCulture);
                var page = (await feed.RunAsync(Query(("after", $"{replica.Next}"), ("limit", limit)), killed.Token)).Value;
                replica.Apply(page);
                if (isLast && page.Events.Count == 0)
                    return replica;
            }
            catch (OperationCanceledException) when (!Stop.IsCancellationRequested)
            {
                // Killed in the middle of a request.
            }
        }
    }

    private sealed record Lifetime(CancellationToken ApplicationStopping = default) : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => throw new NotSupportedException();
    }

    private static ReadEvents Feed(TestDatabase database) => new(new EventStore(database.Database), new Lifetime(), TimeProvider.System);

    private static QueryCollection Query(params (string Name, string Value)[] parameters) =>
        new(parameters.ToDictionary(one => one.Name, one => new StringValues(one.Value)));

    /// <summary>Lets time pass in steps until the task is done, or for a number of steps.</summary>
    private static async Task PassAsync(FakeTimeProvider time, TimeSpan step, Task until, int times = int.MaxValue)
    {
        for (var n = 0; n < times && !until.IsCompleted; n++)
        {
            time.Advance(step);
            await Task.WhenAny(until, Task.Delay(20, Stop));
        }
    }
}
