using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using Licensing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>Reads with a real streaming replica.</summary>
public sealed class ReadReplicaTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string IsReplica = "select pg_is_in_recovery()";
    private const string Count = "select count(*) from notes";

    private readonly FakeTimeProvider time = new();
    private readonly RecordedLog<ReadReplica> log = new();
    private PrivatePostgres primary = null!;
    private PrivatePostgres replica = null!;
    private TestDatabase data = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        primary = await PrivatePostgres.StartAsync(postgres);
        await primary.ExecuteAsync("create database licensing");
        data = new TestDatabase(primary.Address("licensing"));
        await data.ExecuteAsync("create table notes (note text)");
        await data.DisposeAsync(); // the next step restarts the server
        replica = await primary.StartReplicaAsync();
        data = new TestDatabase(primary.Address("licensing"));
    }

    public async ValueTask DisposeAsync()
    {
        await data.DisposeAsync();
        await replica.DisposeAsync();
        await primary.DisposeAsync();
    }

    [Fact]
    public async Task ReadLatest_AfterWritesOfAnotherProcess_SeesEachOfThemOnTheReplica()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);

        for (var written = 1; written <= 100; written++)
        {
            await AddNoteAsync();
            Assert.Equal(written, await ReadLatestAsync<long>(database, Count));
        }

        Assert.True(sources.Replica!.TakeReads().OnReplica > 0);
    }

    [Fact]
    public async Task Read_ReplayIsPaused_LatestIsOnThePrimaryAndRecentOnTheReplicaUntilItsLimit()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);
        await OnReplicaAsync("select pg_wal_replay_pause()");
        await AddNoteAsync();

        Assert.Equal((1L, 0L), (await ReadLatestAsync<long>(database, Count), await ReadRecentAsync<long>(database, Count)));
        Assert.Equal((1L, 1L), sources.Replica!.TakeReads());
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, await ReadRecentAsync<long>(database, Count));
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(1, await ReadRecentAsync<long>(database, Count));

        await CheckAsync(sources, database);
        await CheckAsync(sources, database);
        Assert.Equal(ReplicaState.Behind, sources.Replica.State);
        Assert.StartsWith("The read replica may lack changes older than 10 s.", database.ReplicaWarning, StringComparison.Ordinal);
        Assert.Single(log.Lines, line => line.Level == LogLevel.Warning);

        await OnReplicaAsync("select pg_wal_replay_resume()");
        await UntilUsableAsync(sources, database);
        Assert.Null(database.ReplicaWarning);
        Assert.True(await ReadRecentAsync<bool>(database, IsReplica));
    }

    [Fact]
    public async Task Check_NothingIsWrittenForAnHour_TheReplicaStaysUsable()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);

        time.Advance(TimeSpan.FromHours(1));
        await UntilUsableAsync(sources, database);

        Assert.True(await ReadRecentAsync<bool>(database, IsReplica));
    }

    // It has replayed all that it received, so it doesn't know that it is behind.
    [Fact]
    public async Task Check_TheReplicaNoLongerReceivesTheLog_IsBehind()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);
        await OnReplicaAsync("alter system set primary_conninfo = ''");
        await OnReplicaAsync("select pg_reload_conf()");
        await using (var connection = new NpgsqlConnection(replica.Address("licensing")))
        {
            while (await connection.ExecuteScalarAsync<bool>("select exists (select from pg_stat_wal_receiver)"))
                await Task.Delay(20, Stop);
        }

        await AddNoteAsync();
        await CheckAsync(sources, database);
        time.Advance(TimeSpan.FromSeconds(11));
        await CheckAsync(sources, database);

        Assert.Equal(ReplicaState.Behind, sources.Replica!.State);
        Assert.False(await ReadRecentAsync<bool>(database, IsReplica));
    }

    [Fact]
    public async Task Read_TheReplicaIsStopped_RunsOnThePrimaryUntilItAnswersAgain()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);

        await replica.StopAsync();
        Assert.Equal((false, false), (await ReadLatestAsync<bool>(database, IsReplica), await ReadRecentAsync<bool>(database, IsReplica)));
        await CheckAsync(sources, database);
        await CheckAsync(sources, database);

        Assert.Equal(ReplicaState.Unreachable, sources.Replica!.State);
        Assert.StartsWith("The read replica does not answer.", database.ReplicaWarning, StringComparison.Ordinal);
        Assert.Single(log.Lines, line => line.Level == LogLevel.Warning);
        Assert.False(await ReadRecentAsync<bool>(database, IsReplica));

        await replica.StartAsync();
        await UntilUsableAsync(sources, database);
        Assert.True(await ReadRecentAsync<bool>(database, IsReplica));
    }

    [Fact]
    public async Task Read_TheReplicaIsFrozen_IsAnsweredByThePrimaryWithinTheTimeOfARequest()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);
        var begun = InRequestAsync(() => SleepOnReplicaAsync(database));
        await UntilSleepingAsync();

        await replica.FreezeAsync();
        try
        {
            Assert.False(await InRequestAsync(() => ReadRecentAsync<bool>(database, IsReplica)));
            await CheckAsync(sources, database);
            Assert.Equal(ReplicaState.Unreachable, sources.Replica!.State);
            Assert.False(await begun);
        }
        finally
        {
            await replica.ThawAsync();
        }

        await UntilUsableAsync(sources, database);
        Assert.True(await ReadRecentAsync<bool>(database, IsReplica));
    }

    [Fact]
    public async Task Read_ReplayOfAVacuumCancelsIt_IsRepeatedOnThePrimary()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);
        await OnReplicaAsync("alter system set max_standby_streaming_delay = 0");
        await OnReplicaAsync("select pg_reload_conf()");
        await AddNoteAsync();
        await UntilUsableAsync(sources, database);
        var begun = SleepOnReplicaAsync(database);
        await UntilSleepingAsync();

        await data.ExecuteAsync("delete from notes");
        await data.ExecuteAsync("vacuum notes");

        Assert.False(await begun);
        Assert.Equal(
            PostgresErrorCodes.SerializationFailure,
            Assert.IsType<PostgresException>(Assert.Single(log.Lines, line => line.Failure is not null).Failure).SqlState);
        Assert.Equal(ReplicaState.Usable, sources.Replica!.State);
    }

    [Theory]
    [InlineData("licensing", true)] // the primary itself
    [InlineData("postgres", false)] // another database
    public async Task Check_NotAReplicaOfTheDatabase_IsNotUsed(string name, bool isPrimary)
    {
        await using var sources = Sources((isPrimary ? primary : replica).Address(name));
        var database = new LicenseDatabase(sources);

        await CheckAsync(sources, database);

        Assert.Equal(ReplicaState.NotAReplica, sources.Replica!.State);
        Assert.StartsWith("The server of DATABASE_READ_URL is not a replica", database.ReplicaWarning, StringComparison.Ordinal);
        Assert.False(await ReadRecentAsync<bool>(database, IsReplica));
    }

    [Fact]
    public async Task Read_TheReplicaIsPromoted_RunsOnThePrimary()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);

        await OnReplicaAsync("select pg_promote()");
        await AddNoteAsync();

        Assert.Equal((1L, 1L), (await ReadLatestAsync<long>(database, Count), await ReadRecentAsync<long>(database, Count)));
    }

    [Fact]
    public async Task Read_TheReadItselfFails_ReportsItsFailure()
    {
        await using var sources = Sources();
        var database = await UsableAsync(sources);

        var wrong = await Assert.ThrowsAsync<PostgresException>(() => ReadRecentAsync<long>(database, "select 1 / 0"));

        Assert.Equal(PostgresErrorCodes.DivisionByZero, wrong.SqlState);
    }

    [Fact]
    public void Reasons_OfTheMetric_AreTheStatesInWhichItIsNotUsed() => Assert.Equal(
        Enum.GetValues<ReplicaState>().Except([ReplicaState.Unknown, ReplicaState.Usable]).Select(EnumWords.Of),
        ProcessCounts.ReplicaReasons);

    private DatabaseSources Sources(string? address = null)
    {
        var settings = DatabaseSettings.Read(new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(
        [
            new("DATABASE_URL", primary.Address("licensing")),
            new("DATABASE_READ_URL", address ?? replica.Address("licensing")),
        ]).Build()));
        NpgsqlDataSource of(DatabaseSettings server, DatabasePool pool) => DatabaseRegistration.Source(
            server with { ConnectionString = server.Of(pool) }, null, NullLoggerFactory.Instance);
        return new DatabaseSources(
            of(settings, DatabasePool.CheckReads), of(settings, DatabasePool.Checks), of(settings, DatabasePool.Requests),
            of(settings, DatabasePool.Background), settings.CheckTimeout, settings.IsBehindPooler,
            new ReadReplica(of(settings.Replica!, DatabasePool.Reads), settings.MaxLag, time, log));
    }

    private static async Task<LicenseDatabase> UsableAsync(DatabaseSources sources)
    {
        var database = new LicenseDatabase(sources);
        await UntilUsableAsync(sources, database);
        return database;
    }

    // Until it answers and has replayed the primary's position promptly: a busy machine may need several readings.
    private static async Task UntilUsableAsync(DatabaseSources sources, LicenseDatabase database)
    {
        while (true)
        {
            await CheckAsync(sources, database);
            if (sources.Replica!.CanRead(latest: true))
                return;
            await Task.Delay(20, Stop);
        }
    }

    private static Task CheckAsync(DatabaseSources sources, LicenseDatabase database) => sources.Replica!.CheckAsync(database, Stop);

    private Task<int> AddNoteAsync() => data.ExecuteAsync("insert into notes values ('a note')");

    private static Task<T> ReadLatestAsync<T>(LicenseDatabase database, string sql) =>
        database.ReadLatestAsync(token => QueryAsync<T>(database, sql, token), Stop);

    private static Task<T> ReadRecentAsync<T>(LicenseDatabase database, string sql) =>
        database.ReadRecentAsync(token => QueryAsync<T>(database, sql, token), Stop);

    private static async Task<T> QueryAsync<T>(LicenseDatabase database, string sql, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.ExecuteScalarAsync<T>(new CommandDefinition(sql, cancellationToken: session.Token)))!;
    }

    /// <returns>Whether the replica answered. On the replica, the statement takes an hour.</returns>
    private static Task<bool> SleepOnReplicaAsync(LicenseDatabase database) => ReadRecentAsync<bool>(
        database,
        "select pg_is_in_recovery() from (select count(*), case when pg_is_in_recovery() then pg_sleep(3600) end from notes) as slept");

    /// <summary>Runs it with the time limit of a request.</summary>
    private static async Task<T> InRequestAsync<T>(Func<Task<T>> work)
    {
        DatabaseScope.Enter(DatabasePool.Requests);
        return await work();
    }

    private async Task UntilSleepingAsync()
    {
        await using var connection = new NpgsqlConnection(replica.Address("licensing"));
        while (!await connection.ExecuteScalarAsync<bool>("select exists (select from pg_stat_activity where wait_event = 'PgSleep')"))
            await Task.Delay(20, Stop);
    }

    private async Task OnReplicaAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(replica.Address("licensing"));
        await connection.ExecuteAsync(sql);
    }
}
