using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Survive;

/// <summary>
/// A subscriber rotates the token of its license over 25 connections to each process, and an operator over one more; the license has
/// 20,000 old tokens.
/// </summary>
internal sealed class TokenRotations : Disturbance
{
    private const int Connections = 25;
    private const int OldTokens = 20_000;

    private Guid license;
    private Guid owner;

    public override string Name => "rotations";

    public override TimeSpan Length => TimeSpan.FromSeconds(20);

    public override async Task PrepareAsync(SurviveSite site)
    {
        license = await site.AddAsync(new AddedLicense(TimeSpan.FromDays(20)));
        owner = await site.OwnerAsync(license);
        await site.ExecuteAsync(
            """
            insert into license_tokens (subscription_id, token_hash, is_active, created_at, expires_at, revoked_at, revoked_reason)
            select @license, 'old-' || n, false, now() - interval '30 days' + n * interval '1 minute', now() - interval '10 days',
                   now() - interval '10 days', 'Rotated'
            from generate_series(1, @OldTokens) n;
            insert into license_token_replacements (token_id, subscription_id, replaced_by, replaced_at, overlap_until)
            select token_id, @license, (select token_id from license_tokens where subscription_id = @license and is_active),
                   now() - interval '10 days', now() - interval '10 days'
            from license_tokens
            where subscription_id = @license and not is_active;
            analyze license_tokens, license_token_replacements;
            """,
            new { license, OldTokens });
    }

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var began = Stopwatch.GetTimestamp();
        var (rotated, refused) = (new ConcurrentQueue<TimeSpan>(), 0);

        async Task RotateAsync(int connection, string caller)
        {
            while (Stopwatch.GetElapsedTime(began) < length)
            {
                var asked = Stopwatch.GetTimestamp();
                var (status, _) = await site.SendAsync(
                    connection, HttpMethod.Post, $"/api/v1/licenses/{license}/token", caller, """{"overlap_seconds": 3600}""");
                if (status == 201)
                {
                    rotated.Enqueue(Stopwatch.GetElapsedTime(asked));
                    continue;
                }

                if (status is not (429 or 503))
                    site.Fault($"rotation: {status}");
                Interlocked.Increment(ref refused);
                await Task.Delay(100);
            }
        }

        var (subscriber, support) = (SurviveSite.Bearer("subscriber", owner), SurviveSite.Bearer("operator"));
        await Task.WhenAll(Enumerable.Range(0, 2 * Connections).Select(n => RotateAsync(n, subscriber))
            .Concat(Enumerable.Range(0, 2).Select(n => RotateAsync(n, support))));
        var slowest = rotated.Append(TimeSpan.Zero).Max().TotalSeconds;
        return string.Create(CultureInfo.InvariantCulture,
            $"{rotated.Count:N0} rotations, the slowest in {slowest:N2} s; {refused:N0} requests beyond the limit refused");
    }
}
