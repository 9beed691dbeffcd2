using System.CommandLine;
using Npgsql;

namespace LicenseTool;

/// <summary>The files of sql/demo in order and in one transaction; each may run again and again.</summary>
internal static class DemoDataCommand
{
    // Two starts at once load one after the other.
    private const string OneAtATime = "select pg_advisory_xact_lock(hashtextextended('demo_data', 0))";

    public static Command Create()
    {
        var database = new DatabaseOption();
        var command = new Command("demo-data", "Load a small platform to try things on, or bring it up to the present") { database };
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
        await ExecuteAsync(OneAtATime, connection, cancellationToken);
        var assembly = typeof(DemoDataCommand).Assembly;
        foreach (var file in assembly.GetManifestResourceNames().Where(name => name.StartsWith("demo/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(file)!);
            await ExecuteAsync(await reader.ReadToEndAsync(cancellationToken), connection, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task ExecuteAsync(string sql, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
