using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Survive;

/// <summary>Operators list 100 quarantined messages of 1 MB over four connections. Every tenth time they read a whole message.</summary>
internal sealed class LargeQuarantine : Disturbance
{
    private const int Messages = 100;
    private const int Connections = 4;

    public override string Name => "quarantine";

    public override TimeSpan Length => TimeSpan.FromSeconds(20);

    public override Task PrepareAsync(SurviveSite site) => site.ExecuteAsync(
        """
        with body as materialized (select string_agg(md5(n::text), '') as text from generate_series(1, 32768) n)
        insert into usage_quarantine (source, code, detail, payload, payload_digest)
        select 'http', 'INVALID_JSON', 'The body is not valid JSON', n || body.text, sha256(n::text::bytea)
        from generate_series(1, @Messages) n, body
        """,
        new { Messages });

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var one = await site.QueryAsync<Guid>("select quarantine_id from usage_quarantine limit 1");
        var began = Stopwatch.GetTimestamp();
        var (lists, largest) = (0, 0);

        async Task ListAsync(int connection)
        {
            var support = SurviveSite.Bearer("operator");
            for (var n = 1; Stopwatch.GetElapsedTime(began) < length; n++)
            {
                var path = n % 10 == 0 ? $"/api/v1/quarantine/{one}" : $"/api/v1/quarantine?limit={Messages}";
                var (status, body) = await site.SendAsync(connection, HttpMethod.Get, path, support);
                if (status != 200)
                    site.Fault($"quarantine: {status}");
                if (n % 10 == 0)
                    continue;
                Interlocked.Increment(ref lists);
                largest = Math.Max(largest, body.Length);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Connections).Select(ListAsync));
        return string.Create(CultureInfo.InvariantCulture,
            $"{lists:N0} lists of {Messages} messages, the largest of {largest / 1024.0:N0} KiB");
    }
}
