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
    private int sessions;
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

    /// <summary>Begins a scope that ends with the calling asynchronous method.</summary>
    /// <param name="turnKey">The license, or another row, that the request changes; null if it changes nothing.</param>
    public static DatabaseScope Enter(DatabasePool pool, Guid? turnKey = null) => Flow.Value = new DatabaseScope(pool, turnKey);

    /// <summary>For requests whose license is known only after their body has been read.</summary>
    public static void TakeTurnsBy(Guid subscriptionId)
    {
        if (Current is { } scope)
            scope.TurnKey = subscriptionId;
    }

    /// <summary>Counts a session. The first one takes the turn; sessions that are opened meanwhile share it.</summary>
    internal async ValueTask BeginAsync(Turns turns, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (sessions++ > 0 || TurnKey is null)
                return;
        }

        try
        {
            var taken = await turns.TakeAsync(TurnKey.Value, cancellationToken);
            lock (gate)
                turn = taken;
        }
        catch
        {
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
            turn?.Dispose();
            turn = null;
        }
    }
}
