using System.CommandLine;
using LicenseFunctions.Database;
using Npgsql;

namespace LicenseTool;

internal sealed class DatabaseOption : Option<string>
{
    public DatabaseOption()
        : base("--database")
    {
        Description = "The database; DATABASE_URL where it isn't given";
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("DATABASE_URL") ?? "";
        Validators.Add(result =>
        {
            if (string.IsNullOrEmpty(result.GetValueOrDefault<string>()))
                result.AddError("Which database? --database, or DATABASE_URL. Example: DATABASE_URL=postgresql://user@localhost/execution_control");
        });
    }

    public NpgsqlDataSource Open(ParseResult arguments) =>
        NpgsqlDataSource.Create(DatabaseSettings.FromUri(arguments.GetRequiredValue(this)));
}
