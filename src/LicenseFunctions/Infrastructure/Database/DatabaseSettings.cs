using LicenseFunctions.Infrastructure.Settings;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <param name="ConnectionString">In Npgsql's form, with the options that the pooler needs; its pool is the sum of all lanes.</param>
/// <param name="HasNoPassword">Whether a token of the managed identity may be used as the password.</param>
/// <param name="IsPooled">A pooler in transaction mode is between the app and the server.</param>
public sealed record DatabaseSettings(string ConnectionString, bool HasNoPassword, bool IsPooled)
{
    private const int SmallestPool = 3;

    private const string Example = "postgresql://user:password@localhost:5432/execution_control";

    private static readonly Dictionary<string, string> LibpqNames = new()
    {
        ["sslmode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["user"] = "Username",
        ["dbname"] = "Database",
    };

    public static DatabaseSettings Read(SettingReader settings)
    {
        var text = settings.Text("DATABASE_URL", Example);
        var pooler = settings.Choice("DATABASE_POOLER", "none", "transaction");
        var poolSize = settings.Whole("DATABASE_POOL_SIZE", 20, SmallestPool, 500);
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(FromUri(text))
            {
                ApplicationName = "license-functions",
                Enlist = false,
                // The app leaves no state on a connection: no SET without LOCAL, no temporary tables, no session locks.
                NoResetOnClose = true,
            };
            if (!builder.ShouldSerialize("Maximum Pool Size"))
                builder.MaxPoolSize = poolSize;
            // A transaction pooler assigns another server connection after each transaction, so prepared statements are lost.
            if (pooler == "transaction")
                builder.MaxAutoPrepare = 0;
            else if (!builder.ShouldSerialize("Max Auto Prepare"))
                builder.MaxAutoPrepare = 100;

            return new DatabaseSettings(builder.ConnectionString, builder.Password is null or "", pooler == "transaction");
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException)
        {
            return settings.Fault("DATABASE_URL", "is neither a postgresql:// address nor an Npgsql connection string", Example,
                new DatabaseSettings("", false, false));
        }
    }

    /// <summary>
    /// How many of all connections a lane has: checks 40 %, requests 30 %, background work the rest, and each at least one.
    /// </summary>
    public static int ConnectionsOf(DatabaseLane lane, int all)
    {
        all = Math.Max(all, SmallestPool);
        var (checks, requests) = (Math.Max(1, all * 2 / 5), Math.Max(1, all * 3 / 10));
        return lane switch
        {
            DatabaseLane.Checks => checks,
            DatabaseLane.Requests => requests,
            _ => all - checks - requests,
        };
    }

    /// <summary>The connection string of a lane, with its limits.</summary>
    public string Of(DatabaseLane lane)
    {
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString);
        builder.MaxPoolSize = ConnectionsOf(lane, builder.MaxPoolSize);
        builder.MinPoolSize = Math.Min(builder.MinPoolSize, builder.MaxPoolSize);
        builder.ApplicationName = $"{builder.ApplicationName}/{lane.ToString().ToLowerInvariant()}";
        DatabaseLimits.Of(lane).Apply(builder, IsPooled);
        return builder.ConnectionString;
    }

    /// <summary>
    /// Converts a <c>postgresql://</c> URI, as libpq accepts it, to Npgsql's key=value form. Returns any other text unchanged.
    /// </summary>
    /// <exception cref="FormatException">The URI is not valid.</exception>
    /// <exception cref="ArgumentException">Npgsql doesn't support an option of the URI.</exception>
    public static string FromUri(string text)
    {
        if (!text.StartsWith("postgresql://", StringComparison.Ordinal) && !text.StartsWith("postgres://", StringComparison.Ordinal))
            return text;

        var uri = new Uri(text);
        var person = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host.Length > 0 ? uri.Host : "localhost",
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
        };
        if (person[0].Length > 0)
            builder.Username = Uri.UnescapeDataString(person[0]);
        if (person.Length > 1)
            builder.Password = Uri.UnescapeDataString(person[1]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = pair.Split('=')[0];
            var value = Uri.UnescapeDataString(pair[(name.Length + 1)..]);
            if (name == "sslmode")
                value = value.Replace("-", "", StringComparison.Ordinal);
            builder[LibpqNames.GetValueOrDefault(name, name)] = value;
        }

        return builder.ConnectionString;
    }
}
