using System.Diagnostics;
using System.Globalization;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Renewals;
using StripeStandIn;

namespace Benchmarks;

/// <summary>
/// Charges at the Stripe stand-in with 300 ms per answer, as fast as the limiter allows (a charge is two writes). Then a separate process
/// renews many due licenses, and its memory is measured.
/// </summary>
internal static class RenewalsBench
{
    private const int SecondsOfCharges = 30;
    private const int Swept = 100_000;
    private const int MostMegabytes = 256;

    public static async Task<int> RunAsync(BenchContext context)
    {
        if (context.Arguments is ["sweep", var address]) return await SweepAsync(address);

        var worst = 0;
        Console.WriteLine("limit/s   charges   seconds   writes/s   of the limit (0.95)   refused   charged twice");
        foreach (var limit in new[] { 25, 100 }) worst = Math.Max(worst, await ChargeAsync(context, limit));
        return Math.Max(worst, await SweepInChildAsync(context));
    }

    private static async Task<int> ChargeAsync(BenchContext context, int limit)
    {
        await using var standIn = await StandIn.StartAsync(new StandInOptions { Latency = TimeSpan.FromMilliseconds(300) });
        await using var site = await RenewalSite.MakeAsync(context, "bench_charges");
        var charges = limit * SecondsOfCharges / 2;
        await site.AddDueAsync(charges, [.. Enumerable.Range(0, charges).Select(_ => standIn.SavedCard(TestCards.ByName["pm_card_visa"]))]);
        var settings = new StripeSettings(
            standIn.Options.SecretKey, standIn.Options.PublishableKey, [standIn.Options.WebhookSecret], standIn.BaseAddress,
            limit, Concurrency: 64);
        var renewals = site.Renewals(settings, new RenewalPace(Lanes: 64, Claim: 2, TimeSpan.FromMinutes(4)));

        var watch = Stopwatch.StartNew();
        await renewals.RunAsync(CancellationToken.None);
        var seconds = watch.Elapsed.TotalSeconds;

        var applied = await site.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'");
        var stats = standIn.Stats();
        var succeeded = stats["charges_succeeded"]!.GetValue<int>();
        var rate = 2 * applied / seconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{limit,7}   {applied,7}   {seconds,7:F1}   {rate,8:F1}   {rate / limit,19:F2}   "
            + $"{stats["writes_refused"]!.GetValue<long>(),7}   {succeeded - applied,13}"));
        return rate >= 0.95 * limit && succeeded == applied && applied == charges ? 0 : 1;
    }

    private static async Task<int> SweepInChildAsync(BenchContext context)
    {
        await using var site = await RenewalSite.MakeAsync(context, "bench_sweep");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… {Swept:N0} due licenses, paid from wallets"));
        await site.AddDueAsync(Swept, cards: null);

        using var child = BenchChild.Start("renewals", "sweep", site.ConnectionString);
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Console.Write(output);

        var applied = await site.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'");
        var booked = await site.QueryAsync<int>("select count(*)::int from billing_ledger");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"applied {applied:N0}, ledger rows {booked:N0}"));
        return child.ExitCode == 0 && applied == Swept && booked == Swept ? 0 : 1;
    }

    private static async Task<int> SweepAsync(string address)
    {
        await using var site = RenewalSite.Over(address);
        var renewals = site.Renewals(stripe: null, new RenewalPace(Lanes: 16, Claim: 8, TimeSpan.FromHours(1)));
        var watch = Stopwatch.StartNew();
        var counts = await renewals.RunAsync(CancellationToken.None);
        using var self = Process.GetCurrentProcess();
        var megabytes = self.PeakWorkingSet64 / 1024 / 1024;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"swept {counts.Processed:N0} in {watch.Elapsed.TotalSeconds:F0} s, {counts.Processed / watch.Elapsed.TotalSeconds:N0}/s, "
            + $"peak memory {megabytes} MB (under {MostMegabytes})"));
        return megabytes < MostMegabytes ? 0 : 1;
    }
}
