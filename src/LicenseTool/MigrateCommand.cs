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
            var migrations = new Migrations(source);
            var isNew = await migrations.IsNewAsync(cancellationToken);
            try
            {
                if (isNew && (await PlatformShape.DifferencesAsync(source, cancellationToken)).Count > 0)
                    await RehearseAsync(migrations, cancellationToken);
                var changed = await migrations.RunAsync(Console.WriteLine, cancellationToken);
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
                    {(isNew ? "Nothing was installed." : "")}
                    """.TrimEnd());
            }
        });
        return command;
    }

    // Most differences do no harm. Whether one does shows only in the installation, and a platform's database must not keep half of it.
    private static async Task RehearseAsync(Migrations migrations, CancellationToken cancellationToken)
    {
        try
        {
            await migrations.RehearseAsync(cancellationToken);
        }
        catch (PostgresException failed) when (!WrongShape.Contains(failed.SqlState[..2]))
        {
            // For example a lock, or a value that can be used only after a commit: the installation itself decides.
        }
    }
}
