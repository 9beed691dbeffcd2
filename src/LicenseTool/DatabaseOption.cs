using System.CommandLine;
using System.CommandLine.Parsing;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseTool;

internal sealed class DatabaseOption : Option<string>
{
    public DatabaseOption()
        : base("--database")
    {
        Description = "URL or connection string of the database; default: DATABASE_URL";
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("DATABASE_URL") ?? "";
        Validators.Add(result =>
        {
            if (string.IsNullOrEmpty(result.GetValueOrDefault<string>()))
            {
                result.AddError("The database is missing: use --database or DATABASE_URL. " +
                    "Example: DATABASE_URL=postgresql://user@localhost/execution_control");
            }
        });
        Validators.Add(Check);
    }

    /// <remarks>The message doesn't contain the value, because the value may contain a password.</remarks>
    public static void Check(OptionResult result)
    {
        if (result.GetValueOrDefault<string?>() is not { Length: > 0 } text)
            return; // reported as missing
        try
        {
            DatabaseUrl.Parse(text);
        }
        catch (FormatException wrong)
        {
            result.AddError($"The database's address {wrong.Message}. Example: postgresql://user@localhost/execution_control");
        }
    }

    /// <summary>
    /// With the limits of background work: a command must not wait for a locked row while it holds other locks. A pooler in transaction
    /// mode refuses the limits, so they are left out with DATABASE_POOLER=transaction.
    /// </summary>
    /// <remarks>The tool's user operates the database, so errors may name rows and views.</remarks>
    public NpgsqlDataSource Open(ParseResult arguments)
    {
        var builder = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(arguments.GetRequiredValue(this)))
        {
            IncludeErrorDetail = true,
        };
        var pooler = Environment.GetEnvironmentVariable("DATABASE_POOLER");
        DatabaseLimits.Of(DatabasePool.Background, checkTimeout: default)
            .Apply(builder, isBehindPooler: "transaction".Equals(pooler, StringComparison.OrdinalIgnoreCase));
        return NpgsqlDataSource.Create(builder);
    }
}
