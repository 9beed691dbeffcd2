using System.CommandLine;
using Dapper;
using Npgsql;

namespace LicenseTool;

/// <summary>Runs the files of sql/demo in order, in one transaction. All files are idempotent.</summary>
internal static class DemoDataCommand
{
    // If two processes start at the same time, one waits for the other.
    private const string OneAtATime = "select pg_advisory_xact_lock(hashtextextended('demo_data', 0))";

    public static Command Create()
    {
        var database = new DatabaseOption();
        var command = new Command("demo-data", "Loads demo data, or moves its dates to the present") { database };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            await LoadAsync(source, cancellationToken);
            return 0;
        });
        return command;
    }

    internal static async Task LoadAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(OneAtATime, cancellationToken: cancellationToken));
        var assembly = typeof(DemoDataCommand).Assembly;
        var files = assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("demo/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        foreach (var file in files)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(file)!);
            var sql = await reader.ReadToEndAsync(cancellationToken);
            await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
    }
}
