using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using Azure.Messaging.ServiceBus;

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
        var count = Count("--count", "Maximum number of dead letters to show", 20);
        var from = new Option<long>("--from") { Description = "The first sequence number to show" };
        var command = new Command("peek", "Shows dead letters without changing them; tokens are redacted") { count, from };
        new QueueOptions(command).Run(async (broker, arguments, cancellationToken) =>
        {
            var (shown, next, most) = (0, arguments.GetValue(from), arguments.GetValue(count));
            while (shown < most
                && await broker.DeadLetters.PeekMessagesAsync(most - shown, next, cancellationToken) is [.., var last] peeked)
            {
                foreach (var message in peeked)
                    Console.WriteLine(DeadLetterText.Of(message));
                shown += peeked.Count;
                next = last.SequenceNumber + 1;
            }

            Console.WriteLine(shown == 0 ? "No dead letters." : $"{shown} dead letters.");
            return 0;
        });
        return command;
    }

    private static Command CreateResubmit() => CreateTake("resubmit", AboutResubmit, "resubmitted", resubmits: true);

    private static Command CreateDiscard() =>
        CreateTake("discard", "Deletes dead letters permanently", "discarded", resubmits: false);

    /// <param name="resubmits">Whether a message is sent to the queue before it is deleted from the dead letters.</param>
    private static Command CreateTake(string name, string description, string done, bool resubmits)
    {
        var numbers = new Argument<long[]>("SEQUENCE")
        {
            Description = "The sequence numbers, as peek shows them",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var all = new Option<bool>("--all") { Description = "All dead letters" };
        var limit = Count("--limit", "Maximum number of dead letters to examine", 1000);
        var yes = Confirmation.Yes("the deletion");
        var command = new Command(name, description) { numbers, all, limit };
        if (!resubmits)
            command.Add(yes);
        command.Validators.Add(result =>
        {
            if (result.GetResult(numbers) is { Tokens.Count: > 0 } == result.GetValue(all))
                result.AddError(
                    "Give either sequence numbers or --all. "
                    + $"Example: licensectl queue {name} 4711 4712{(resubmits ? "" : " --yes")}");
        });
        new QueueOptions(command).Run(async (broker, arguments, cancellationToken) =>
        {
            long[]? chosen = arguments.GetValue(all) ? null : arguments.GetValue(numbers)!;
            if (!resubmits && !arguments.GetValue(yes) && !await Confirmation.IsGivenAsync(
                    await DescribeAsync(broker.DeadLetters, chosen, arguments.GetValue(limit), cancellationToken), name,
                    "Nothing was deleted."))
                return 1;
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
        if (chosen is null)
            return $"This deletes the dead letters permanently, at most {limit}. queue peek shows them.";
        var text = new StringBuilder("This deletes permanently:");
        foreach (var number in chosen.Distinct().Order())
        {
            var found = await deadLetters.PeekMessageAsync(number, cancellationToken);
            text.AppendLine().Append(found?.SequenceNumber == number ? DeadLetterText.Of(found) : $"{number}  not found");
        }

        return text.ToString();
    }

    private static ServiceBusMessage Copy(ServiceBusReceivedMessage message)
    {
        var copy = new ServiceBusMessage(message);
        // A message that has expired would expire again immediately.
        copy.GetRawAmqpMessage().Properties.AbsoluteExpiryTime = null;
        return copy;
    }

    private static Option<int> Count(string name, string description, int byDefault)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => byDefault };
        option.Validators.Add((OptionResult result) =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError($"{name} must be 1 or more. Example: {name} {byDefault}");
        });
        return option;
    }
}
