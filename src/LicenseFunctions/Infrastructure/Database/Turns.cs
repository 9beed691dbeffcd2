namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// One turn per key at a time, in this process. Requests that change the same license wait here. In the database, each would occupy a
/// connection while it waits for the lock.
/// </summary>
/// <param name="longest">How many may wait for one key; further ones are refused immediately.</param>
public sealed class Turns(int longest)
{
    private readonly Dictionary<Guid, Turn> turns = [];

    /// <summary>Number of keys in use.</summary>
    public int Count
    {
        get
        {
            lock (turns)
                return turns.Count;
        }
    }

    /// <returns>The turn; dispose it to let the next one begin.</returns>
    /// <exception cref="BusyException">Too many wait already.</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    public async ValueTask<Turn> TakeAsync(Guid key, CancellationToken cancellationToken)
    {
        Turn turn;
        lock (turns)
        {
            if (!turns.TryGetValue(key, out turn!))
                turns[key] = turn = new Turn(this, key);
            else if (turn.Users > longest)
                throw new BusyException();
            turn.Users++;
        }

        try
        {
            await turn.Gate.WaitAsync(cancellationToken);
            return turn;
        }
        catch
        {
            Leave(turn);
            throw;
        }
    }

    private void Leave(Turn turn)
    {
        lock (turns)
        {
            if (--turn.Users == 0)
                turns.Remove(turn.Key);
        }
    }

    public sealed class Turn : IDisposable
    {
        private readonly Turns turns;

        internal Turn(Turns turns, Guid key) => (this.turns, Key) = (turns, key);

        internal Guid Key { get; }

        internal SemaphoreSlim Gate { get; } = new(1);

        /// <summary>The one that has the turn and those that wait; guarded by the lock of <see cref="Turns"/>.</summary>
        internal int Users { get; set; }

        public void Dispose()
        {
            Gate.Release();
            turns.Leave(this);
        }
    }
}

/// <summary>Too many requests wait for the same license or customer.</summary>
public sealed class BusyException() : Exception("Too many requests wait for the same license or customer.");
