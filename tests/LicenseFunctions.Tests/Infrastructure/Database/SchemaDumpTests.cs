using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>sql/schema.sql is what a fresh installation makes, for reading and review. <c>REWRITE_SCHEMA=1 ./dev test SchemaFile</c> writes it anew.</summary>
public sealed class SchemaDumpTests(PostgresFixture postgres)
{
    private static string SchemaFile => Path.Combine(Psql.SqlFolder(), "schema.sql");

    [Fact]
    public async Task SchemaFile_IsTheDumpOfAFreshInstallation()
    {
        await using var database = await postgres.NewDatabaseAsync();
        if (await database.QueryAsync<string>("select usage_log_storage()") != "partitions")
        {
            await Console.Error.WriteLineAsync("NOTE: sql/schema.sql was NOT compared: it shows native partitions, and this server has TimescaleDB.");
            return;
        }

        var schema = await SchemaDump.ReadAsync(database);
        if (Environment.GetEnvironmentVariable("REWRITE_SCHEMA") == "1")
            await File.WriteAllTextAsync(SchemaFile, schema, TestContext.Current.CancellationToken);

        var differs = Lines(schema).Except(Lines(await File.ReadAllTextAsync(SchemaFile, TestContext.Current.CancellationToken))).Take(5);
        Assert.True(schema == await File.ReadAllTextAsync(SchemaFile, TestContext.Current.CancellationToken),
            "sql/schema.sql is not what the migrations make; REWRITE_SCHEMA=1 ./dev test SchemaFile writes it anew; read the difference. New: " + string.Join(" | ", differs));
    }

    private static string[] Lines(string text) => text.Split('\n');
}

internal static partial class SchemaDump
{
    private const string Head = "-- The schema of a fresh installation with native partitions, as pg_dump tells it; SchemaDumpTests keeps it true.\n\n";

    /// <summary>The schema without what varies by day (partitions), by pg_dump's version or by run (its comments, settings and keys).</summary>
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
