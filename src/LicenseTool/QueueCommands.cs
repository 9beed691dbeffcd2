using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.CompilerServices;
using System.Text;
using Azure.Messaging.ServiceBus;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseTool;

/// <summary>Commands for the dead letters of the usage-records queue.</summary>
internal static class QueueCommands
{
    private const string About =
        "Commands for the dead letters of the usage-records queue. The backend moves dead letters to its quarantine (DrainDeadLetters): " +
        "use these commands if that function is disabled or fails on a message";

    private const string AboutResubmit =
        "Sends dead letters to the queue again, unchanged. Each is deleted from the dead letters after the queue has accepted it. " +
        "After an interruption a message may be in both; usage records are counted only once";

    public static Command Create() => new("queue", About) { CreatePeek(), CreateResubmit(), CreateDiscard() };

    private static Command CreatePeek()
    {
        var count = Values.Number("--count", "Maximum number of dead letters to show", 1, int.MaxValue, 20);
        var from = Values.Option<long>("--from", "The first sequence number to show", "a sequence number", "4711", Values.TryReadPosition);
        var command = new Command("peek", "Shows dead letters without changing them; tokens are redacted") { count, from };
        new QueueOptions(command).Run(async (broker, arguments, cancellationToken) =>
        {
            var shown = 0;
            await foreach (var message in PeekAsync(
                broker.DeadLetters, arguments.GetValue(from) ?? 0, arguments.GetValue(count), cancellationToken))
            {
                Console.WriteLine(DeadLetterText.Of(message));
                shown++;
            }

            Console.WriteLine(shown == 0 ? "No dead letters." : $"{shown} dead letters.");
            return 0;
        });
        return command;
    }

    private static async IAsyncEnumerable<ServiceBusReceivedMessage> PeekAsync(
        ServiceBusReceiver deadLetters, long from, int most, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (most > 0 && await deadLetters.PeekMessagesAsync(most, from, cancellationToken) is [.., var last] peeked)
        {
            foreach (var message in peeked)
                yield return message;
            most -= peeked.Count;
            from = last.SequenceNumber + 1;
        }
    }

    private static Command CreateResubmit() => CreateTake("resubmit", AboutResubmit, "resubmitted", resubmits: true);

    private static Command CreateDiscard() =>
        CreateTake("discard", "Deletes dead letters permanently; each is audited", "discarded", resubmits: false);

    /// <param name="resubmits">Whether a message is sent to the queue before it is deleted from the dead letters.</param>
    private static Command CreateTake(string name, string description, string done, bool resubmits)
    {
        var numbers = new Argument<long[]>("SEQUENCE")
        {
            Description = "The sequence numbers, as peek shows them",
            Arity = ArgumentArity.ZeroOrMore,
            CustomParser = ReadNumbers,
        };
        var all = new Option<bool>("--all") { Description = "All dead letters" };
        var limit = Values.Number("--limit", "Maximum number of dead letters to examine", 1, int.MaxValue, 1000);
        var (database, by, yes) = (new DatabaseOption(), OperatorOption.Create(), Confirmation.Yes("the deletion"));
        var command = new Command(name, description) { numbers, all, limit };
        if (!resubmits)
        {
            command.Add(database);
            command.Add(by);
            command.Add(yes);
        }

        command.Validators.Add(result =>
        {
            if (result.GetResult(numbers) is { Tokens.Count: > 0 } == result.GetValue(all))
                result.AddError(
                    "Give either sequence numbers or --all. "
                    + $"Example: licensectl queue {name} 4711 4712{(resubmits ? "" : " --by USER_ID --yes")}");
        });
        new QueueOptions(command).Run(async (broker, arguments, cancellationToken) =>
        {
            long[]? chosen = arguments.GetValue(all) ? null : arguments.GetValue(numbers)!;
            await using var audit = resubmits ? null : database.Open(arguments);
            var actor = audit is null ? null : await arguments.OperatorAsync(by, audit, cancellationToken);
            if (audit is not null)
            {
                var what = await DescribeAsync(broker.DeadLetters, chosen, arguments.GetValue(limit), cancellationToken);
                if (arguments.GetValue(yes))
                    await Console.Error.WriteLineAsync(what);
                else if (!await Confirmation.IsGivenAsync(what, name, "Nothing was deleted."))
                    return 1;
            }

            var sender = resubmits ? broker.Client.CreateSender(broker.Queue) : null;
            var search = new DeadLetterSearch(broker.DeadLetters, chosen is null ? null : [.. chosen]);
            var taken = 0;
            await search.RunAsync(arguments.GetValue(limit), async message =>
            {
                // SendMessageAsync can report a rejected message as sent, if the rejection arrives before AmqpLink.SendDelivery
                // (Microsoft.Azure.Amqp 2.7.3) reads the delivery's settled flag. Scheduling is a request that ends with the broker's
                // reply. If the scheduled time is in the past, the message is delivered immediately.
                if (sender is not null)
                    await sender.ScheduleMessageAsync(Copy(message), message.EnqueuedTime);
                // Before the deletion, so that no message is gone without a trace.
                if (audit is not null)
                    await AuditAsync(audit, actor!, broker.Queue, message, cancellationToken);
                await broker.DeadLetters.CompleteMessageAsync(message);
                Console.WriteLine($"{message.SequenceNumber} {done}");
                taken++;
            }, cancellationToken);
            Console.WriteLine($"{taken} dead letters {done}.");
            if (search.Missing.Count == 0)
                return 0;
            await Console.Error.WriteLineAsync(
                $"Not found in the {search.Examined} dead letters examined: {string.Join(", ", search.Missing)}. " +
                "Use --limit to examine more.");
            return 1;
        });
        return command;
    }

    /// <param name="chosen">The sequence numbers; null for all dead letters.</param>
    private static async Task<string> DescribeAsync(
        ServiceBusReceiver deadLetters, long[]? chosen, int limit, CancellationToken cancellationToken)
    {
        var text = new StringBuilder("This deletes permanently:");
        if (chosen is null)
        {
            await foreach (var message in PeekAsync(deadLetters, 0, limit, cancellationToken))
                text.AppendLine().Append(DeadLetterText.Of(message));
            return text.ToString();
        }

        foreach (var number in chosen.Distinct().Order())
        {
            var found = await deadLetters.PeekMessageAsync(number, cancellationToken);
            text.AppendLine().Append(found?.SequenceNumber == number ? DeadLetterText.Of(found) : $"{number}  not found");
        }

        return text.ToString();
    }

    private static async Task AuditAsync(
        NpgsqlDataSource database, Actor by, string queue, ServiceBusReceivedMessage message, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await AuditLog.AddAsync(connection, new AuditRow(
            by, "dead_letter.discarded", null, $"{queue} {message.SequenceNumber}",
            Before: RowJson.Of(new { message.MessageId, message.EnqueuedTime, message.DeadLetterReason })), cancellationToken);
    }

    private static ServiceBusMessage Copy(ServiceBusReceivedMessage message)
    {
        var copy = new ServiceBusMessage(message);
        // A message that has expired would expire again immediately.
        copy.GetRawAmqpMessage().Properties.AbsoluteExpiryTime = null;
        return copy;
    }

    private static long[]? ReadNumbers(ArgumentResult result)
    {
        var numbers = new List<long>();
        foreach (var text in result.Tokens.Select(token => token.Value))
        {
            if (Values.TryReadPosition(text, out var number))
                numbers.Add(number);
            else
                result.AddError($"'{text}' is not a sequence number. Example: 4711");
        }

        return [.. numbers];
    }
}
