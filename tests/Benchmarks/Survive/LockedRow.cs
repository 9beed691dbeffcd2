using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Dapper;

namespace Benchmarks.Survive;

/// <summary>The platform holds the row of one token while the owner changes auto-renewal over 25 connections to each process.</summary>
internal sealed class LockedRow : Disturbance
{
    private const int Connections = 25;

    private Guid license;

    public override string Name => "locked-row";

    public override TimeSpan Length => TimeSpan.FromSeconds(50);

    public override async Task PrepareAsync(SurviveSite site) => license = await site.AddAsync(new AddedLicense(TimeSpan.FromDays(20)));

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(license));
        var answers = new ConcurrentQueue<(int Status, TimeSpan Took)>();
        var began = Stopwatch.GetTimestamp();

        async Task ClickAsync(int connection)
        {
            while (Stopwatch.GetElapsedTime(began) < length)
            {
                var asked = Stopwatch.GetTimestamp();
                var (status, _) = await site.SendAsync(
                    connection, HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", owner, """{"enabled": true}""");
                answers.Enqueue((status, Stopwatch.GetElapsedTime(asked)));
                if (status != 503)
                    site.Fault($"auto-renew of the locked license: {status}");
            }
        }

        await using var platform = await site.Source.OpenConnectionAsync();
        await platform.ExecuteAsync("begin; select from license_tokens where subscription_id = @license for update", new { license });
        var clicks = Task.WhenAll(Enumerable.Range(0, 2 * Connections).Select(ClickAsync));
        await Task.Delay(length);
        await Task.WhenAny(clicks, Task.Delay(12_000)); // the lock remains until the last click is answered
        await platform.ExecuteAsync("commit");
        await clicks;
        return string.Create(CultureInfo.InvariantCulture,
            $"{answers.Count:N0} changes answered 503, the slowest after {answers.Max(answer => answer.Took).TotalSeconds:N1} s");
    }

    public override async Task CheckAsync(SurviveSite site)
    {
        var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(license));
        var (status, _) = await site.SendAsync(
            0, HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", owner, """{"enabled": true}""");
        if (status != 200)
            site.Fault($"auto-renew after the lock: {status}");
    }
}
