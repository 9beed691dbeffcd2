using System.Diagnostics;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// An open connection, and the token for its commands: it is canceled with the caller's token, and when the scope's time is used up.
/// </summary>
public sealed class DatabaseSession : IAsyncDisposable
{
    private readonly DatabaseScope? scope;
    private readonly SpareThreads threads;
    private readonly long beganAt = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource commands = new();
    private CancellationTokenRegistration caller;
    private CancellationTokenRegistration lostReplica;
    private Timer? deadline;
    private int canceled;

    /// <param name="total">The limit of the scope's database time; null for none.</param>
    private DatabaseSession(DatabaseScope? scope, SpareThreads threads, TimeSpan? total, CancellationToken cancellationToken)
    {
        (this.scope, this.threads) = (scope, threads);
        caller = cancellationToken.UnsafeRegister(static session => ((DatabaseSession)session!).Cancel(), this);
        if (total - scope?.Used is { } remaining)
        {
            deadline = new Timer(
                static session => ((DatabaseSession)session!).CancelUnanswered(), this,
                remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    public NpgsqlConnection Connection { get; private set; } = null!;

    public CancellationToken Token => commands.Token;

    /// <exception cref="OperationCanceledException">
    /// The caller's token is canceled, the scope's time is used up, or the replica no longer answers.
    /// </exception>
    internal static async ValueTask<DatabaseSession> OpenAsync(DatabaseSources sources, Turns turns, CancellationToken cancellationToken)
    {
        var scope = DatabaseScope.Current;
        var pool = DatabaseScope.CurrentPool;
        var session = new DatabaseSession(scope, sources.SpareThreads, sources.LimitsOf(pool).Total, cancellationToken);
        var hasBegun = false;
        try
        {
            if (scope is not null)
            {
                await scope.BeginAsync(turns, pool == DatabasePool.Checks ? sources.Admissions : null, session.Token);
                hasBegun = true;
            }

            session.Connection = ReplicaRead.Current is { } read
                ? await session.OpenOnReplicaAsync(read)
                : await sources[pool].OpenConnectionAsync(session.Token);
            return session;
        }
        catch
        {
            session.Release(hasBegun);
            throw;
        }
    }

    private Task<NpgsqlConnection> OpenOnReplicaAsync(ReplicaRead read)
    {
        lostReplica = read.Replica.Lost.UnsafeRegister(static session => ((DatabaseSession)session!).CancelUnanswered(), this);
        return read.Replica.OpenAsync(read.Position, Token);
    }

    public void Deconstruct(out NpgsqlConnection connection, out CancellationToken cancellationToken) =>
        (connection, cancellationToken) = (Connection, Token);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Connection.DisposeAsync();
        }
        finally
        {
            Release(hasBegun: true);
        }
    }

    private void Release(bool hasBegun)
    {
        caller.Dispose();
        lostReplica.Dispose();
        deadline?.Dispose();
        if (hasBegun)
            scope?.End(beganAt);
    }

    private void CancelUnanswered()
    {
        threads.Allow();
        Cancel();
    }

    // On its own thread, because Npgsql sends the request to cancel on another connection and waits for it synchronously: for as long as
    // a connection may take to open, if the server is stopped. Several of them would occupy the thread pool, which all answers need.
    private void Cancel()
    {
        if (Interlocked.Exchange(ref canceled, 1) == 0)
            new Thread(static source => ((CancellationTokenSource)source!).Cancel()) { IsBackground = true }.UnsafeStart(commands);
    }
}
