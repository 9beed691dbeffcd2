using System.Diagnostics;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// The pool of the current request or run, and the database time that it has used. Without a scope, work runs in the background pool.
/// </summary>
/// <remarks>
/// It flows with the asynchronous call, as <see cref="AsyncLocal{T}"/> does, so that stores don't depend on their caller.
/// </remarks>
public sealed class DatabaseScope
{
    private static readonly AsyncLocal<DatabaseScope?> Flow = new();

    private readonly Lock gate = new();
    private Turns.Turn? turn;
    private SemaphoreSlim? permit;
    private int sessions;
    private long busySince;
    private TimeSpan used;

    private DatabaseScope(DatabasePool pool, Guid? turnKey) => (Pool, TurnKey) = (pool, turnKey);

    public static DatabaseScope? Current => Flow.Value;

    public static DatabasePool CurrentPool => Current?.Pool ?? DatabasePool.Background;

    public DatabasePool Pool { get; }

    /// <summary>Sessions with the same key run one after another. Null: the session waits for no other one.</summary>
    public Guid? TurnKey { get; private set; }

    /// <summary>The database time that the scope has used.</summary>
    public TimeSpan Used
    {
        get
        {
            lock (gate)
                return used;
        }
    }

    /// <summary>Waits for work in this scope until it ends, or until its database time, the present session included, is used up.</summary>
    /// <returns>Whether the work has ended; it may have failed. Otherwise it goes on.</returns>
    public async Task<bool> HasEndedAsync(Task work, TimeSpan longest)
    {
        while (!work.IsCompleted)
        {
            var left = longest - UsedNow();
            if (left <= TimeSpan.Zero)
                return false;
            await work.WaitAsync(left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return true;
    }

    private TimeSpan UsedNow()
    {
        lock (gate)
            return sessions > 0 ? used + Stopwatch.GetElapsedTime(busySince) : used;
    }

    /// <summary>Begins a scope that ends with the calling asynchronous method.</summary>
    /// <param name="turnKey">The license, or another row, that the request changes; null if it changes nothing.</param>
    public static DatabaseScope Enter(DatabasePool pool, Guid? turnKey = null) => Flow.Value = new DatabaseScope(pool, turnKey);

    /// <summary>For requests whose license is known only after their body has been read.</summary>
    public static void TakeTurnsBy(Guid subscriptionId)
    {
        if (Current is { } scope)
            scope.TurnKey = subscriptionId;
    }

    /// <summary>
    /// Counts a session. The first one takes the turn and then a permit; sessions that are opened meanwhile share both. Whoever waits for
    /// the turn has no permit, so a license never uses more than one.
    /// </summary>
    /// <param name="permits">Null if the pool limits only the number of connections.</param>
    internal async ValueTask BeginAsync(Turns turns, SemaphoreSlim? permits, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (sessions++ > 0)
                return;
            busySince = Stopwatch.GetTimestamp();
            if (TurnKey is null)
                return;
        }

        Turns.Turn? taken = null;
        try
        {
            taken = await turns.TakeAsync(TurnKey.Value, cancellationToken);
            if (permits is not null)
                await permits.WaitAsync(cancellationToken);
            lock (gate)
                (turn, permit) = (taken, permits);
        }
        catch
        {
            taken?.Dispose();
            lock (gate)
                sessions--;
            throw;
        }
    }

    internal void End(long beganAt)
    {
        lock (gate)
        {
            used += Stopwatch.GetElapsedTime(beganAt);
            if (--sessions > 0)
                return;
            permit?.Release();
            turn?.Dispose();
            (turn, permit) = (null, null);
        }
    }
}
