using System.CommandLine;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseTool;

internal static class MigrateCommand
{
    // The classes of errors about names and types (42804: datatype_mismatch, 42703: undefined_column), and about values (22P02: an enum
    // lacks one).
    private static readonly string[] WrongShape = ["42", "22"];

    public static Command Create()
    {
        var database = new DatabaseOption();
        var command = new Command(
            "migrate", "Installs the schema or brings it up to date, as \\i schema_license_extensions.sql does in psql") { database };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            try
            {
                var changed = await new Migrations(source).RunAsync(Console.WriteLine, cancellationToken);
                foreach (var difference in await PlatformShape.DifferencesAsync(source, cancellationToken))
                    Console.WriteLine($"WARNING: the platform's table differs: {difference}");
                Console.WriteLine(changed ? "the schema is up to date now" : "the schema was already up to date; nothing changed");
                return 0;
            }
            catch (PostgresException refused) when (WrongShape.Contains(refused.SqlState[..2]))
            {
                var differences = await PlatformShape.DifferencesAsync(source, cancellationToken);
                if (differences.Count == 0)
                    throw;
                throw new UsageException($"""
                    The platform's tables are not as this schema needs them:
                    {string.Join('\n', differences.Select(difference => $"  {difference}"))}
                    Correct them and run the command again; docs/integration.md describes them. PostgreSQL reported: {refused.MessageText}
                    """);
            }
        });
        return command;
    }
}
