using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Survive;

/// <summary>
/// All processes of PostgreSQL are stopped with SIGSTOP: it accepts connections, but answers nothing. Owners send requests meanwhile, which
/// must be answered 503 within ten seconds.
/// </summary>
internal sealed class FrozenDatabase : Disturbance
{
    // A child of its own: PostgreSQL continues even if this process is stopped meanwhile.
    private const string Freeze = """
        trap '' INT TERM HUP
        kill -STOP "$1" && pkill -STOP -P "$1"
        sleep "$2"
        pkill -CONT -P "$1"
        kill -CONT "$1"
        """;

    private const int Owners = 20;
    private const string Change = """{"enabled": true}""";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(0.5); // the load generator uses the same machine


    private Guid license;

    public override string Name => "frozen";

    public override TimeSpan Length => TimeSpan.FromSeconds(40);

    public override bool IsDatabaseAway => true;

    public override async Task PrepareAsync(SurviveSite site) => license = await site.AddAsync(new AddedLicense(TimeSpan.FromDays(20)));

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        var postmaster = await site.QueryAsync<string>("select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)");
        var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(license));
        using var freezing = Process.Start("sh",
            ["-c", Freeze, "freeze", postmaster, length.TotalSeconds.ToString(CultureInfo.InvariantCulture)]);
        var thawed = freezing.WaitForExitAsync();
        await Task.Delay(100);
        var slowest = await Task.WhenAll(Enumerable.Range(0, Owners).Select(n => AskAsync(site, n, owner, thawed)));
        await thawed;
        if (freezing.ExitCode != 0)
            throw new InvalidOperationException("PostgreSQL could not be frozen (Debian: apt-get install procps).");
        if (slowest.Max() > Limit + Tolerance)
            site.Fault($"an owner's request took {slowest.Max().TotalSeconds:N1} s");
        return string.Create(CultureInfo.InvariantCulture,
            $"the slowest of the owners' requests was answered after {slowest.Max().TotalSeconds:N1} s (10)");
    }

    // Half of the owners read, half change.
    private async Task<TimeSpan> AskAsync(SurviveSite site, int connection, string owner, Task thawed)
    {
        var slowest = TimeSpan.Zero;
        while (!thawed.IsCompleted)
        {
            var asked = Stopwatch.GetTimestamp();
            var (status, _) = connection % 4 < 2
                ? await site.SendAsync(connection, HttpMethod.Get, $"/api/v1/licenses/{license}", owner)
                : await site.SendAsync(connection, HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", owner, Change);
            var took = Stopwatch.GetElapsedTime(asked);
            if (status != 503 && !thawed.IsCompleted)
                site.Fault($"an owner's request: {status}");
            slowest = took > slowest ? took : slowest;
        }

        return slowest;
    }
}
