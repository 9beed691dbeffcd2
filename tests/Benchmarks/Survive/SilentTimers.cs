using System.Diagnostics;
using System.Globalization;
using System.Text;
using FunctionsHost;

namespace Benchmarks.Survive;

/// <summary>
/// Two workers under Functions hosts whose timers never fire, while owners read, and usage arrives by HTTP and queue. What the timers would
/// do is done all the same: due licenses are renewed once, expired ones suspended, usage scanned.
/// </summary>
internal sealed class SilentTimers : Disturbance
{
    private const int Count = 40;

    private readonly List<TestHost> hosts = [];
    private readonly List<Guid> due = [];
    private readonly List<Guid> expired = [];

    public override string Name => "silent-timers";

    public override TimeSpan Length => TimeSpan.FromSeconds(30);

    private int LeftInQueue => hosts.Sum(host => host.Queue(Backend.UsageQueue).Count);

    public override async Task PrepareAsync(SurviveSite site)
    {
        for (var n = 0; n < Count; n++)
        {
            due.Add(await site.AddAsync(new AddedLicense(TimeSpan.FromDays(2), AutoRenew: true, WalletUsd: 100)));
            expired.Add(await site.AddAsync(new AddedLicense(TimeSpan.FromDays(-8))));
        }
    }

    public override async Task<IReadOnlyList<ServingProcess>> StartAsync(SurviveSite site)
    {
        // A timer is silent after three of its intervals: six seconds.
        var settings = Backend.Settings(site.ConnectionString).Concat(Backend.HostedSettings("*/2 * * * * *"))
            .ToDictionary(setting => setting.Name, setting => setting.Value);
        var processes = new List<ServingProcess>();
        for (var n = 0; n < 2; n++)
        {
            var host = await TestHost.StartAsync(new HostOptions { AppFolder = AppContext.BaseDirectory, Settings = settings });
            hosts.Add(host);
            processes.Add(new ServingProcess(host.Address, Process.GetProcessById(host.WorkerProcessId), host));
        }

        return processes;
    }

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(due[0]));
        var platform = SurviveSite.Bearer("service");
        var began = Stopwatch.GetTimestamp();
        TimeSpan? renewed = null;
        for (var n = 0; Stopwatch.GetElapsedTime(began) < length; n++)
        {
            var (read, _) = await site.SendAsync(n, HttpMethod.Get, "/api/v1/licenses", owner);
            var (sent, _) = await site.SendAsync(
                n, HttpMethod.Post, "/api/v1/usage", platform, $"[{UsageRecords.New(due[n % Count], "198.51.100.4")}]");
            if ((read, sent) != (200, 200))
                site.Fault($"list {read}, usage {sent}");
            hosts[n % 2].Queue(Backend.UsageQueue).Send(Encoding.UTF8.GetBytes(UsageRecords.New(due[n % Count], "198.51.100.5")));
            if (renewed is null && await RenewedAsync(site) == Count)
                renewed = Stopwatch.GetElapsedTime(began);
            await Task.Delay(200);
        }

        // A short trial ends before the timers are silent. Requests go on until the work is done.
        for (var n = 0; n < 300 && !await IsDoneAsync(site); n++)
        {
            await site.SendAsync(n, HttpMethod.Get, "/api/v1/licenses", owner);
            await Task.Delay(100);
        }

        renewed ??= await RenewedAsync(site) == Count ? Stopwatch.GetElapsedTime(began) : null;
        var slices = await site.QueryAsync<long>("select sum(fallback_runs)::bigint from timer_leases");
        return string.Create(CultureInfo.InvariantCulture,
            $"{slices} slices of silent timers; all {Count} due licenses renewed after {renewed?.TotalSeconds:N1} s");
    }

    public override async Task CheckAsync(SurviveSite site)
    {
        if (await site.QueryAsync<bool>("select exists (select from timer_leases where last_started_at is not null)"))
            site.Fault("a timer ran");
        if (await RenewedAsync(site) is var renewed && renewed != Count)
            site.Fault($"{renewed} of {Count} due licenses renewed");
        var fees = await site.QueryAsync<int>(
            """
            select count(*)::int from billing_ledger
            where user_id in (select subscriber_id from subscriptions where subscription_id = any(@due))
            """,
            new { due });
        if (fees != Count)
            site.Fault($"{fees} fees for {Count} renewals");
        if (await SuspendedAsync(site) is var suspended && suspended != Count)
            site.Fault($"{suspended} of {Count} expired licenses suspended");
        if (!await IsScannedAsync(site))
            site.Fault("usage not scanned");
        if (LeftInQueue > 0)
            site.Fault($"{LeftInQueue} messages left in the queue");
    }

    private Task<int> RenewedAsync(SurviveSite site) => site.QueryAsync<int>(
        "select count(*)::int from renewals where subscription_id = any(@due) and status = 'applied'", new { due });

    private Task<int> SuspendedAsync(SurviveSite site) => site.QueryAsync<int>(
        "select count(*)::int from license_suspensions where subscription_id = any(@expired) and closed_at is null", new { expired });

    private Task<bool> IsScannedAsync(SurviveSite site) => site.QueryAsync<bool>(
        "select exists (select from suspicion_states where subscription_id = any(@due))", new { due });

    private async Task<bool> IsDoneAsync(SurviveSite site) =>
        LeftInQueue == 0 && await RenewedAsync(site) == Count && await SuspendedAsync(site) == Count && await IsScannedAsync(site);
}
