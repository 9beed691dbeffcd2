using System.Diagnostics;
using System.Globalization;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Renewals;
using Npgsql;
using StripeStandIn;

namespace Benchmarks;

/// <summary>
/// Charges at the Stripe stand-in with 300 ms per answer, as fast as the limiter allows (a charge is two writes). Then a separate process
/// renews many due licenses that wallets pay, and its memory is measured. Plain SQL moves the same money before.
/// </summary>
internal static class RenewalsBench
{
    private const int SecondsOfCharges = 30;
    private const int Swept = 100_000;
    private const int SweepConnections = 16;
    private const int MostMegabytes = 256;
    private const int MostSeconds = 60;

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
        var settings = new StripeSettings(
            standIn.Options.SecretKey, standIn.Options.PublishableKey, [standIn.Options.WebhookSecret], standIn.BaseAddress,
            limit, Concurrency: 64);
        var renewals = site.Renewals(settings, new RenewalPace(Lanes: 64, Claim: 2, TimeSpan.FromMinutes(4)));

        // The first charges also compile the code; the timer of a running process has done that.
        var charges = limit * SecondsOfCharges / 2;
        await RunAsync(limit);
        var seconds = await RunAsync(charges);

        var applied = await site.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'") - limit;
        var stats = standIn.Stats();
        var succeeded = stats["charges_succeeded"]!.GetValue<int>() - limit;
        var rate = 2 * applied / seconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{limit,7}   {applied,7}   {seconds,7:F1}   {rate,8:F1}   {rate / limit,19:F2}   "
            + $"{stats["writes_refused"]!.GetValue<long>(),7}   {succeeded - applied,13}"));
        return rate >= 0.95 * limit && succeeded == applied && applied == charges ? 0 : 1;

        async Task<double> RunAsync(int count)
        {
            await site.AddDueAsync(count, [.. Enumerable.Range(0, count).Select(_ => standIn.SavedCard(TestCards.ByName["pm_card_visa"]))]);
            var watch = Stopwatch.StartNew();
            await renewals.RunAsync(CancellationToken.None);
            return watch.Elapsed.TotalSeconds;
        }
    }

    private static async Task<int> SweepInChildAsync(BenchContext context)
    {
        await using var site = await RenewalSite.MakeAsync(context, "bench_sweep");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… {Swept:N0} due licenses, paid from wallets"));
        await site.AddDueAsync(Swept, cards: null);
        var plain = await PlainAsync(site);
        await site.AddDueAsync(Swept, cards: null);

        var watch = Stopwatch.StartNew();
        using var child = BenchChild.Start("renewals", "sweep", site.ConnectionString);
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        var seconds = watch.Elapsed.TotalSeconds;
        Console.Write(output);

        var applied = await site.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'");
        var booked = await site.QueryAsync<int>("select count(*)::int from billing_ledger where description is not null");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"applied {applied:N0}, ledger rows {booked:N0}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"with its start {seconds:F0} s (under {MostSeconds}), {plain / seconds:F2} of plain SQL"));
        return child.ExitCode == 0 && applied == Swept && booked == Swept && seconds < MostSeconds ? 0 : 1;
    }

    private const string MoveMoney = """
        begin;
        with paid as (
            update user_wallets
            set balance_usd = balance_usd - 49.99, lifetime_fees = lifetime_fees + 49.99, version = version + 1
            where user_id = $1 and balance_usd >= 49.99
            returning user_id, wallet_id, balance_usd)
        insert into billing_ledger (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after)
        select user_id, wallet_id, 'FEE_SUBSCRIPTION', 49.99, balance_usd + 49.99, balance_usd from paid;
        update license_tokens set expires_at = expires_at + interval '30 days' where subscription_id = $1;
        commit
        """;

    /// <summary>Debits each wallet and prolongs its token: one transaction for each license, with nothing else in it.</summary>
    /// <returns>Seconds.</returns>
    private static async Task<double> PlainAsync(RenewalSite site)
    {
        var due = new Queue<(Guid User, Guid License)>(
            await site.QueryAllAsync<(Guid, Guid)>("select subscriber_id, subscription_id from subscriptions"));
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, SweepConnections).Select(async _ =>
        {
            await using var connection = await site.Source.OpenConnectionAsync();
            while (Next() is var (user, license))
            {
                await using var batch = new NpgsqlBatch(connection);
                foreach (var statement in MoveMoney.Split(';'))
                {
                    var command = new NpgsqlBatchCommand(statement);
                    if (statement.Contains("$1", StringComparison.Ordinal))
                        command.Parameters.Add(new NpgsqlParameter<Guid>
                        {
                            TypedValue = statement.Contains("license_tokens", StringComparison.Ordinal) ? license : user,
                        });
                    batch.BatchCommands.Add(command);
                }

                await batch.ExecuteNonQueryAsync();
            }
        }));
        var seconds = watch.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"plain SQL moved the money in {seconds:F0} s, {Swept / seconds:N0}/s"));
        return seconds;

        (Guid User, Guid License)? Next()
        {
            lock (due) return due.TryDequeue(out var next) ? next : null;
        }
    }

    private static async Task<int> SweepAsync(string address)
    {
        await using var site = RenewalSite.Over(address);
        var renewals = site.Renewals(stripe: null, new RenewalPace(SweepConnections, Claim: 8, TimeSpan.FromHours(1)));
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
