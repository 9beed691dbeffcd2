using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Leases;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Leases;

/// <summary>Issues a lease to a device whose check passed. If that fails, the device keeps its current one while that is valid.</summary>
public sealed class IssueLease(LeaseStore store, LeaseSettings settings, TimeProvider time, ILogger<IssueLease> log)
{
    /// <summary>The verdict is already known, so the answer must not wait longer than this for a lease.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(500);

    private readonly LogPace pace = new(time);

    /// <param name="current">The device's lease; null if it has none.</param>
    /// <param name="end">The end of paid time and grace; null if the license never expires.</param>
    /// <param name="left">The time that is left for the check.</param>
    /// <returns>Null if the device can't get one now; its next check tries again.</returns>
    public async Task<Lease?> RunAsync(
        Guid deviceId, Lease? current, DateTimeOffset? end, DateTimeOffset now, TimeSpan left, CancellationToken cancellationToken)
    {
        var (isDone, lease) = await TryAsync(token => IssueAsync(deviceId, current, end, now, token), left, cancellationToken);
        return isDone ? lease : current is { } still && still.ExpiresAt > now && !(still.ExpiresAt > end) ? still : null;
    }

    /// <summary>
    /// Ends the leases of a license whose check was refused, because they must not be valid after the refusal. If it fails,
    /// <see cref="EndLeases"/> does it.
    /// </summary>
    /// <param name="left">The time that is left for the check.</param>
    public Task EndAsync(Guid subscriptionId, TimeSpan left, CancellationToken cancellationToken) =>
        TryAsync(token => store.EndAsync(new InvalidatedLicense { SubscriptionId = subscriptionId }, token), left, cancellationToken);

    /// <returns>Whether the work ended within the limit and without a failure of the database, and its result.</returns>
    private async Task<(bool IsDone, T? Result)> TryAsync<T>(
        Func<CancellationToken, Task<T>> work, TimeSpan left, CancellationToken cancellationToken)
    {
        DatabaseScope.Enter(DatabasePool.Checks);
        using var limit = new CancellationTokenSource(left < Limit ? left : Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return (true, await work(either.Token));
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested
            && (failure is OperationCanceledException or NpgsqlException or TimeoutException or BusyException))
        {
            if (pace.Admits("leases", out var leftOut))
                log.LogWarning(failure, "A check could not issue or end a lease; {LeftOut} earlier ones were not logged", leftOut);
            return (false, default);
        }
    }

    private async Task<Lease?> IssueAsync(
        Guid deviceId, Lease? current, DateTimeOffset? end, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await store.FactsAsync(deviceId, cancellationToken) is not { } facts
            || LeaseRules.Issue(Guid.NewGuid(), facts, settings.Longest, end, now) is not { } lease)
            return null;
        // Another process may have issued a lease first; that one is used.
        return await store.AddAsync(lease, deviceId, current?.LeaseId, cancellationToken)
            ? lease
            : await store.CurrentAsync(deviceId, cancellationToken) is { } other && other.IsFresh(now, end) ? other : null;
    }
}
