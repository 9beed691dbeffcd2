using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dapper;

namespace Benchmarks.Survive;

/// <summary>
/// Some rows have values that can't be processed, and one is locked, while both processes run the timers and answer the lists
/// repeatedly. The lists must be complete, and the timers must process the other rows.
/// </summary>
internal sealed class OddRows : Disturbance
{
    private const int Due = 5;
    private const int Expired = 5;

    private static readonly string[] Timers = ["RunRenewals", "WarnExpiring", "ScoreLicenses", "ScanUsage"];

    private static readonly AddedLicense DueLicense = new(TimeSpan.FromDays(2), AutoRenew: true, WalletUsd: 100);

    private readonly List<Guid> due = [];
    private readonly List<Guid> expired = [];
    private Guid endless;
    private Guid card;
    private Guid state;
    private Guid scanned;
    private Guid price;

    public override string Name => "odd-rows";

    public override TimeSpan Length => TimeSpan.FromSeconds(30);

    private IEnumerable<Guid> Odd => [endless, card, state, price, expired[0]];

    public override async Task PrepareAsync(SurviveSite site)
    {
        for (var n = 0; n < Due; n++)
            due.Add(await site.AddAsync(DueLicense));
        for (var n = 0; n < Expired; n++)
            expired.Add(await site.AddAsync(new AddedLicense(TimeSpan.FromDays(-8))));
        (endless, state, scanned) = (await site.AddAsync(new(TimeSpan.FromDays(20))), await site.AddAsync(new(TimeSpan.FromDays(20))),
            await site.AddAsync(new(TimeSpan.FromDays(20))));
        (card, price) = (await site.AddAsync(DueLicense with { WalletUsd = 0, CardId = "pm_1" }), await site.AddAsync(DueLicense));
        await site.ExecuteAsync(
            """
            update license_tokens set expires_at = 'infinity' where subscription_id = @endless;
            update user_payment_methods set expiry_year = 0, expiry_month = 1;
            update master_pricing set monthly_fee_usd = 'NaN'
            where master_id = (select master_id from subscriptions where subscription_id = @price);
            insert into suspicion_states (subscription_id, state) values (@state, '[]');
            """,
            new { endless, price, state });
    }

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var support = SurviveSite.Bearer("operator");
        var began = Stopwatch.GetTimestamp();
        var (runs, reads) = (0, 0);
        await using var platform = await site.Source.OpenConnectionAsync();
        await platform.ExecuteAsync(
            "begin; select from subscriptions where subscription_id = @locked for update", new { locked = expired[0] });
        while (Stopwatch.GetElapsedTime(began) < length)
        {
            await site.ExecuteAsync(
                """
                insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
                values (array[@state, @scanned]::uuid[], array[now(), now()], array[now(), now()])
                """,
                new { state, scanned });
            foreach (var timer in Timers)
            {
                await RunTimerAsync(site, runs, timer, support);
                runs++;
            }

            for (var process = 0; process < 2; process++)
                reads += await ReadAsync(site, process, support);
        }

        await CheckSweepsAsync(site, isLocked: true);
        await platform.ExecuteAsync("commit");
        await RunTimerAsync(site, 0, "RunRenewals", support);
        return string.Create(CultureInfo.InvariantCulture, $"{runs} runs of timers, {reads:N0} lists and pages read");
    }

    public override Task CheckAsync(SurviveSite site) => CheckSweepsAsync(site, isLocked: false);

    private static async Task RunTimerAsync(SurviveSite site, int process, string timer, string support)
    {
        await site.RunTimerAsync(process, timer, support);
        var (status, error) = await site.QueryAsync<(string?, string?)>(
            "select last_status, last_error from timer_leases where timer_name = @timer", new { timer });
        // The other process may have started the next run of its schedule.
        if (status is not ("succeeded" or "running"))
            site.Fault($"{timer}: {status} {error}");
    }

    private async Task<int> ReadAsync(SurviveSite site, int process, string support)
    {
        List<(string Path, string Caller)> reads =
            [("/api/v1/renewals/preview", support), ("/api/v1/system", support), ("/api/v1/renewals/failures", support)];
        foreach (var license in Odd)
        {
            var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(license));
            reads.AddRange(new[] { "", "/health", "/devices", "/renewals", "/usage" }
                .Select(page => ($"/api/v1/licenses/{license}{page}", owner)));
            reads.Add(("/api/v1/licenses", owner));
        }

        foreach (var (path, caller) in reads)
        {
            var (status, _) = await site.SendAsync(process, HttpMethod.Get, path, caller);
            if (status != 200)
                site.Fault($"{path}: {status}");
        }

        return reads.Count + await ReadAllAsync(site, process, support);
    }

    // The operators' list, page by page: it has every license once.
    private static async Task<int> ReadAllAsync(SurviveSite site, int process, string support)
    {
        var (seen, pages, after) = (new HashSet<Guid>(), 0, "");
        do
        {
            var (status, body) = await site.SendAsync(process, HttpMethod.Get, $"/api/v1/licenses?limit=100{after}", support);
            pages++;
            if (status != 200)
            {
                site.Fault($"the operators' list: {status}");
                return pages;
            }

            using var page = JsonDocument.Parse(body);
            var ids = page.RootElement.GetProperty("licenses").EnumerateArray()
                .Select(license => license.GetProperty("subscription_id").GetGuid()).ToList();
            seen.UnionWith(ids);
            after = ids.Count > 0 ? $"&after={ids[^1]}" : "";
        }
        while (after.Length > 0);

        var all = await site.QueryAsync<int>("select count(*)::int from v_current_license_tokens");
        if (seen.Count != all)
            site.Fault($"the operators' list has {seen.Count} of {all} licenses");
        return pages;
    }

    private async Task CheckSweepsAsync(SurviveSite site, bool isLocked)
    {
        var suspended = await site.QueryAsync<int>(
            "select count(*)::int from license_suspensions where subscription_id = any(@expired) and closed_at is null", new { expired });
        if (suspended != (isLocked ? Expired - 1 : Expired))
            site.Fault($"{suspended} of {Expired} expired licenses suspended {(isLocked ? "beside the lock" : "after it")}");
        var renewed = await site.QueryAsync<int>(
            "select count(*)::int from renewals where subscription_id = any(@due) and status = 'applied'", new { due });
        if (renewed != Due)
            site.Fault($"{renewed} of {Due} due licenses renewed");
        var unscored = await site.QueryAsync<int>("select count(*)::int from license_health where score is null");
        if (unscored > 0)
            site.Fault($"{unscored} licenses without a score");
        var unscanned = await site.QueryAsync<int>("select count(*)::int from usage_arrivals");
        if (unscanned > 0 || !await site.QueryAsync<bool>(
                "select exists (select from suspicion_states where subscription_id = @scanned)", new { scanned }))
            site.Fault("a license beside an unreadable state is not scanned");
    }
}
