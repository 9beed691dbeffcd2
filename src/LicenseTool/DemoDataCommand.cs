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
        var (database, yes) = (new DatabaseOption(), Confirmation.Yes("the change of a database with other users"));
        var command = new Command("demo-data", "Loads demo data, or moves its dates to the present") { database, yes };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            if (!arguments.GetValue(yes) && await OtherUsersAsync(source, cancellationToken) is > 0 and var others
                && !await Confirmation.IsGivenAsync(
                    $"The database has users of its own ({others}). This adds demo users, and licenses with known tokens, "
                    + "such as demo-nora.",
                    "demo-data", "Nothing was added. ./dev run --empty works without demo data."))
                return 1;
            await LoadAsync(source, cancellationToken);
            return 0;
        });
        return command;
    }

    private const string OtherUsers = """
        select count(*) from users
        where user_id not between '00000000-0000-4000-8000-000000000001' and '00000000-0000-4000-8000-000000000299'
        """;

    private static async Task<long> OtherUsersAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(OtherUsers, cancellationToken: cancellationToken));
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
