namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Threads for the time in which the database does not answer. Npgsql cancels statements, and breaks connections that are being canceled,
/// with calls that block: one thread of the pool per connection, for as long as a connection may take to open. All answers need threads
/// of that pool, and by itself it adds only one or two per second.
/// </summary>
/// <remarks>Not always, because each of many threads that are ready to run makes the others wait.</remarks>
public sealed class SpareThreads : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly int connections;
    private readonly ITimer end;
    private int? usual;

    /// <param name="connections">Connections that may block a thread each.</param>
    public SpareThreads(int connections, TimeProvider time)
    {
        this.connections = connections;
        end = time.CreateTimer(_ => Release(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Lets the pool grow without delay for the next minute.</summary>
    public void Allow()
    {
        lock (gate)
        {
            ThreadPool.GetMinThreads(out var workers, out var completions);
            if (usual is null)
                ThreadPool.SetMinThreads(workers + connections, completions);
            usual ??= workers;
            end.Change(Kept, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => end.Dispose();

    private void Release()
    {
        lock (gate)
        {
            if (usual is not { } workers)
                return;
            ThreadPool.GetMinThreads(out _, out var completions);
            ThreadPool.SetMinThreads(workers, completions);
            usual = null;
        }
    }
}
