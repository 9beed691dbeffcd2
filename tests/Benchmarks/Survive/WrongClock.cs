using System.Globalization;

namespace Benchmarks.Survive;

/// <summary>
/// The clock of one of the two machines is 20 days ahead, and both processes run their timers every second. Nothing may be suspended or
/// charged early; what is due is renewed.
/// </summary>
internal sealed class WrongClock : Disturbance
{
    private const int Count = 10;

    private static readonly string[] Timers = ["RunRenewals", "WarnExpiring"];

    private readonly List<Guid> current = [];
    private readonly List<Guid> renewing = [];
    private readonly List<Guid> due = [];

    public override string Name => "wrong-clock";

    public override TimeSpan Length => TimeSpan.FromSeconds(25);

    public override async Task PrepareAsync(SurviveSite site)
    {
        var renewed = new AddedLicense(TimeSpan.FromDays(11), AutoRenew: true, WalletUsd: 100);
        for (var n = 0; n < Count; n++)
        {
            // By the wrong clock, the first has expired nine days ago, and the second is due.
            current.Add(await site.AddAsync(new AddedLicense(TimeSpan.FromDays(11))));
            renewing.Add(await site.AddAsync(renewed));
            due.Add(await site.AddAsync(renewed with { ExpiresIn = TimeSpan.FromDays(2) }));
        }
    }

    public override async Task<IReadOnlyList<ServingProcess>> StartAsync(SurviveSite site)
    {
        (string, string)[] settings = [("RENEWAL_SCHEDULE", "* * * * * *"), ("RECONCILE_SCHEDULE", "* * * * * *")];
        return
        [
            await ServingProcess.StartAsync(site, settings),
            ServingProcess.Of(await AheadProcess.StartAsync(site.ConnectionString, settings)),
        ];
    }

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var support = SurviveSite.Bearer("operator");
        using var enough = new CancellationTokenSource(length);
        var runs = 0;
        while (!enough.IsCancellationRequested)
        {
            foreach (var timer in Timers)
            {
                await site.RunTimerAsync(0, timer, support);
                // It refuses, or does nothing.
                var (status, _) = await site.SendAsync(1, HttpMethod.Post, $"/admin/functions/{timer}", support, "{}");
                if (status is not (202 or 503))
                    site.Fault($"{timer} by the wrong clock: {status}");
                runs += 2;
            }

            await Task.Delay(500, CancellationToken.None);
        }

        var (_, ready) = await site.SendAsync(1, HttpMethod.Get, "/readyz", support);
        if (!ready.Contains("The clock of this machine differs", StringComparison.Ordinal))
            site.Fault($"/readyz does not report the clock: {ready}");
        return string.Create(CultureInfo.InvariantCulture, $"{runs} runs on demand beside those of the schedules; /readyz: {ready.Trim()}")
            .ReplaceLineEndings(", ");
    }

    public override async Task CheckAsync(SurviveSite site)
    {
        var suspended = await site.QueryAsync<int>(
            "select count(*)::int from license_suspensions where subscription_id = any(@ids)",
            new { ids = current.Concat(renewing).ToArray() });
        if (suspended > 0)
            site.Fault($"{suspended} licenses suspended early");
        var charged = await site.QueryAsync<int>(
            "select count(*)::int from renewals where subscription_id = any(@renewing) and status = 'applied'", new { renewing });
        if (charged > 0)
            site.Fault($"{charged} licenses charged early");
        var renewed = await site.QueryAsync<int>(
            "select count(*)::int from renewals where subscription_id = any(@due) and status = 'applied'", new { due });
        if (renewed != Count)
            site.Fault($"{renewed} of {Count} due licenses renewed");
    }
}
