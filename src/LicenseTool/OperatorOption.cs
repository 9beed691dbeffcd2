using System.CommandLine;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseTool;

/// <summary>Option --by of commands that are audited: who runs them.</summary>
internal static class OperatorOption
{
    private const int MostNamed = 5;

    public static Option<Guid?> Create()
    {
        var by = Values.Id("--by", "Your user_id, as an operator, for the audit log", "a user_id");
        by.Required = true;
        return by;
    }

    private const string Operators = """
        select user_id, email || case when is_active then '' else ', inactive' end, is_active and user_id = @id as is_given from users
        where role in ('operator', 'admin')
        order by is_given desc, is_active desc, email limit @MostNamed
        """;

    /// <exception cref="UsageException">The database has other operators, but not this one.</exception>
    public static async Task<Actor> OperatorAsync(
        this ParseResult arguments, Option<Guid?> by, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var id = arguments.GetValue(by);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var operators = (await connection.QueryAsync<(Guid Id, string Email, bool IsGiven)>(
            new CommandDefinition(Operators, new { id, MostNamed }, cancellationToken: cancellationToken))).AsList();
        // Where all operators are known only to the identity provider, any user_id is accepted, as the pages accept its tokens.
        if (operators is [] or [(_, _, IsGiven: true), ..])
            return Actor.Operator(id);
        throw new UsageException($"--by {id} is not an operator: an active user with the role operator or admin is required. "
            + $"Operators: {string.Join(", ", operators.Select(one => $"{one.Email} ({one.Id})"))}");
    }
}
