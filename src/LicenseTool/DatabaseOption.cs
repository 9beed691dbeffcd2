using System.CommandLine;
using System.CommandLine.Parsing;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseTool;

/// <summary>The command can't run as it was called; the message says why.</summary>
internal sealed class UsageException(string message) : Exception(message);

internal sealed class DatabaseOption : Option<string>
{
    public DatabaseOption()
        : base("--database")
    {
        Description = "URL or connection string of the database; default: DATABASE_URL";
        Validators.Add(Check);
    }

    public static void Check(OptionResult result)
    {
        if (result.GetValueOrDefault<string?>() is { Length: > 0 } text && Fault(text) is { } fault)
            result.AddError(fault);
    }

    /// <remarks>The message doesn't contain the value, because the value may contain a password.</remarks>
    private static string? Fault(string text)
    {
        try
        {
            DatabaseUrl.Parse(text);
            return null;
        }
        catch (FormatException wrong)
        {
            return $"The database's address {wrong.Message}. Example: postgresql://user@localhost/execution_control";
        }
    }

    /// <summary>
    /// With the limits of background work: a command must not wait for a locked row while it holds other locks. A pooler in transaction
    /// mode refuses the limits, so they are left out with DATABASE_POOLER=transaction.
    /// </summary>
    /// <remarks>The tool's user operates the database, so errors may name rows and views.</remarks>
    public NpgsqlDataSource Open(ParseResult arguments)
    {
        var builder = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(Address(arguments)))
        {
            IncludeErrorDetail = true,
        };
        var pooler = Environment.GetEnvironmentVariable("DATABASE_POOLER");
        DatabaseLimits.Of(DatabasePool.Background, checkTimeout: default)
            .Apply(builder, isBehindPooler: "transaction".Equals(pooler, StringComparison.OrdinalIgnoreCase));
        return NpgsqlDataSource.Create(builder);
    }

    // Not a default value of the option: the help would print it with its password.
    private string Address(ParseResult arguments)
    {
        if (arguments.GetValue(this) is { Length: > 0 } given)
            return given;
        if (Environment.GetEnvironmentVariable("DATABASE_URL") is not { Length: > 0 } address)
        {
            throw new UsageException("The database is missing: use --database or DATABASE_URL. "
                + "Example: DATABASE_URL=postgresql://user@localhost/execution_control");
        }

        return Fault(address) is { } fault ? throw new UsageException(fault) : address;
    }
}
