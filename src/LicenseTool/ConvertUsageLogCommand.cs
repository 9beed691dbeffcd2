using System.CommandLine;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseTool;

internal static class ConvertUsageLogCommand
{
    public static Command Create()
    {
        var database = new DatabaseOption();
        var command = new Command(
            "convert-usage-log",
            "Moves the usage log from native partitions into a TimescaleDB hypertable, a day at a time; can be started again") { database };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var converted = await new UsageLogConversion(source, new Migrations(source)).RunAsync(Console.WriteLine, cancellationToken);
            Console.WriteLine(converted ? "the usage log is a hypertable now" : "the usage log was a hypertable already; nothing changed");
            return 0;
        });
        return command;
    }
}
