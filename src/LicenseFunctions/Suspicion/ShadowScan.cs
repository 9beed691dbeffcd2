using Dapper;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>
/// What the policy in shadow makes of the usage of one batch of the scan. It starts from the detector's state at its first observation of a
/// license, and again after a review. Its failures don't concern the scan.
/// </summary>
internal sealed class ShadowScan
{
    private readonly ShadowPolicy shadow;
    private readonly Dictionary<Guid, DetectionState> states;
    private readonly HashSet<Guid> restarted = [];
    private readonly Dictionary<Guid, (ShadowState State, List<ShadowAlert> Alerts)> observed = [];

    private readonly DateTimeOffset at;

    private ShadowScan(ShadowPolicy shadow, Dictionary<Guid, DetectionState> states, DateTimeOffset at) =>
        (this.shadow, this.states, this.at) = (shadow, states, at);

    /// <summary>The first failure; the licenses concerned are left out.</summary>
    public Exception? Failure { get; private set; }

    public static async Task<ShadowScan?> LoadAsync(
        NpgsqlConnection connection, ShadowPolicy? shadow, Guid[] subscriptionIds, DateTimeOffset at,
        CancellationToken cancellationToken) =>
        shadow is null
            ? null
            : new ShadowScan(shadow, await ShadowStore.LoadAsync(connection, subscriptionIds, shadow.Key, cancellationToken), at);

    /// <summary>The license was reviewed: what was found before no longer counts.</summary>
    public void Restart(Guid subscriptionId)
    {
        states.Remove(subscriptionId);
        observed.Remove(subscriptionId);
        restarted.Add(subscriptionId);
    }

    /// <param name="real">The detector's state before these samples.</param>
    public void Observe(Guid subscriptionId, DetectionState real, IEnumerable<UsageSample> samples)
    {
        try
        {
            var starts = !states.TryGetValue(subscriptionId, out var before);
            var observation = Detector.Observe(starts ? WithoutIncidents(real) : before!, samples, shadow.Policy);
            observed[subscriptionId] = (
                new ShadowState(subscriptionId, observation.State, starts),
                [.. observation.Findings.Select(finding => ShadowAlert.Of(subscriptionId, finding, at.UtcDateTime))]);
        }
#pragma warning disable CA1031 // An unexpected state must not stop the scan.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Failure ??= failure;
        }
    }

    /// <summary>Saves what was observed, in a savepoint.</summary>
    /// <param name="scanned">The licenses whose scan succeeded; the others are read again.</param>
    public async Task SaveAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> scanned, CancellationToken cancellationToken)
    {
        var saved = observed.Where(one => scanned.Contains(one.Key)).Select(one => one.Value).ToList();
        await ExecuteAsync("savepoint shadow; set local lock_timeout = '500ms'");
        try
        {
            await ShadowStore.RemoveAsync(connection, [.. restarted], cancellationToken);
            await ShadowStore.SaveAsync(connection, shadow.Key, saved.ConvertAll(one => one.State), at.UtcDateTime, cancellationToken);
            await ShadowStore.RaiseAsync(connection, shadow.Key, [.. saved.SelectMany(one => one.Alerts)], cancellationToken);
            await ExecuteAsync("release savepoint shadow");
        }
        catch (PostgresException failure)
        {
            await ExecuteAsync("rollback to savepoint shadow");
            Failure ??= failure;
        }

        Task ExecuteAsync(string sql) => connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken));
    }

    // The shadow reports what it finds from the start, also what the policy in force has reported before.
    private static DetectionState WithoutIncidents(DetectionState state) => new()
    {
        Version = state.Version,
        Clock = state.Clock,
        HarmlessUntil = state.HarmlessUntil,
        Identities = state.Identities,
        RecentNetworks = state.RecentNetworks,
    };
}
