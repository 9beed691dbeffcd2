using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Amqp;
using Amqp.Framing;
using Amqp.Types;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>
/// Service Bus triggers of the host: azure-sdk-for-net, sdk/servicebus/Microsoft.Azure.WebJobs.Extensions.ServiceBus/src/Listeners/
/// ServiceBusListener.cs, and learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger ("PeekLock behavior").
/// </summary>
public sealed class MessageTests : IDisposable
{
    private const string Queue = "usage-records";
    private const string DeadLetters = $"{Queue}/$deadletterqueue";

    private readonly BrokerDouble broker = new(Queue);
    private readonly Received received = new();

    /// <summary>The library that receives messages: AMQPNetLite or the official client for Service Bus.</summary>
    public enum By
    {
        AmqpNetLite,
        ServiceBusClient,
    }

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    public void Dispose() => broker.Dispose();

    [Theory] // "completes all of the messages in the batch"; no batch above maxMessageBatchSize
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Batch_Success_CompletesEveryMessage(By client)
    {
        broker.Send(Queue, Enumerable.Range(0, 250).Select(i => $"m{i}"));
        await using var worker = await StartAsync(client, typeof(Batches));

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(Enumerable.Range(0, 250).Select(i => $"m{i}").Order(), received.Bodies.Order());
        Assert.All(received.Sizes, size => Assert.InRange(size, 1, 100));
        Assert.Equal(0, broker.Count(DeadLetters));
    }

    [Theory] // "If an exception is thrown, the messages are abandoned"; the broker counts and dead-letters
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Batch_FunctionAlwaysThrows_IsDeadLetteredAfterTenDeliveries(By client)
    {
        received.Body = (_, _) => throw new InvalidOperationException("no");
        broker.Send(Queue, "bad");
        await using var worker = await StartAsync(client, typeof(Batches));

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(BrokerDouble.MaxDeliveryCount, received.Bodies.Count);
        Assert.Equal(1, broker.Count(DeadLetters));
    }

    [Theory] // an exception abandons all messages of the batch, also the valid ones
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Batch_ThrowsOnce_IsDeliveredAgain(By client)
    {
        var tries = 0;
        received.Body = (_, _) => Interlocked.Increment(ref tries) == 1 ? throw new InvalidOperationException("no") : Task.CompletedTask;
        broker.Send(Queue, "a", "b");
        await using var worker = await StartAsync(client, typeof(Batches));

        await broker.EmptyAsync(Queue, Canceled);

        Assert.True(received.Bodies.Count is 3 or 4, "the first batch was a, or a and b; all of it must be delivered again");
        Assert.Equal(0, broker.Count(DeadLetters));
    }

    [Theory] // "Lock loss after our commit redelivers committed rows"
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Lock_LostWhileTheFunctionRuns_MessageIsDeliveredAgain(By client)
    {
        var lost = false;
        received.Body = (_, _) =>
        {
            if (!lost)
                broker.ExpireLocks(Queue);
            lost = true;
            return Task.CompletedTask;
        };
        broker.Send(Queue, "twice");
        await using var worker = await StartAsync(client, typeof(Batches));

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(["twice", "twice"], received.Bodies);
    }

    [Theory]
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Broker_RestartsWhileReceiving_IsReceivedFromAgain(By client)
    {
        await using var worker = await StartAsync(client, typeof(Batches));
        broker.Send(Queue, "before");
        await broker.EmptyAsync(Queue, Canceled);

        broker.CloseConnections();
        broker.Send(Queue, "after");
        broker.Return();
        await broker.EmptyAsync(Queue, Canceled);

        // At least once: a connection may end after a message was received and before that is confirmed.
        Assert.Equal(["before", "after"], received.Bodies.Distinct());
    }

    [Theory] // azure-functions-host: stopping listeners cancels the function's token; what isn't completed is abandoned
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Stop_WhileABatchRuns_NothingIsLost(By client)
    {
        received.Body = (_, token) => Task.Delay(Timeout.Infinite, token);
        broker.Send(Queue, Enumerable.Range(0, 30).Select(i => $"m{i}"));
        await using (var worker = await StartAsync(client, typeof(Batches)))
            await received.NextAsync();
        Assert.Equal(30, broker.Count(Queue));
        received.Body = (_, _) => Task.CompletedTask;

        await using var next = await StartAsync(client, typeof(Batches));
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(30, received.Bodies.Distinct().Count());
    }

    [Theory] // the path of a queue's dead letters, learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task DeadLetterQueue_HasAFunction_IsDrained(By client)
    {
        broker.Send(DeadLetters, "rotten");
        await using var worker = await StartAsync(client, typeof(Drain));

        await broker.EmptyAsync(DeadLetters, Canceled);

        Assert.Equal(["rotten"], received.Bodies);
    }

    [Theory] // a body that isn't data or text must not be delivered again without end, neither in the queue nor among its dead letters
    [InlineData(By.AmqpNetLite, typeof(ByteBatches), Queue)]
    [InlineData(By.AmqpNetLite, typeof(ByteDrain), DeadLetters)]
    [InlineData(By.ServiceBusClient, typeof(ByteBatches), Queue)]
    [InlineData(By.ServiceBusClient, typeof(ByteDrain), DeadLetters)]
    public async Task Body_OfAnyAmqpKind_ReachesTheFunctionCompletelyAndIsCompleted(By client, Type function, string queue)
    {
        broker.Send(queue, new AmqpValue { Value = "text" });
        broker.Send(queue, new AmqpValue { Value = 42L });
        broker.Send(queue, new AmqpValue { Value = Encoding.UTF8.GetBytes("binary") });
        broker.Send(queue, new AmqpSequence { List = new object[] { 1, "two" } });
        broker.Send(queue, new AmqpValue { Value = new Map { ["a"] = "x" } });
        var parts = new DataList();
        parts.Add(new Data { Binary = [0xC3] });
        parts.Add(new Data { Binary = [0xA4, 0x00] });
        broker.Send(queue, parts);
        broker.Send(queue, new AmqpValue { Value = null });
        broker.Send(queue, new Data { Binary = [0xC3, 0x28] });
        broker.Send(queue, "good");
        await using var worker = await StartAsync(client, function);

        await broker.EmptyAsync(queue, Canceled);

        // Other bodies are encoded AMQP sections: descriptor 0x77 (value) or 0x76 (sequence), then the value.
        Assert.Equal(
            [
                Hex("text"), "005377552A", Hex("binary"), "005376C008025401A10374776F",
                "005377C10702A10161A10178", "C3A400", "", "C328", Hex("good"),
            ],
            received.Bodies);
        Assert.Equal(0, broker.Count(DeadLetters));
    }

    [Fact] // a map in a map, which the official client can't read, so that it returns no message of the batch
    public async Task Body_ThatTheClientCannotRead_DelaysTheOthersOnce()
    {
        broker.Send(Queue, "a");
        broker.Send(Queue, new AmqpValue { Value = new Map { ["a"] = new Map { ["b"] = 1 } } });
        broker.Send(Queue, "b");
        var builder = Builder(By.ServiceBusClient, typeof(Batches));
        var log = new FirstError();
        builder.Services.AddSingleton<ILogger<QueueTriggers>>(log);
        await using var worker = await RunningWorker.StartAsync(builder);

        await log.Logged.WaitAsync(Canceled);
        broker.ExpireLocks(Queue);
        await broker.ReachAsync(Queue, messages => messages.Count == 1, Canceled);

        Assert.Equal(["a", "b"], received.Bodies.Order());
        Assert.Equal(0, broker.Count(DeadLetters));
    }

    [Theory]
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task ContentEncoding_OfSomeMessages_IsReportedAsBindingData(By client)
    {
        var builder = Builder(client, typeof(EncodedBatches));
        builder.HostJsonFile["extensions:serviceBus:minMessageBatchSize"] = "2";
        builder.HostJsonFile["extensions:serviceBus:maxBatchWaitTime"] = "01:00:00";
        broker.Send(Queue, new Data { Binary = [1] }, new Properties { ContentEncoding = "br" });
        broker.Send(Queue, "plain");
        await using var worker = await RunningWorker.StartAsync(builder);

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(["[\"br\",null]"], received.Bodies);
    }

    [Theory] // minMessageBatchSize
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Batch_BelowTheMinimum_WaitsForMoreMessages(By client)
    {
        var builder = Builder(client, typeof(Batches));
        builder.HostJsonFile["extensions:serviceBus:minMessageBatchSize"] = "3";
        builder.HostJsonFile["extensions:serviceBus:maxBatchWaitTime"] = "01:00:00";
        await using var worker = await RunningWorker.StartAsync(builder);

        foreach (var body in new[] { "a", "b", "c" })
        {
            broker.Send(Queue, body);
            await broker.ReachAsync(Queue, messages => messages.All(message => message.IsLocked), Canceled);
        }

        await broker.EmptyAsync(Queue, Canceled);
        Assert.Equal([3], received.Sizes);
    }

    [Theory]
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Stop_WhileABatchWaits_ReturnsItUnprocessed(By client)
    {
        var builder = Builder(client, typeof(Batches));
        builder.HostJsonFile["extensions:serviceBus:minMessageBatchSize"] = "3";
        builder.HostJsonFile["extensions:serviceBus:maxBatchWaitTime"] = "01:00:00";
        broker.Send(Queue, "a", "b");
        await using (await RunningWorker.StartAsync(builder))
            await broker.ReachAsync(Queue, messages => messages.All(message => message.IsLocked), Canceled);

        await broker.ReachAsync(Queue, messages => messages.All(message => !message.IsLocked), Canceled);
        Assert.Equal(2, broker.Count(Queue));
        Assert.Empty(received.Bodies);
    }

    [Theory] // maxBatchWaitTime: after it, the smaller batch is processed
    [InlineData(By.AmqpNetLite)]
    [InlineData(By.ServiceBusClient)]
    public async Task Batch_BelowTheMinimum_WaitsForTheMaximumTime(By client)
    {
        var builder = Builder(client, typeof(Batches));
        builder.HostJsonFile["extensions:serviceBus:minMessageBatchSize"] = "3";
        builder.HostJsonFile["extensions:serviceBus:maxBatchWaitTime"] = "00:00:00.01";
        broker.Send(Queue, "alone");
        await using var worker = await RunningWorker.StartAsync(builder);

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(["alone"], received.Bodies);
    }

    [Fact] // learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement#renew-locks
    public async Task Lock_WhileABatchRuns_IsRenewedForEveryMessage()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 26, 12, 0, 0, TimeSpan.Zero));
        var ended = new TaskCompletionSource();
        received.Body = (_, _) => ended.Task;
        broker.LockUntil(Queue, time.GetUtcNow().UtcDateTime.AddMinutes(1));
        broker.Send(Queue, "a", "b");
        var builder = Builder(By.ServiceBusClient, typeof(Batches));
        builder.Services.AddSingleton<TimeProvider>(time);
        await using var worker = await RunningWorker.StartAsync(builder);
        var size = await received.NextAsync();

        // Half of the lock's duration: the lock must be renewed now.
        time.Advance(TimeSpan.FromSeconds(30));
        await broker.RenewedAsync(Queue, size, Canceled);
        ended.SetResult();
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(2, received.Bodies.Count);
    }

    [Fact] // maxAutoLockRenewalDuration
    public async Task Lock_OfABatchThatRunsTooLong_IsNotRenewedAnyMore()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 26, 12, 0, 0, TimeSpan.Zero));
        var ended = new TaskCompletionSource();
        received.Body = (_, _) => ended.Task;
        broker.LockUntil(Queue, time.GetUtcNow().UtcDateTime.AddMinutes(1));
        broker.Send(Queue, "a");
        var builder = Builder(By.ServiceBusClient, typeof(Batches));
        builder.HostJsonFile["extensions:serviceBus:maxAutoLockRenewalDuration"] = "00:00:20";
        builder.Services.AddSingleton<TimeProvider>(time);
        await using var worker = await RunningWorker.StartAsync(builder);
        await received.NextAsync();

        time.Advance(TimeSpan.FromMinutes(1));
        ended.SetResult();
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(0, broker.Renewals(Queue));
    }

    [Fact]
    public async Task Claims_RefusedThenGranted_AreRequestedAgain()
    {
        broker.RefusesClaims = true;
        broker.Send(Queue, "patience");
        await using var worker = await StartAsync(By.ServiceBusClient, typeof(Batches));
        await broker.RefusedAsync(Canceled);

        broker.RefusesClaims = false;
        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(["patience"], received.Bodies);
    }

    [Theory] // dotnet-worker: src/DotNetWorker.Core/Converters/ArrayConverter.cs, StringToByteConverter.cs, MemoryConverter.cs
    [InlineData(By.AmqpNetLite, typeof(Batches), 1)]
    [InlineData(By.AmqpNetLite, typeof(ArrayBatches), 1)]
    [InlineData(By.AmqpNetLite, typeof(MemoryBatches), 1)]
    [InlineData(By.AmqpNetLite, typeof(SingleText), 2)]
    [InlineData(By.AmqpNetLite, typeof(SingleArray), 2)]
    [InlineData(By.ServiceBusClient, typeof(MemoryBatches), 1)]
    [InlineData(By.ServiceBusClient, typeof(SingleText), 2)]
    public async Task Parameter_OfEachKind_BindsTheBodies(By client, Type function, int sent)
    {
        var bodies = Enumerable.Range(0, sent).Select(i => $"ä{i}").ToArray();
        broker.Send(Queue, bodies);
        await using var worker = await StartAsync(client, function);

        await broker.EmptyAsync(Queue, Canceled);

        Assert.Equal(bodies, received.Bodies);
        Assert.All(received.Sizes, size => Assert.Equal(1, size));
    }

    [Theory]
    [InlineData("http://broker", "amqps://user:password@broker:5671")]
    [InlineData("Endpoint=sb://ns.servicebus.windows.net/", "SharedAccessKey")]
    public void Connection_InvalidAddress_RefusesToStartWithoutTheValue(string text, string example)
    {
        var message = RunningWorker.Refusal(Builder(typeof(Batches), text));

        Assert.Contains("Function Messages: setting ServiceBus", message, StringComparison.Ordinal);
        Assert.Contains(example, message, StringComparison.Ordinal);
        Assert.DoesNotContain(text, message, StringComparison.Ordinal);
    }

    [Theory] // a connection string that only the official client can parse
    [InlineData("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=a+b/c=", "ns.servicebus.windows.net")]
    [InlineData("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature sr=x", "ns.servicebus.windows.net")]
    [InlineData("Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;", "localhost")]
    public void Connection_OfServiceBus_IsParsedByTheOfficialClient(string text, string host) =>
        Assert.Equal(new BrokerAddress(host, null, text), BrokerAddress.Parse(text));

    [Fact]
    public async Task NoBroker_Transfer_IsAcceptedOnlyAfterTheFunction()
    {
        var committed = new TaskCompletionSource();
        received.Body = (_, _) => committed.Task;
        await using var sender = await SenderAsync();

        var sent = sender.SendAsync("one");
        await received.NextAsync();
        Assert.False(sent.IsCompleted);
        committed.SetResult();

        Assert.IsType<Accepted>(await sent);
    }

    [Fact]
    public async Task NoBroker_FunctionThrows_TransferIsReleasedToItsSender()
    {
        received.Body = (_, _) => throw new InvalidOperationException("no");
        await using var sender = await SenderAsync();

        Assert.IsType<Released>(await sender.SendAsync("one"));
    }

    [Fact]
    public async Task NoBroker_ManySenders_AreBatchedTogether()
    {
        var first = new TaskCompletionSource();
        received.Body = (_, _) => first.Task;
        await using var sender = await SenderAsync();
        var blocking = sender.SendAsync("first");
        await received.NextAsync();

        var rest = Enumerable.Range(0, 150).Select(i => sender.SendAsync($"m{i}")).ToList();
        first.SetResult();

        await Task.WhenAll(rest);
        await blocking;
        Assert.Equal(151, received.Bodies.Count);
        Assert.InRange(received.Sizes.Count, 3, 20);
    }

    [Fact]
    public void NoBroker_InvalidPort_RefusesToStart()
    {
        var builder = Builder(typeof(Batches), null);
        builder.Configuration["LOCALWORKER_AMQP_PORT"] = "65536";

        Assert.Contains("LOCALWORKER_AMQP_PORT=5672", RunningWorker.Refusal(builder), StringComparison.Ordinal);
    }

    [Fact] // AMQPNetLite itself would share the port, and each application would receive some of the messages
    public void NoBroker_PortOfAnotherApplication_RefusesToStart()
    {
        using var other = new QueueListener(0);
        var builder = Builder(typeof(Batches), null);
        builder.Configuration["LOCALWORKER_AMQP_PORT"] = $"{other.Port}";

        Assert.Contains($"LOCALWORKER_AMQP_PORT: {other.Port} can't be used", RunningWorker.Refusal(builder), StringComparison.Ordinal);
    }

    [Fact] // a real RabbitMQ; it has neither delivery counts nor the outcome modified, so this test doesn't use them
    public async Task RabbitMQ_ThrowThenSuccess_MessagesAreDeliveredAgainAndCompleted()
    {
        var url = Environment.GetEnvironmentVariable("RABBITMQ_URL");
        Assert.SkipWhen(url is null, "RABBITMQ_URL is missing: ./dev test starts RabbitMQ with AMQP 1.0 and sets it. " +
            "Example: amqp://guest:guest@127.0.0.1:5672");
        var queue = $"test-{Guid.NewGuid():N}";
        var tries = 0;
        var completed = new ConcurrentDictionary<string, bool>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        received.Body = (messages, _) =>
        {
            // The first call may have several messages. Each of them is delivered again.
            if (Interlocked.Increment(ref tries) == 1)
                throw new InvalidOperationException("no");
            foreach (var message in messages)
                completed.TryAdd(message, true);
            if (completed.Count == 20)
                all.TrySetResult();
            return Task.CompletedTask;
        };
        var connection = await new ConnectionFactory().CreateAsync(new Address(url));
        var sender = new SenderLink(new Session(connection), "test", queue);
        var builder = Builder(typeof(FromSetting), url);
        builder.Configuration["TEST_QUEUE"] = queue;
        await using var worker = await RunningWorker.StartAsync(builder);

        for (var i = 0; i < 20; i++)
            await sender.SendAsync(new Message { BodySection = new Data { Binary = Encoding.UTF8.GetBytes($"m{i}") } });
        await all.Task.WaitAsync(Canceled);
        await worker.StopAsync();

        var left = new ReceiverLink(new Session(connection), "rest", queue);
        Assert.Null(await left.ReceiveAsync(TimeSpan.FromMilliseconds(500)));
        Assert.True(received.Bodies.Count > 20);
        await connection.CloseAsync();
    }

    private static string Hex(string text) => Convert.ToHexString(Encoding.UTF8.GetBytes(text));

    private Task<RunningWorker> StartAsync(By client, Type function) => RunningWorker.StartAsync(Builder(client, function));

    private StandaloneApplicationBuilder Builder(By client, Type function) =>
        Builder(function, client == By.AmqpNetLite ? broker.Address : broker.ConnectionString);

    private StandaloneApplicationBuilder Builder(Type function, string? connection)
    {
        var builder = RunningWorker.Builder(function);
        builder.Configuration["ServiceBus"] = connection;
        builder.Configuration["TEST_QUEUE"] = Queue;
        builder.HostJsonFile["extensions:serviceBus:maxMessageBatchSize"] = "100";
        // The worker itself retries if the broker is unavailable. The client's retries would only add pauses.
        builder.HostJsonFile["extensions:serviceBus:clientRetryOptions:maxRetries"] = "0";
        builder.Services.AddSingleton(received);
        return builder;
    }

    private async Task<Sender> SenderAsync()
    {
        using var port = new ReservedPort();
        var builder = Builder(typeof(Batches), null);
        builder.Configuration["LOCALWORKER_AMQP_PORT"] = $"{port.Number}";
        var worker = await RunningWorker.StartAsync(builder);
        var connection = await new ConnectionFactory().CreateAsync(new Address($"amqp://127.0.0.1:{port.Number}"));
        return new(worker, connection, new SenderLink(new Session(connection), "test", Queue));
    }

    private sealed record Sender(RunningWorker Worker, Connection Connection, SenderLink Link) : IAsyncDisposable
    {
        public Task<Outcome> SendAsync(string body)
        {
            var outcome = new TaskCompletionSource<Outcome>(TaskCreationOptions.RunContinuationsAsynchronously);
            var message = new Message { BodySection = new Data { Binary = Encoding.UTF8.GetBytes(body) } };
            Link.Send(message, null, (_, _, state, _) => outcome.TrySetResult(state), null);
            return outcome.Task;
        }

        public async ValueTask DisposeAsync()
        {
            await Connection.CloseAsync();
            await Worker.DisposeAsync();
        }
    }

    private sealed class FirstError : ILogger<QueueTriggers>
    {
        private readonly TaskCompletionSource logged = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Logged => logged.Task;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                logged.TrySetResult();
        }
    }

    public sealed class Received
    {
        private readonly Channel<int> batches = Channel.CreateUnbounded<int>();

        public Func<IReadOnlyList<string>, CancellationToken, Task> Body { get; set; } = (_, _) => Task.CompletedTask;

        public ConcurrentQueue<string> Bodies { get; } = [];

        public ConcurrentQueue<int> Sizes { get; } = [];

        public async Task RunAsync(IReadOnlyList<string> messages, CancellationToken cancellationToken)
        {
            foreach (var message in messages)
                Bodies.Enqueue(message);
            Sizes.Enqueue(messages.Count);
            batches.Writer.TryWrite(messages.Count);
            await Body(messages, cancellationToken);
        }

        public async Task<int> NextAsync() => await batches.Reader.ReadAsync(Canceled);
    }

    public sealed class Batches(Received received)
    {
        [Function("Messages")]
        public Task Run(
            [ServiceBusTrigger(Queue, Connection = "ServiceBus", IsBatched = true)] string[] messages,
                CancellationToken cancellationToken) =>
            received.RunAsync(messages, cancellationToken);
    }

    public sealed class ArrayBatches(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger(Queue, Connection = "ServiceBus", IsBatched = true)] byte[][] messages) =>
            received.RunAsync([.. messages.Select(Encoding.UTF8.GetString)], default);
    }

    public sealed class MemoryBatches(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger(Queue, Connection = "ServiceBus", IsBatched = true)] ReadOnlyMemory<byte>[] messages) =>
            received.RunAsync([.. messages.Select(message => Encoding.UTF8.GetString(message.Span))], default);
    }

    public sealed class SingleText(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger(Queue, Connection = "ServiceBus")] string message) => received.RunAsync([message], default);
    }

    public sealed class SingleArray(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger(Queue, Connection = "ServiceBus")] byte[] message) =>
            received.RunAsync([Encoding.UTF8.GetString(message)], default);
    }

    public sealed class FromSetting(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger("%TEST_QUEUE%", Connection = "ServiceBus", IsBatched = true)] string[] messages) =>
            received.RunAsync(messages, default);
    }

    public sealed class ByteBatches(Received received)
    {
        [Function("Messages")]
        public Task Run([ServiceBusTrigger(Queue, Connection = "ServiceBus", IsBatched = true)] ReadOnlyMemory<byte>[] messages) =>
            received.RunAsync([.. messages.Select(message => Convert.ToHexString(message.Span))], default);
    }

    public sealed class ByteDrain(Received received)
    {
        [Function("DeadLetters")]
        public Task Run([ServiceBusTrigger("%TEST_QUEUE%/$deadletterqueue", Connection = "ServiceBus")] ReadOnlyMemory<byte> message) =>
            received.RunAsync([Convert.ToHexString(message.Span)], default);
    }

    public sealed class EncodedBatches(Received received)
    {
        [Function("Messages")]
        public Task Run(
            [ServiceBusTrigger(Queue, Connection = "ServiceBus", IsBatched = true)] byte[][] messages, FunctionContext context) =>
            received.RunAsync([$"{context.BindingContext.BindingData["ContentEncodingArray"]}"], default);
    }

    public sealed class Drain(Received received)
    {
        [Function("DeadLetters")]
        public Task Run(
            [ServiceBusTrigger("%TEST_QUEUE%/$deadletterqueue", Connection = "ServiceBus", IsBatched = true)] string[] messages) =>
            received.RunAsync(messages, default);
    }
}
