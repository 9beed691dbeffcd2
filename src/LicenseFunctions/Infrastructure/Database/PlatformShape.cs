using System.Text.RegularExpressions;
using Dapper;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// The columns and enums that the platform's own tables must have: those that <c>0001_platform.sql</c> creates in an empty database.
/// </summary>
public static partial class PlatformShape
{
    // A column of varchar may be text, and the other way around.
    private const string Columns = """
        select format('%s.%s is %s; expected: %s', e.table_name, e.column_name,
                      coalesce(format_type(a.atttypid, a.atttypmod), 'missing'), e.type_name)
        from unnest(@tables, @columns, @types) as e (table_name, column_name, type_name)
        cross join lateral (select to_regtype(split_part(e.type_name, '(', 1)) as type) expected
        left join pg_attribute a
            on a.attrelid = to_regclass(e.table_name) and a.attname = e.column_name and a.attnum > 0 and not a.attisdropped
        where to_regclass(e.table_name) is not null
          and a.atttypid is distinct from expected.type::oid
          and (a.atttypid in ('text'::regtype, 'varchar'::regtype) and expected.type in ('text'::regtype, 'varchar'::regtype)) is not true
        order by e.table_name, e.column_name
        """;

    private const string Labels = """
        select format('the type %s has no value %s', e.type_name, e.label)
        from unnest(@types, @labels) as e (type_name, label)
        where to_regtype(e.type_name) is not null
          and not exists (select from pg_enum l where l.enumtypid = to_regtype(e.type_name)::oid and l.enumlabel = e.label)
        """;

    /// <summary>
    /// How the platform's tables in this database differ, one text each. A table that is missing doesn't count, because it is created.
    /// </summary>
    public static async Task<IReadOnlyList<string>> DifferencesAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        var script = Migrations.Text("migrations/0001_platform");
        var columns = Table().Matches(script).SelectMany(table => Column().Matches(table.Groups[2].Value).Select(column =>
            (Table: table.Groups[1].Value, Name: column.Groups[1].Value, Type: column.Groups[2].Value))).ToList();
        var labels = Enumeration().Matches(script).SelectMany(type => Label().Matches(type.Groups[2].Value).Select(label =>
            (Type: type.Groups[1].Value, Label: label.Groups[1].Value))).ToList();
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var wrong = await connection.QueryAsync<string>(new CommandDefinition(Columns, new
        {
            tables = columns.Select(column => column.Table).ToArray(),
            columns = columns.Select(column => column.Name).ToArray(),
            types = columns.Select(column => column.Type).ToArray(),
        }, cancellationToken: cancellationToken));
        var missing = await connection.QueryAsync<string>(new CommandDefinition(Labels, new
        {
            types = labels.Select(label => label.Type).ToArray(),
            labels = labels.Select(label => label.Label).ToArray(),
        }, cancellationToken: cancellationToken));
        return [.. wrong, .. missing];
    }

    [GeneratedRegex(@"create table (\w+) \(\n(.*?)\n        \);", RegexOptions.Singleline)]
    private static partial Regex Table();

    [GeneratedRegex(@"^            (?!constraint )(\w+) +(\w+(?:\(\d+(?:,\d+)?\))?)", RegexOptions.Multiline)]
    private static partial Regex Column();

    [GeneratedRegex(@"create type (\w+) as enum\s+\(([^)]*)\)")]
    private static partial Regex Enumeration();

    [GeneratedRegex("'(\\w+)'")]
    private static partial Regex Label();
}
