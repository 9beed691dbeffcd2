using System.Text;
using Amqp.Framing;
using Amqp.Types;
using LicenseFunctions.Tests.Support;
using StandaloneHost.Tests;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

/// <summary>The tool as a process that connects to the broker double with the official client.</summary>
public sealed class QueueCommandsTests(PostgresFixture postgres) : IDisposable
{
    private const string Queue = "usage-records";
    private const string DeadLetters = $"{Queue}/$deadletterqueue";
    private const string Operator = Licensectl.Operator;
    private readonly BrokerDouble broker = new(Queue);

    public void Dispose() => broker.Dispose();

    [Fact]
    public async Task Peek_ShowsDeadLettersWithoutTokensAndKeepsThem()
    {
        var hash = new string('a', 64);
        broker.Bury(Queue, $$"""
            {"token_hash": "{{hash}}",
             "license_token": "lic-secret", "note": "License lic-secret2 and {{hash}}", "city": "Lagos{{"\u001b"}}[31m"}
            """);
        broker.Send(DeadLetters, new AmqpValue { Value = 42L });

        var (code, output) = await ToolAsync("peek");

        Assert.True(code == 0, output);
        Assert.StartsWith(
            "1  enqueued 2026-11-26 12:00:00Z  deliveries 10  MaxDeliveryCountExceeded: Delivered too often.\n    ", output,
            StringComparison.Ordinal);
        Assert.Contains("\"city\": \"Lagos [31m\"", output, StringComparison.Ordinal);
        Assert.Contains("2  enqueued 2026-11-26 12:00:00Z  deliveries 0  no reason\n    an AMQP value", output, StringComparison.Ordinal);
        Assert.EndsWith("2 dead letters.\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("lic-secret", output, StringComparison.Ordinal);
        Assert.DoesNotContain(hash, output, StringComparison.Ordinal);
        Assert.Equal(2, broker.Count(DeadLetters));
        Assert.All(broker.Messages(DeadLetters), message => Assert.False(message.IsLocked));
    }

    [Fact]
    public async Task Peek_WithACountAndAStart_ShowsThose()
    {
        broker.Send(DeadLetters, Enumerable.Range(1, 300).Select(i => $"m{i}"));

        var (_, some) = await ToolAsync("peek", "--from", "7", "--count", "2");
        var (_, all) = await ToolAsync("peek", "--count", "1000");

        Assert.Matches("^7 .*\n.*m7\n8 .*\n.*m8\n2 dead letters.\n$", some);
        Assert.EndsWith("m300\n300 dead letters.\n", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Peek_NoDeadLetters_ReportsIt() => Assert.Equal((0, "No dead letters.\n"), await ToolAsync("peek"));

    [Fact]
    public async Task Resubmit_ByNumber_SendsThatMessageUnchanged()
    {
        broker.Send(DeadLetters, "first");
        broker.Send(DeadLetters, new Data { Binary = Encoding.UTF8.GetBytes("second") }, new Properties
        {
            MessageId = "id-2",
            CorrelationId = "c",
            ContentType = "application/json",
            AbsoluteExpiryTime = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc),
        }, new ApplicationProperties { Map = { ["sender"] = "platform", ["DeadLetterReason"] = "MaxDeliveryCountExceeded" } });
        broker.Send(DeadLetters, "third");

        var (code, output) = await ToolAsync("resubmit", "2");

        Assert.Equal((0, "2 resubmitted\n1 dead letters resubmitted.\n"), (code, output));
        Assert.Equal([1, 3], broker.Messages(DeadLetters).Select(message => message.SequenceNumber));
        var again = Assert.Single(broker.Messages(Queue));
        Assert.Equal("second", Encoding.UTF8.GetString(((Data)again.Body).Binary));
        var properties = again.Properties!;
        Assert.Equal(
            ("id-2", "c", "application/json", default),
            (properties.MessageId, properties.CorrelationId, (string)properties.ContentType, properties.AbsoluteExpiryTime));
        Assert.Equal(["sender"], again.ApplicationProperties!.Map.Keys);
        Assert.Equal(0u, again.DeliveryCount);
    }

    [Fact] // a dead letter is kept until the queue has accepted the message
    public async Task Resubmit_QueueRejectsIt_KeepsTheDeadLetter()
    {
        broker.Send(DeadLetters, "a", "b");
        broker.RefusesMessages = true;

        var (code, output) = await ToolAsync("resubmit", "--all");

        Assert.True(code == 1, output);
        Assert.StartsWith("The queue access failed: ", output, StringComparison.Ordinal);
        Assert.Equal((0, 2), (broker.Count(Queue), broker.Count(DeadLetters)));
    }

    [Fact]
    public async Task Resubmit_AllWithALimit_StopsAtTheLimit()
    {
        broker.Send(DeadLetters, Enumerable.Range(1, 250).Select(i => $"m{i}"));

        var (_, limited) = await ToolAsync("resubmit", "--all", "--limit", "120");
        Assert.EndsWith("120 dead letters resubmitted.\n", limited, StringComparison.Ordinal);
        Assert.Equal((120, 130), (broker.Count(Queue), broker.Count(DeadLetters)));

        var (_, rest) = await ToolAsync("resubmit", "--all");
        Assert.EndsWith("130 dead letters resubmitted.\n", rest, StringComparison.Ordinal);
        Assert.Equal((250, 0), (broker.Count(Queue), broker.Count(DeadLetters)));
    }

    [Fact]
    public async Task Discard_WithoutConfirmation_DeletesNothing()
    {
        broker.Send(DeadLetters, "a");
        await using var database = await postgres.NewDatabaseAsync();

        var (codeOfAll, all) = await DiscardAsync(database, "--all");
        var (code, output) = await DiscardAsync(database, "1", "7", "--yes", "false");
        var (withoutActor, refusal) = await ToolAsync("discard", "1", "--yes");

        Assert.Equal((1, 1, 1), (codeOfAll, code, withoutActor));
        Assert.Contains("--by", refusal, StringComparison.Ordinal);
        Assert.StartsWith("This deletes permanently:\n1  enqueued", all, StringComparison.Ordinal);
        Assert.StartsWith("This deletes permanently:\n1  enqueued", output, StringComparison.Ordinal);
        Assert.Contains("\n7  not found\n", output, StringComparison.Ordinal);
        Assert.EndsWith("Nothing was deleted. Use --yes to confirm without a question.\n", output, StringComparison.Ordinal);
        Assert.Equal(1, broker.Count(DeadLetters));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from audit_log"));
    }

    [Fact]
    public async Task Discard_ByNumbers_ShowsAuditsAndDeletesThose_AndNamesTheMissing()
    {
        broker.Send(DeadLetters, "a", "b", "c");
        await using var database = await postgres.NewDatabaseAsync();

        var (code, output) = await DiscardAsync(database, "3", "9", "1", "--yes");

        Assert.Equal(1, code);
        Assert.StartsWith(
            "1 discarded\n3 discarded\n2 dead letters discarded.\nThis deletes permanently:\n1  enqueued", output,
            StringComparison.Ordinal);
        Assert.Contains("\n3  enqueued", output, StringComparison.Ordinal);
        Assert.EndsWith(
            "\n9  not found\nNot found in the 3 dead letters examined: 9. Use --limit to examine more.\n", output,
            StringComparison.Ordinal);
        Assert.Equal(
            [$"{Operator} usage-records 1", $"{Operator} usage-records 3"],
            await database.QueryAllAsync<string>(
                "select actor_id || ' ' || subject from audit_log where action = 'dead_letter.discarded' order by subject"));
        Assert.Equal([2], broker.Messages(DeadLetters).Select(message => message.SequenceNumber));
        Assert.Equal(0, broker.Count(Queue));
    }

    [Theory]
    [InlineData("ServiceBus", "", "No broker is set (ServiceBus)")]
    [InlineData("ServiceBus", "amqp://user:secret@127.0.0.1", "isn't a Service Bus")]
    [InlineData("ServiceBus", "nonsense", "not a connection string")]
    [InlineData("EMULATOR_HTTP_PORT", "x", "EMULATOR_HTTP_PORT is not a whole number")]
    public async Task Settings_Invalid_AreNamed(string name, string value, string message)
    {
        var (code, output) = await Licensectl.RunAsync([(name, value)], "queue", "peek");

        Assert.Equal(1, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Broker_Unreachable_ReportsTheError()
    {
        broker.CloseConnections();

        var (code, output) = await ToolAsync("peek");

        Assert.Equal(1, code);
        Assert.StartsWith("The queue access failed: ", output, StringComparison.Ordinal);
        Assert.Contains("ServiceCommunicationProblem", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Claims_Refused_ReportsTheError()
    {
        broker.RefusesClaims = true;

        var (code, output) = await ToolAsync("peek");

        Assert.Equal(1, code);
        Assert.Contains("InvalidSignature", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Message_ThatTheClientCannotRead_IsNamedAsTheReason()
    {
        broker.Send(DeadLetters, new AmqpValue { Value = new DescribedValue(new Symbol("example:unknown"), "x") });

        var (code, output) = await ToolAsync("peek");

        Assert.Equal(1, code);
        Assert.StartsWith("The queue contains a message that this client can't read", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resubmit")]
    [InlineData("discard")]
    public async Task Selection_MissingOrDouble_IsRefused(string command)
    {
        Assert.Contains("Give either sequence numbers or --all.", (await ToolAsync(command)).Output, StringComparison.Ordinal);
        Assert.Contains("Give either sequence numbers or --all.", (await ToolAsync(command, "1", "--all")).Output,
            StringComparison.Ordinal);
        Assert.NotEqual(0, (await ToolAsync(command)).Code);
    }

    private async Task<(int Code, string Output)> DiscardAsync(TestDatabase database, params string[] arguments)
    {
        await Licensectl.AddOperatorAsync(database);
        return await Licensectl.RunAsync(
            [("ServiceBus", broker.ConnectionString), ("DATABASE_URL", database.ConnectionString)],
            ["queue", "discard", "--by", Operator, .. arguments]);
    }

    private Task<(int Code, string Output)> ToolAsync(params string[] arguments) =>
        Licensectl.RunAsync([("ServiceBus", broker.ConnectionString)], ["queue", .. arguments]);
}
