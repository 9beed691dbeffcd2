using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>
/// sql/schema.sql is the schema of a new installation, for reviews. <c>REWRITE_SCHEMA=1 ./dev test SchemaFile</c> regenerates it.
/// </summary>
public sealed class SchemaDumpTests(PostgresFixture postgres)
{
    private static string SchemaFile => Path.Combine(Psql.SqlFolder(), "schema.sql");

    [Fact]
    public async Task SchemaFile_IsTheDumpOfANewInstallation()
    {
        await using var database = await postgres.NewDatabaseAsync();
        if (await database.QueryAsync<string>("select usage_log_storage()") != "partitions")
        {
            await Console.Error.WriteLineAsync(
                "NOTE: sql/schema.sql was NOT compared: it has native partitions, and this server has TimescaleDB.");
            return;
        }

        var schema = await SchemaDump.ReadAsync(database);
        if (Environment.GetEnvironmentVariable("REWRITE_SCHEMA") == "1")
            await File.WriteAllTextAsync(SchemaFile, schema, TestContext.Current.CancellationToken);

        var differs = Lines(schema).Except(Lines(await File.ReadAllTextAsync(SchemaFile, TestContext.Current.CancellationToken))).Take(5);
        Assert.True(schema == await File.ReadAllTextAsync(SchemaFile, TestContext.Current.CancellationToken),
            "sql/schema.sql differs from the result of the migrations. REWRITE_SCHEMA=1 ./dev test SchemaFile regenerates it; " +
            "review the difference. New: " + string.Join(" | ", differs));
    }

    private static string[] Lines(string text) => text.Split('\n');
}

internal static partial class SchemaDump
{
    private const string Head =
        "-- The schema of a new installation with native partitions, written by pg_dump. SchemaDumpTests compares it.\n\n";

    /// <summary>
    /// The schema without partitions, which depend on the day, and without pg_dump's comments, settings and keys, which depend on its
    /// version or on the run.
    /// </summary>
    public static async Task<string> ReadAsync(TestDatabase database)
    {
        var dump = await Psql.RunAsync("pg_dump", database, Path.GetTempPath(),
            "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=license_usage_log_w*");
        return Head + BlankLines().Replace(Varying().Replace(dump, ""), "\n\n").Trim() + "\n";
    }

    [GeneratedRegex(@"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict).*\n", RegexOptions.Multiline)]
    private static partial Regex Varying();

    [GeneratedRegex(@"\n{3,}")]
    private static partial Regex BlankLines();
}
