using LicenseFunctions.Infrastructure.Settings;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <param name="ConnectionString">In Npgsql's form, with the options that the pooler needs. Its pool size is the sum of all pools.</param>
/// <param name="HasNoPassword">Whether a token of the managed identity may be used as the password.</param>
/// <param name="CheckTimeout">VALIDATION_TIMEOUT_SECONDS, 1 to 30 s: the total time of a license check.</param>
/// <param name="IsBehindPooler">A pooler in transaction mode is between the app and the server.</param>
public sealed record DatabaseSettings(string ConnectionString, bool HasNoPassword, TimeSpan CheckTimeout, bool IsBehindPooler)
{
    /// <summary>DATABASE_READ_URL: a streaming replica; null without it.</summary>
    public DatabaseSettings? Replica { get; init; }

    /// <summary>DATABASE_READ_MAX_LAG_SECONDS: how old the replica's data may be.</summary>
    public TimeSpan MaxLag { get; init; }

    private const int SmallestPool = 4;

    // As many as LicenseCheckStore reads batches at once. Npgsql uses all connections of a pool in turn, and each has a server process with
    // caches of its own: with eight of them, a check costs the server a third more than with two.
    private const int MostForCheckReads = 2;

    private const string Example = "postgresql://user:password@localhost:5432/execution_control";

    private const string ReplicaExample = "postgresql://user:password@replica:5432/execution_control";

    public static DatabaseSettings Read(SettingReader settings)
    {
        var maxLag = settings.Seconds("DATABASE_READ_MAX_LAG_SECONDS", 10, 5, 300);
        var primary = Read(settings, "DATABASE_URL", settings.Text("DATABASE_URL", Example), isReplica: false);
        return settings.Optional("DATABASE_READ_URL") is { } address
            ? primary with { Replica = Read(settings, "DATABASE_READ_URL", address, isReplica: true), MaxLag = maxLag }
            : primary;
    }

    private static DatabaseSettings Read(SettingReader settings, string name, string text, bool isReplica)
    {
        var pooler = settings.Choice("DATABASE_POOLER", "none", "transaction");
        var poolSize = settings.Whole("DATABASE_POOL_SIZE", 20, SmallestPool, 500);
        var checkTimeout = settings.Seconds("VALIDATION_TIMEOUT_SECONDS", 2, 1, 30);
        if (text.Length == 0)
            return new DatabaseSettings("", false, checkTimeout, false);
        try
        {
            var builder = DatabaseUrl.Parse(text);
            if (isReplica && builder.Host?.Contains(',') is true)
                throw new FormatException("has several hosts: name one replica, or a load balancer before several replicas");
            builder.ApplicationName = "license-functions";
            builder.Enlist = false;
            // The app leaves no state on a connection: no SET without LOCAL, no temporary tables, no session locks.
            builder.NoResetOnClose = true;
            if (!builder.ShouldSerialize("Maximum Pool Size"))
                builder.MaxPoolSize = poolSize;
            // A transaction pooler assigns another server connection after each transaction, so prepared statements are lost. It may also
            // refuse the startup parameter "options".
            if (pooler == "transaction")
            {
                builder.MaxAutoPrepare = 0;
            }
            else
            {
                if (!builder.ShouldSerialize("Max Auto Prepare"))
                    builder.MaxAutoPrepare = 100;
                // Without statistics on a new table, the planner overestimates its rows, and PostgreSQL compiles a statement that reads few
                // rows: a comparison for the health scores took 1.5 s instead of 1 ms. Options of the address come later and override it.
                builder.Options = $"-c jit=off {builder.Options}".Trim();
            }

            return new DatabaseSettings(builder.ConnectionString, builder.Password is null or "", checkTimeout, pooler == "transaction");
        }
        catch (FormatException wrong)
        {
            return settings.Fault(
                name, wrong.Message, isReplica ? ReplicaExample : Example, new DatabaseSettings("", false, checkTimeout, false));
        }
    }

    /// <summary>
    /// How many of all connections a pool has: checks 40 %, of which one or two are for their reads; requests 30 %; background work the
    /// rest. The replica gets as many as requests have on the primary, in addition.
    /// </summary>
    public static int ConnectionsOf(DatabasePool pool, int all)
    {
        all = Math.Max(all, SmallestPool);
        var (checks, requests) = (Math.Max(2, all * 2 / 5), Math.Max(1, all * 3 / 10));
        var reads = Math.Min(MostForCheckReads, checks / 2);
        return pool switch
        {
            DatabasePool.CheckReads => reads,
            DatabasePool.Checks => checks - reads,
            DatabasePool.Requests or DatabasePool.Reads => requests,
            _ => all - checks - requests,
        };
    }

    /// <summary>The connection string of a pool, with its limits.</summary>
    public string Of(DatabasePool pool)
    {
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString);
        builder.MaxPoolSize = ConnectionsOf(pool, builder.MaxPoolSize);
        builder.MinPoolSize = Math.Min(builder.MinPoolSize, builder.MaxPoolSize);
        builder.ApplicationName = $"{builder.ApplicationName}/{pool.ToString().ToLowerInvariant()}";
        // Background work empties tables that grow by 100,000 rows within seconds. A plan that was kept from the empty table would compare
        // each row with each other; without prepared statements, each execution is planned for the size that the tables have.
        if (pool == DatabasePool.Background)
            builder.MaxAutoPrepare = 0;
        DatabaseLimits.Of(pool, CheckTimeout).Apply(builder, IsBehindPooler);
        return builder.ConnectionString;
    }

    /// <inheritdoc cref="DatabaseUrl.Parse"/>
    public static string FromUri(string text) => DatabaseUrl.Parse(text).ConnectionString;
}
