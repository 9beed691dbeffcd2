using System.Diagnostics;
using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Infrastructure.Database;

public enum ReplicaState
{
    /// <summary>It has not been read yet.</summary>
    Unknown,

    Usable,

    /// <summary>It may lack changes that are older than DATABASE_READ_MAX_LAG_SECONDS.</summary>
    Behind,

    /// <summary>It does not answer.</summary>
    Unreachable,

    /// <summary>It is not a replica of the database of DATABASE_URL.</summary>
    NotAReplica,
}

/// <summary>The streaming replica of DATABASE_READ_URL: whether it can be read, and how old its data may be.</summary>
/// <remarks>
/// Its age is measured with positions of the primary's log. The time of the last replayed transaction is no measure: on an idle primary, it
/// is old although nothing is missing, and on a replica that has lost its primary, nothing seems to wait.
/// </remarks>
public sealed class ReadReplica(NpgsqlDataSource source, TimeSpan maxLag, TimeProvider time, ILogger<ReadReplica> log) : IAsyncDisposable
{
    /// <summary>How often <see cref="CheckAsync"/> must be called.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest time that a read waits until the replica has replayed what the primary had committed before. Usually, this takes some
    /// milliseconds.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.3);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    // Whole seconds. A connection must open within the same time. A replica that is stopped delays a read by this time, and by the
    // time that Npgsql needs to close the connection.
    private const int AnswerSeconds = 1;

    // At this interval, they last longer than the greatest DATABASE_READ_MAX_LAG_SECONDS.
    private const int MaxPositions = 300;

    /// <param name="ReachedAt">The replica has everything that was committed before this time; null if none is known.</param>
    /// <param name="IsPrompt">It had reached the primary's position within <see cref="Patience"/>.</param>
    private sealed record Reading(ReplicaState State, long? ReachedAt = null, bool IsPrompt = false);

    private sealed record Server(string Identity, NpgsqlLogSequenceNumber? Position);

    // The primary's positions that the replica has not reached yet, the oldest first.
    private readonly List<(NpgsqlLogSequenceNumber Position, long At)> ahead = [];
    private volatile Reading last = new(ReplicaState.Unknown);
    private volatile CancellationTokenSource lost = new();
    private long reads;
    private long passedBy;

    public ReplicaState State => last.State;

    public int MaxConnections { get; } = new NpgsqlConnectionStringBuilder(source.ConnectionString).MaxPoolSize;

    /// <summary>A sentence for operators; null if the replica is in use, or has not been read yet.</summary>
    public string? Warning => State switch
    {
        ReplicaState.Behind =>
            $"The read replica may lack changes older than {maxLag.TotalSeconds:0} s. Its reads run on the primary until it has caught up.",
        ReplicaState.Unreachable => "The read replica does not answer. Its reads run on the primary until it answers.",
        ReplicaState.NotAReplica =>
            "The server of DATABASE_READ_URL is not a replica of DATABASE_URL's database. Its reads run on the primary.",
        _ => null,
    };

    /// <summary>Canceled when the replica stops answering, which ends the reads that wait for it.</summary>
    internal CancellationToken Lost => lost.Token;

    /// <param name="latest">Whether the read must see everything that is committed now.</param>
    public bool CanRead(bool latest) =>
        last is { State: ReplicaState.Usable } reading && (latest ? reading.IsPrompt : IsRecent(reading.ReachedAt));

    private bool IsRecent(long? reachedAt) => reachedAt is { } at && time.GetElapsedTime(at) <= maxLag;

    /// <summary>Reports that a read failed on the replica and is repeated on the primary.</summary>
    internal void Report(Exception failure) => log.LogDebug(failure, "A read is repeated on the primary");

    /// <summary>Counts a read that asked for the replica.</summary>
    internal void Count(bool isPassedBy) => Interlocked.Increment(ref isPassedBy ? ref passedBy : ref reads);

    /// <summary>The reads since the last call: those on the replica, and those that ran on the primary instead.</summary>
    public (long OnReplica, long OnPrimary) TakeReads() => (Interlocked.Exchange(ref reads, 0), Interlocked.Exchange(ref passedBy, 0));

    // Every replica has its server's identifier. After a failover or a restore, a replica of the old server keeps the old timeline. The
    // timeline is that of the last checkpoint, so a correct replica may also be refused for some minutes after a failover.
    private const string Primary = """
        select concat_ws('/', system_identifier, timeline_id, current_database()) as identity, pg_current_wal_flush_lsn() as position
        from pg_control_system(), pg_control_checkpoint()
        """;

    /// <summary>Compares the replica with the primary. Only one call may run at a time.</summary>
    /// <exception cref="PostgresException">The primary refuses the comparison.</exception>
    public async Task CheckAsync(LicenseDatabase database, CancellationToken cancellationToken)
    {
        var askedAt = time.GetTimestamp();
        Server primary;
        try
        {
            await using var session = await database.OpenAsync(cancellationToken);
            primary = await session.Connection.QuerySingleAsync<Server>(
                new CommandDefinition(Primary, commandTimeout: AnswerSeconds, cancellationToken: session.Token));
        }
        catch (Exception silent) when (ConnectionLoss.IsReportedBy(silent) || silent is OperationCanceledException)
        {
            return; // Without the primary, no comparison is possible. The age of the replica's data grows.
        }

        try
        {
            Compare(primary, askedAt, await FollowAsync(primary.Position!.Value, cancellationToken));
        }
        catch (Exception silent) when (silent is NpgsqlException or TimeoutException)
        {
            log.LogDebug(silent, "The read replica did not answer");
            Lose(ReplicaState.Unreachable);
        }
    }

    private void Compare(Server primary, long askedAt, Server replica)
    {
        if (replica.Position is not { } replayed || replica.Identity != primary.Identity)
        {
            Lose(ReplicaState.NotAReplica);
            return;
        }

        ahead.Add((primary.Position!.Value, askedAt));
        // The last one, because positions may be smaller after a failover.
        var reached = ahead.FindLastIndex(known => known.Position <= replayed);
        var reachedAt = reached >= 0 ? ahead[reached].At : last.ReachedAt;
        ahead.RemoveRange(0, reached + 1);
        if (ahead.Count > MaxPositions)
            ahead.RemoveAt(0);
        Set(new Reading(IsRecent(reachedAt) ? ReplicaState.Usable : ReplicaState.Behind, reachedAt, IsPrompt: ahead.Count == 0));
    }

    // When the address answers again, the server may be another one, restored from a backup. Its age is unknown until it reaches a new
    // position.
    private void Lose(ReplicaState state)
    {
        ahead.Clear();
        Set(new Reading(state));
        Interlocked.Exchange(ref lost, new CancellationTokenSource()).Cancel();
    }

    private const string Replica = """
        select concat_ws('/', system_identifier, timeline_id, current_database()) as identity,
               case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end as position
        from pg_control_system(), pg_control_checkpoint()
        """;

    private async Task<Server> FollowAsync(NpgsqlLogSequenceNumber position, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var server = await connection.QuerySingleAsync<Server>(
            new CommandDefinition(Replica, commandTimeout: AnswerSeconds, cancellationToken: cancellationToken));
        return server.Position is null || server.Position >= position
            ? server
            : server with { Position = await ReplayedAsync(connection, position, cancellationToken) };
    }

    /// <summary>Opens a connection to a server that has replayed the primary's log up to a position.</summary>
    /// <exception cref="ReplicaBehindException">It has not, or it is not a replica.</exception>
    internal async Task<NpgsqlConnection> OpenAsync(NpgsqlLogSequenceNumber position, CancellationToken cancellationToken)
    {
        var connection = await source.OpenConnectionAsync(cancellationToken);
        try
        {
            return await ReplayedAsync(connection, position, cancellationToken) >= position
                ? connection
                : throw new ReplicaBehindException();
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // A promoted replica still returns the position that it had replayed, so pg_is_in_recovery is checked.
    private const string Replayed = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end";

    private static async Task<NpgsqlLogSequenceNumber?> ReplayedAsync(
        NpgsqlConnection connection, NpgsqlLogSequenceNumber position, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var replayed = await connection.ExecuteScalarAsync<NpgsqlLogSequenceNumber?>(
                new CommandDefinition(Replayed, commandTimeout: AnswerSeconds, cancellationToken: cancellationToken));
            if (replayed is null || replayed >= position || Stopwatch.GetElapsedTime(began) >= Patience)
                return replayed;
            await Task.Delay(Pause, cancellationToken);
        }
    }

    private void Set(Reading reading)
    {
        var before = last.State;
        last = reading;
        if (reading.State == before)
            return;
        if (reading.State == ReplicaState.Usable)
            log.LogInformation("The read replica is in use");
        else
            log.LogWarning("{Warning}", Warning);
    }

    public ValueTask DisposeAsync()
    {
        lost.Dispose();
        return source.DisposeAsync();
    }
}

/// <summary>The replica did not replay in time what the primary had committed before the read, or it is no longer a replica.</summary>
internal sealed class ReplicaBehindException() : Exception("The replica lacks changes that the read must see.");
