using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Benchmarks.Survive;

internal enum CheckOutcome
{
    Right,
    Wrong,

    /// <summary>503 with Retry-After.</summary>
    Unavailable,

    /// <summary>No answer within ten seconds, a broken connection, or another status.</summary>
    Unanswered,
}

/// <param name="SentAt">Time since the load began.</param>
internal sealed record CheckAnswer(TimeSpan SentAt, TimeSpan Took, CheckOutcome Outcome);

/// <summary>
/// Sends 50 license checks per second of customers that have nothing to do with the disturbance, to both processes in turn. A check is
/// sent at its time even if earlier ones are not answered yet, and its duration counts from that time. Every 25th is the first check of
/// a new device.
/// </summary>
internal sealed class CheckLoad
{
    public const int PerSecond = 50;
    private const int NewDeviceEvery = 25;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<ServingProcess> processes;
    private readonly IReadOnlyList<Customer> known;
    private readonly IReadOnlyList<Customer> fresh;
    private volatile bool isStopping;
    private readonly ConcurrentDictionary<int, TimeSpan> waiting = new();
    private readonly ConcurrentQueue<CheckAnswer> answers = new();
    private readonly ConcurrentDictionary<string, int> failures = new();
    private readonly long began = Stopwatch.GetTimestamp();
    private readonly Task sending;

    private CheckLoad(IReadOnlyList<ServingProcess> processes, IReadOnlyList<Customer> known, IReadOnlyList<Customer> fresh)
    {
        (this.processes, this.known, this.fresh) = (processes, known, fresh);
        sending = SendAsync();
    }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(began);

    public IReadOnlyCollection<CheckAnswer> Answers => answers;

    /// <summary>What was not right, by kind.</summary>
    public IReadOnlyDictionary<string, int> Failures => failures;

    /// <summary>Checks all registered devices once in each process, and starts the load if all answers are as expected.</summary>
    public static async Task<CheckLoad> StartAsync(IReadOnlyList<ServingProcess> processes, SurviveSite site)
    {
        var (known, fresh) = await Customers.ReadAsync(site.Source);
        foreach (var process in processes)
        {
            await Parallel.ForEachAsync(known, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (customer, stop) =>
            {
                var (outcome, text) = await AskAsync(process.Client, customer, stop);
                if (outcome is not CheckOutcome.Right)
                    throw new InvalidOperationException($"Before the disturbance, a check must get {customer.Code}: {text}");
            });
        }

        return new CheckLoad(processes, known, fresh);
    }

    /// <summary>Ends when all checks of one second were answered rightly within half a second, or after 30 s.</summary>
    /// <returns>When that second began, in time since <paramref name="end"/>; null if there was none.</returns>
    public async Task<TimeSpan?> RecoverAsync(TimeSpan end)
    {
        while (Elapsed < end + TimeSpan.FromSeconds(30))
        {
            await Task.Delay(100);
            // Pending checks first: one that is answered meanwhile is in the other list then.
            var pending = waiting.Values.Select(sentAt => new CheckAnswer(sentAt, Elapsed - sentAt, CheckOutcome.Unanswered)).ToList();
            var late = answers.Where(answer => answer.Outcome is not CheckOutcome.Right || answer.Took > Quick).Concat(pending)
                .Select(answer => answer.SentAt).Where(sentAt => sentAt >= end).Order().ToList();
            var latest = Elapsed - Window - Quick;
            foreach (var from in late.Prepend(end - TimeSpan.FromTicks(1)).Select(at => at + TimeSpan.FromTicks(1)))
            {
                if (from <= latest && !late.Exists(at => at >= from && at < from + Window))
                    return from - end;
            }
        }

        return null;
    }

    public async Task StopAsync()
    {
        isStopping = true;
        await sending;
    }

    private async Task SendAsync()
    {
        var sent = new List<Task>();
        for (var n = 0; !isStopping; n++)
        {
            var due = TimeSpan.FromSeconds((double)n / PerSecond);
            if (due > Elapsed)
                await Task.Delay(due - Elapsed);
            var customer = n % NewDeviceEvery == 0 ? fresh[n / NewDeviceEvery % fresh.Count] : known[n % known.Count];
            waiting[n] = due;
            sent.Add(CheckAsync(n, due, processes[n % processes.Count].Client, customer));
        }

        await Task.WhenAll(sent);
    }

    private async Task CheckAsync(int number, TimeSpan due, HttpClient client, Customer customer)
    {
        await Task.Yield();
        using var patience = new CancellationTokenSource(Patience);
        CheckOutcome outcome;
        string text;
        try
        {
            (outcome, text) = await AskAsync(client, customer, patience.Token);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException)
        {
            (outcome, text) = (CheckOutcome.Unanswered, failure.GetType().Name);
        }

        if (outcome is CheckOutcome.Wrong or CheckOutcome.Unanswered)
            failures.AddOrUpdate($"{customer.Code}: {text}", 1, (_, count) => count + 1);
        answers.Enqueue(new CheckAnswer(due, Elapsed - due, outcome));
        waiting.TryRemove(number, out _);
    }

    private static async Task<(CheckOutcome Outcome, string Text)> AskAsync(HttpClient client, Customer customer, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate")
        {
            Content = new StringContent(
                $$"""{"ea_instance_id": "EA-{{customer.Number}}", "mt5_account_number": {{customer.Number}}}""",
                Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        request.Headers.TryAddWithoutValidation("Authorization", $"License {customer.Token}");
        using var response = await client.SendAsync(request, stop);
        var text = await response.Content.ReadAsStringAsync(stop);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable && response.Headers.RetryAfter is not null)
            return (CheckOutcome.Unavailable, "503");
        if (response.StatusCode != HttpStatusCode.OK)
            return (CheckOutcome.Unanswered, $"{(int)response.StatusCode}");
        using var answer = JsonDocument.Parse(text);
        var (code, id) = (answer.RootElement.GetProperty("code").GetString()!, answer.RootElement.GetProperty("subscription_id"));
        var right = code == customer.Code
            && (customer.SubscriptionId is { } expected ? id.GetGuid() == expected : id.ValueKind is JsonValueKind.Null);
        return (right ? CheckOutcome.Right : CheckOutcome.Wrong, code);
    }
}
