using System.CommandLine;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseTool;

internal static class MigrateCommand
{
    public static Command Create()
    {
        var database = new DatabaseOption();
        var command = new Command(
            "migrate", "Installs the schema or brings it up to date, as \\i schema_license_extensions.sql does in psql") { database };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var changed = await new Migrations(source).RunAsync(Console.WriteLine, cancellationToken);
            Console.WriteLine(changed ? "the schema is up to date now" : "the schema was already up to date; nothing changed");
            return 0;
        });
        return command;
    }
}
