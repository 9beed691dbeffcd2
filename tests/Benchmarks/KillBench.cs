using System.Diagnostics;
using System.Globalization;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Renewals;
using StripeStandIn;

namespace Benchmarks;

/// <summary>
/// Kills renewal workers repeatedly with SIGKILL while they charge. The workers are real processes with a real PostgreSQL and the Stripe
/// stand-in, and some answers are lost. Afterwards the renewals finish, and each license must be charged, booked and extended once.
/// </summary>
internal static class KillBench
{
    private const int Kills = 220;
    private const int Workers = 3;
    private const int DueEachTime = 12;

    public static async Task<int> RunAsync(BenchContext context)
    {
        if (context.Arguments is ["worker", var address, var stripe]) return await WorkAsync(address, stripe);

        await using var standIn = await StandIn.StartAsync(new StandInOptions { Latency = TimeSpan.FromMilliseconds(30) });
        await using var site = await RenewalSite.MakeAsync(context, "bench_kill");
        var random = new Random(1);
        var caught = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var workers = new Queue<Process>();
        try
        {
            for (var worker = 0; worker < Workers; worker++) workers.Enqueue(await StartAsync(site, standIn));
            for (var kill = 1; kill <= Kills; kill++)
            {
                await site.AddDueAsync(
                    DueEachTime, [.. Enumerable.Range(0, DueEachTime).Select(_ => standIn.SavedCard(TestCards.ByName["pm_card_visa"]))]);
                LoseAnswers(standIn, random);
                await Task.Delay(random.Next(20, 250));
                await KillAsync(workers.Dequeue(), site, caught);
                workers.Enqueue(await StartAsync(site, standIn));
                if (kill % 20 == 0) Console.WriteLine($"… {kill} of {Kills} killed");
            }

            standIn.Faults.Clear();
            await FinishAsync(site);
        }
        finally
        {
            foreach (var worker in workers) worker.Kill();
        }

        return await CheckAsync(site, standIn, caught);
    }

    private static void LoseAnswers(StandIn standIn, Random random)
    {
        var kind = random.Next(4) switch
        {
            0 => FaultKind.DropAfter,
            1 => FaultKind.ErrorAfter,
            2 => FaultKind.DropBefore,
            _ => FaultKind.RateLimit
        };
        standIn.Faults.Add(new Fault(kind, Times: 2));
    }

    // Counts the leased renewals by state, then ends all leases: those of the killed process, and those of lost answers.
    private static async Task KillAsync(Process worker, RenewalSite site, SortedDictionary<string, int> caught)
    {
        worker.Kill();
        await worker.WaitForExitAsync();
        worker.Dispose();
        var held = await site.QueryAsync<string?>(
            """
            select string_agg(status || case when status = 'charging' and intent_id is null then ' (creating)'
                                             when status = 'charging' then ' (confirming)'
                                             else '' end, ',')
            from renewals where lease_until > clock_timestamp()
            """);
        foreach (var state in held?.Split(',') ?? []) caught[state] = caught.GetValueOrDefault(state) + 1;
        await TimePassesAsync(site);
    }

    private static Task TimePassesAsync(RenewalSite site) => site.ExecuteAsync(
        """
        update renewals set lease_until = clock_timestamp() where lease_until > clock_timestamp();
        update renewals set next_action_at = now() where next_action_at > now()
        """);

    private static async Task FinishAsync(RenewalSite site)
    {
        for (var attempt = 0; attempt < 30; attempt++)
        {
            await TimePassesAsync(site);
            await Task.Delay(5_000);
            var isDone = await site.QueryAsync<bool>(
                """
                select not exists (select from license_tokens where expires_at < now() + interval '2 days')
                    and not exists (select from renewals where status <> 'applied')
                """);
            if (isDone) return;
        }
    }

    private static async Task<int> CheckAsync(RenewalSite site, StandIn standIn, SortedDictionary<string, int> caught)
    {
        const int Licenses = Kills * DueEachTime;
        var applied = await site.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'");
        var extended = await site.QueryAsync<int>("select count(*)::int from license_tokens where expires_at > now() + interval '30 days'");
        var balanced = await site.QueryAsync<int>(
            """
            select count(*)::int from (
                select user_id from billing_ledger group by user_id
                having count(*) = 2 and sum(case entry_type when 'DEPOSIT' then amount_usd else -amount_usd end) = 0) balanced
            """);
        var charged = standIn.Stats()["charges_succeeded"]!.GetValue<int>();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Kills} processes killed; {Licenses} licenses: {charged} charged, {applied} applied, {extended} extended, "
            + $"{balanced} ledgers balanced"));
        Console.WriteLine("leased renewals at a kill: " + string.Join(", ", caught.Select(state => $"{state.Key} {state.Value}")));
        return charged == Licenses && applied == Licenses && extended == Licenses && balanced == Licenses ? 0 : 1;
    }

    private static async Task<Process> StartAsync(RenewalSite site, StandIn standIn)
    {
        var worker = BenchChild.Start("kill", "worker", site.ConnectionString, standIn.BaseAddress.ToString());
        while (await worker.StandardOutput.ReadLineAsync() is { } line && line != "ready") { }
        return worker;
    }

    private static async Task<int> WorkAsync(string address, string stripe)
    {
        await using var site = RenewalSite.Over(address);
        var options = new StandInOptions();
        var settings = new StripeSettings(
            options.SecretKey, options.PublishableKey, [options.WebhookSecret], new Uri(stripe), WritesPerSecond: 100, Concurrency: 32);
        var renewals = site.Renewals(settings, new RenewalPace(Lanes: 6, Claim: 2, TimeSpan.FromSeconds(30)));
        Console.WriteLine("ready");
        while (true)
        {
            await renewals.RunAsync(CancellationToken.None);
            await Task.Delay(20);
        }
    }
}
