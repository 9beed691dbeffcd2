using System.Globalization;
using System.Net.Sockets;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>
/// All queues of the application. The Connection of a trigger names a setting. If the setting has a value, messages come from that broker;
/// if not, this process listens for senders itself.
/// </summary>
internal sealed class QueueTriggers : BackgroundService
{
    /// <summary>Suffix of the path of a dead-letter queue.</summary>
    public const string DeadLetters = "/$deadletterqueue";

    private readonly List<Func<CancellationToken, Task>> queues = [];
    private readonly QueueListener? listener;

    public QueueTriggers(WorkerFunction[] functions, HostJson hostJson, FunctionExecutionDelegate pipeline, IServiceProvider services)
    {
        var logger = services.GetRequiredService<ILogger<QueueTriggers>>();
        var settings = services.GetRequiredService<IConfiguration>();
        var time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        foreach (var function in functions)
        {
            if (function.Trigger is not ServiceBusTriggerAttribute trigger)
                continue;
            var queue = Settings.Resolve(function.Name, trigger.QueueName!, settings, "usage-records");
            var batches = new MessageBatches(function, hostJson, pipeline, services, logger);
            if (BrokerAddress.Read(function.Name, trigger.Connection ?? "AzureWebJobsServiceBus", settings) is { } address)
            {
                BrokerQueue.Receive receive = address.Amqp is { } amqp
                    ? new AmqpQueue(function.Name, queue, amqp, batches, logger).ReceiveAsync
                    : new ServiceBusQueue(function.Name, queue, address.ServiceBus!, batches, hostJson, time, logger).ReceiveAsync;
                queues.Add(new BrokerQueue(function.Name, address.Host, receive, time, logger).RunAsync);
            }
            else if (!queue.EndsWith(DeadLetters, StringComparison.OrdinalIgnoreCase))
            {
                // Without a broker no message is dead-lettered, so nothing listens for dead letters.
                listener ??= Listen(settings["LOCALWORKER_AMQP_PORT"] is { Length: > 0 } port ? port : "0");
                var deliveries = listener.Receive(queue, batches.Credit);
                queues.Add(async stop =>
                {
                    await batches.RunAsync(deliveries.ReceiveAsync, stop);
                    await batches.GiveBackAsync(deliveries.Take());
                });
            }
        }
    }

    /// <summary>Prints the AMQP address before the application prints that it is ready.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (listener is not null)
            Console.WriteLine($"amqp listening on amqp://127.0.0.1:{listener.Port}");
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        listener?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(queues.Select(run => run(stoppingToken)));
        listener?.Dispose();
    }

    private static QueueListener Listen(string port)
    {
        try
        {
            return new QueueListener(ushort.Parse(port, NumberStyles.None, CultureInfo.InvariantCulture));
        }
        catch (Exception wrong) when (wrong is FormatException or OverflowException or SocketException)
        {
            throw new StartRefusedException(
                $"LOCALWORKER_AMQP_PORT: {port} can't be used as the port: {wrong.Message} " +
                "Example: LOCALWORKER_AMQP_PORT=5672, or 0 for a free port");
        }
    }
}
